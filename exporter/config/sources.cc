#include "config/sources.h"

#include <algorithm>
#include <array>

#include "config/names.h"
#include "config/regex.h"
#include "config/scalar.h"

namespace qte::config {
namespace {

constexpr auto kKeys = std::to_array<std::string_view>(
    {"path", "exclude", "path_pattern", "labels", "start", "reclaim", "max_disk_bytes"});
constexpr auto kStarts = std::to_array<std::string_view>({"beginning", "end"});
constexpr auto kBools = std::to_array<std::string_view>({"true", "false"});

std::optional<Text> ReadPathPattern(const Field& field, Report& report) {
  std::optional<Text> pattern = ReadText(field, "a regex", report);
  if (!pattern) return pattern;
  Position at = field.node->at;
  Result<std::vector<std::string>> groups = NamedGroups(pattern->value);
  if (!groups) {
    report.Add(at, groups.error());
  } else if (groups->empty()) {
    report.Add(at, "\"path_pattern\" has no named group (?P<vm>...), so it would label nothing");
  } else {
    for (const std::string& group : *groups) {
      if (std::optional<std::string> wrong = WrongSourceLabelName(group)) report.Add(at, *wrong);
    }
  }
  return pattern;
}

std::vector<std::pair<Text, std::string>> ReadFixedLabels(const Field& field, Report& report) {
  std::vector<std::pair<Text, std::string>> labels;
  for (const Field& entry : Entries(field, "a map of label names and texts", report)) {
    if (std::optional<std::string> wrong = WrongSourceLabelName(entry.name)) report.Add(entry.at, *wrong);
    std::optional<Text> text = ReadText(entry, "text", report, EmptyText::kAllowed);
    if (text) labels.emplace_back(NameOf(entry, report), text->value);
  }
  return labels;
}

// Below this, checkpoints would be written all the time.
constexpr uint64_t kLeastDiskBytes = uint64_t{1} << 20;

void ReadReclaim(Fields& fields, Source& source, Report& report) {
  if (const Field* reclaim = fields.Find("reclaim")) {
    std::optional<size_t> choice = ReadChoice(*reclaim, kBools, report);
    if (choice && kBools[*choice] == "true") source.reclaim = report.PlaceOf(reclaim->node->at);
  }
  const Field* most = fields.Find("max_disk_bytes");
  if (most == nullptr) return;
  std::optional<uint64_t> bytes;
  if (most->node->kind == YamlNode::Kind::kScalar) bytes = ParseCount(most->node->text);
  if (bytes.value_or(0) < kLeastDiskBytes) {
    ReportMismatch(*most, "a number of bytes, 1048576 (1 MiB) or more", report);
  } else if (!source.reclaim) {
    report.Add(most->at, "\"max_disk_bytes\" does nothing without \"reclaim: true\"");
  } else {
    source.max_disk_bytes = *bytes;
  }
}

std::vector<Text> ReadExclude(const Field& field, const Source& source, Report& report) {
  if (source.path.value == "-") report.Add(field.at, "\"exclude\" goes by paths, and standard input has none");
  return ReadTexts(field, "a glob or a list of globs", report);
}

Source ReadSource(const Field& item, Report& report) {
  Source source;
  Fields fields(item, {"a source", kKeys}, report);
  if (const Field* path = fields.Require("path", "a file, a glob, a FIFO, or \"-\" for standard input")) {
    source.path = ReadText(*path, "a path", report).value_or(Text{});
  }
  if (const Field* exclude = fields.Find("exclude")) source.exclude = ReadExclude(*exclude, source, report);
  if (const Field* pattern = fields.Find("path_pattern")) source.path_pattern = ReadPathPattern(*pattern, report);
  if (const Field* labels = fields.Find("labels")) source.labels = ReadFixedLabels(*labels, report);
  if (const Field* start = fields.Find("start")) {
    source.start = ReadChoice(*start, kStarts, report) == 1 ? Start::kEnd : Start::kBeginning;
  }
  ReadReclaim(fields, source, report);
  return source;
}

}  // namespace

std::vector<Source> ReadSources(const Field& field, Report& report) {
  std::vector<Source> sources;
  for (const Field& item : Items(field, "a list of maps with path, path_pattern, labels, start", report)) {
    sources.push_back(ReadSource(item, report));
  }
  return sources;
}

std::vector<Text> ReadTraceEvents(const Field& field, Report& report) {
  if (field.node->kind == YamlNode::Kind::kEmpty) return {};
  return ReadTexts(field, "a path or a list of paths", report);
}

}  // namespace qte::config
