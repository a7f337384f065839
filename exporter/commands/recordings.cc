#include "commands/recordings.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>

#include "commands/options.h"
#include "commands/sources.h"
#include "commands/summary.h"
#include "commands/trace_reader.h"

namespace qte::commands {

std::string AbsolutePath(const std::string& path) {
  if (path == "-") return path;
  std::error_code ignored;
  std::string absolute = std::filesystem::absolute(path, ignored).lexically_normal().string();
  return ignored ? path : absolute;
}

bool CheckTraces(const std::vector<std::string>& files) {
  bool good = true;
  for (const std::string& file : files) {
    if (Status status = CheckTrace(file); !status) {
      std::cerr << "qemu-trace-exporter: " << status.error() << '\n';
      good = false;
    }
  }
  return good;
}

std::vector<Recording> GroupByLabels(const config::Config& config, const guests::SourceLabels& labels,
                                     const std::vector<std::string>& files) {
  const source::Discovery sources(SourceSpecs(config));
  std::map<metrics::Labels, std::vector<size_t>> by_labels;
  for (size_t i = 0; i < files.size(); ++i) {
    std::string path = AbsolutePath(files[i]);
    by_labels[labels.For(SourceOf(sources, path), path)].push_back(i);
  }
  std::vector<Recording> recordings;
  for (auto& [of_labels, group] : by_labels) recordings.push_back({of_labels, std::move(group)});
  std::sort(recordings.begin(), recordings.end(),
            [](const Recording& a, const Recording& b) { return a.files.back() < b.files.back(); });
  return recordings;
}

std::vector<trace::LineOpener::Pin> EnvelopesOf(const config::Config& config, const guests::SourceLabels& labels,
                                                const std::vector<std::string>& files) {
  const source::Discovery sources(SourceSpecs(config));
  std::vector<trace::LineOpener::Pin> envelopes;
  for (const std::string& file : files) envelopes.push_back(labels.EnvelopeOf(SourceOf(sources, AbsolutePath(file))));
  return envelopes;
}

uint64_t SizeOf(const std::vector<std::string>& files) {
  uint64_t total = 0;
  for (const std::string& file : files) {
    std::error_code error;
    uint64_t size = std::filesystem::is_regular_file(file, error) ? std::filesystem::file_size(file, error) : 0;
    if (error || size == 0) return 0;
    total += size;
  }
  return total;
}

int Tell(const std::vector<std::string>& files, const std::vector<Remarks>& all) {
  int exit_code = kExitFine;
  for (size_t i = 0; i < all.size(); ++i) {
    const Remarks& remarks = all[i];
    if (remarks.dropped_events > 0) {
      std::cerr << "warning: " << AbsolutePath(files[i]) << ": " << DroppedText(remarks.dropped_events)
                << " because its trace buffer was full, so counts are too low by that number; trace fewer events\n";
    }
    if (!remarks.without_time.empty()) {
      std::cerr << "warning: " << remarks.without_time
                << ": no timestamps, so durations stay empty; run QEMU with -msg timestamp=on\n";
    }
    if (!remarks.error.empty()) {
      std::cerr << "qemu-trace-exporter: " << remarks.error << '\n';
      exit_code = kExitBadInput;
    }
  }
  return exit_code;
}

void Tell(const std::vector<Warning>& warnings) {
  for (const Warning& warning : warnings) std::cerr << "warning: " << warning.Line() << '\n';
}

}  // namespace qte::commands
