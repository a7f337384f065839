#include "commands/sources.h"

#include <cstdint>
#include <map>

#include "guests/source_labels.h"

namespace qte::commands {
namespace {

// {vm="a",host="b"}
std::string Show(const metrics::Labels& labels) {
  std::string text;
  for (const auto& [name, value] : labels) text += (text.empty() ? "" : ",") + name + "=\"" + value + '"';
  return '{' + text + '}';
}

}  // namespace

std::vector<source::SourceSpec> SourceSpecs(const config::Config& config) {
  std::vector<source::SourceSpec> specs;
  for (const config::Source& source : config.sources) {
    specs.push_back(
        {source.path.value, source.start == config::Start::kEnd, source.reclaim ? source.max_disk_bytes : uint64_t{0}});
    for (const config::Text& glob : source.exclude) specs.back().exclude.push_back(glob.value);
  }
  return specs;
}

size_t SourceOf(const source::Discovery& sources, const std::string& path) {
  return (path == "-" ? sources.stdin_source() : sources.SourceOf(path)).value_or(SIZE_MAX);
}

std::vector<std::string> WarningsOfSameLabels(const config::Config& config) {
  struct Known {
    const source::FoundFile* file;
    bool is_told = false;
  };
  const guests::SourceLabels labels(config.sources);
  const source::Scan scan = source::Discovery(SourceSpecs(config)).Look();
  std::map<metrics::Labels, Known> first;
  std::vector<std::string> warnings;
  for (const source::FoundFile& file : scan.files) {
    auto [known, is_new] = first.try_emplace(labels.For(file.source, file.path), Known{&file});
    const source::FoundFile& other = *known->second.file;
    if (is_new || known->second.is_told || other.identity == file.identity ||
        source::ParentOf(other.path) == source::ParentOf(file.path)) {
      continue;
    }
    known->second.is_told = true;
    warnings.push_back(other.path + " and " + file.path + " have the same labels " + Show(known->first) +
                       ", so their series add up; tell them apart by path_pattern or labels");
  }
  return warnings;
}

}  // namespace qte::commands
