#include "commands/sources.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <map>
#include <set>
#include <utility>

#include "base/content.h"
#include "base/unique_fd.h"
#include "guests/source_labels.h"
#include "source/rotation_search.h"

namespace qte::commands {
namespace {

// Warns of files that cannot be opened or are not text, with one example for each source and reason.
void AddUnreadable(const source::Scan& scan, std::vector<Warning>& warnings) {
  std::set<std::pair<size_t, std::string>> told;
  for (const source::FoundFile& file : scan.files) {
    std::string error;
    struct stat status {};
    if (::access(file.path.c_str(), R_OK) != 0) {
      error = std::string("cannot open: ") + std::strerror(errno) + source::RemedyOf(errno);
    } else if (::stat(file.path.c_str(), &status) == 0 && S_ISREG(status.st_mode)) {  // opening a FIFO wakes its writer
      UniqueFd fd(::open(file.path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
      std::array<char, kContentHeadBytes> head{};
      ssize_t size = ::pread(fd.get(), head.data(), head.size(), 0);
      error = RefusalOf(ContentOf({head.data(), static_cast<size_t>(std::max<ssize_t>(size, 0))}));
    }
    if (!error.empty() && told.emplace(file.source, error).second) warnings.push_back({file.path, error});
  }
}

void AddSameLabels(const config::Config& config, const source::Scan& scan, std::vector<Warning>& warnings) {
  struct Known {
    const source::FoundFile* file;
    bool is_told = false;
  };
  const guests::SourceLabels labels(config.sources);
  std::map<metrics::Labels, Known> first;
  for (const source::FoundFile& file : scan.files) {
    auto [known, is_new] = first.try_emplace(labels.For(file.source, file.path), Known{&file});
    const source::FoundFile& other = *known->second.file;
    if (is_new || known->second.is_told || other.identity == file.identity ||
        source::RotationSearch::AreOfOneLog(other.path, file.path)) {
      continue;
    }
    known->second.is_told = true;
    warnings.push_back({file.path, guests::SameLabelsText(other.path, known->first)});
  }
}

}  // namespace

std::vector<source::SourceSpec> SourceSpecs(const config::Config& config) {
  std::vector<source::SourceSpec> specs;
  for (const config::Source& source : config.sources) {
    specs.push_back(
        {source.path.value, source.start == config::Start::kEnd, source.reclaim ? source.max_disk_bytes : uint64_t{0}});
    specs.back().is_attached = source.usdt.has_value();
    for (const config::Text& glob : source.exclude) specs.back().exclude.push_back(glob.value);
  }
  return specs;
}

size_t SourceOf(const source::Discovery& sources, const std::string& path) {
  return (path == "-" ? sources.stdin_source() : sources.SourceOf(path)).value_or(SIZE_MAX);
}

std::vector<Warning> WarningsOfSources(const config::Config& config) {
  const source::Scan scan = source::Discovery(SourceSpecs(config)).Look();
  std::vector<Warning> warnings;
  for (const source::Problem& problem : scan.problems) warnings.push_back({problem.path, problem.error});
  warnings.insert(warnings.end(), scan.warnings.begin(), scan.warnings.end());
  AddUnreadable(scan, warnings);
  AddSameLabels(config, scan, warnings);
  return warnings;
}

}  // namespace qte::commands
