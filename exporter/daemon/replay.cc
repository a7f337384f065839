// replay: recorded traces in, their metrics out, through the same pipeline as serve.
#include <fnmatch.h>

#include <filesystem>
#include <iostream>

#include "daemon/commands.h"
#include "daemon/load.h"
#include "daemon/trace_reader.h"
#include "exposition/text.h"
#include "pipeline/pipeline.h"

namespace qte::daemon {
namespace {

std::string Absolute(const std::string& path) {
  if (path == "-") return path;
  std::error_code ignored;
  std::string absolute = std::filesystem::absolute(path, ignored).lexically_normal().string();
  return ignored ? path : absolute;
}

// The config's source that would follow this file, so that it gets the same labels here.
size_t SourceOf(const config::Config& config, const std::string& path) {
  for (size_t i = 0; i < config.sources.size(); ++i) {
    if (fnmatch(Absolute(config.sources[i].path.value).c_str(), path.c_str(), FNM_PATHNAME) == 0) return i;
  }
  return config.sources.size();
}

// Tells of every file that cannot be opened, before any is read: half an answer would look like a whole one.
bool CheckAll(const std::vector<std::string>& files) {
  bool good = true;
  for (const std::string& file : files) {
    if (Status status = CheckTrace(file); !status) {
      std::cerr << "qemu-trace-exporter: " << status.error() << '\n';
      good = false;
    }
  }
  return good;
}

}  // namespace

int Replay(const Options& options) {
  LoadOutcome outcome = LoadConfig(options);
  PrintProblems(outcome);
  if (!outcome.loaded || !CheckAll(options.files)) return kExitBadInput;
  const LoadedConfig& loaded = *outcome.loaded;
  pipeline::Pipeline pipeline(loaded.program, pipeline::SourceLabels(loaded.config.sources));
  int exit_code = kExitFine;
  for (source::StreamId id = 0; id < options.files.size(); ++id) {
    std::string path = Absolute(options.files[id]);
    pipeline.OnOpen(id, SourceOf(loaded.config, path), path);
    Status read = ReadTrace(options.files[id], [&](std::string_view bytes) { pipeline.OnBytes(id, bytes); });
    std::string without_time = pipeline.TakePathWithoutTime();
    if (!without_time.empty()) {
      std::cerr << "warning: " << without_time
                << ": no timestamps, so durations stay empty; run QEMU with -msg timestamp=on\n";
    }
    pipeline.EndOfRecording(id);
    if (!read) {
      std::cerr << "qemu-trace-exporter: " << read.error() << '\n';
      exit_code = kExitBadInput;
    }
  }
  std::cout << exposition::ToText(pipeline.TakeSnapshot()) << std::flush;
  return std::cout.good() ? exit_code : kExitBadInput;
}

}  // namespace qte::daemon
