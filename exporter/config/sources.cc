#include "config/sources.h"

#include <algorithm>
#include <array>

#include "config/names.h"
#include "config/regex.h"

namespace qte::config {
namespace {

constexpr auto kKeys = std::to_array<std::string_view>({"path", "path_pattern", "labels", "start", "reclaim"});
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

// Nothing implements it yet, and a user who asks for it relies on the disk staying bounded.
void RefuseReclaim(const Field& field, Report& report) {
  std::optional<size_t> choice = ReadChoice(field, kBools, report);
  if (choice && kBools[*choice] == "true") {
    report.Add(field.node->at, "\"reclaim: true\" is not supported yet; leave it out");
  }
}

Source ReadSource(const Field& item, Report& report) {
  Source source;
  Fields fields(item, {"a source", kKeys}, report);
  if (const Field* path = fields.Require("path", "a file, a glob, a FIFO, or \"-\" for standard input")) {
    source.path = ReadText(*path, "a path", report).value_or(Text{});
  }
  if (const Field* pattern = fields.Find("path_pattern")) source.path_pattern = ReadPathPattern(*pattern, report);
  if (const Field* labels = fields.Find("labels")) source.labels = ReadFixedLabels(*labels, report);
  if (const Field* start = fields.Find("start")) {
    source.start = ReadChoice(*start, kStarts, report) == 1 ? Start::kEnd : Start::kBeginning;
  }
  if (const Field* reclaim = fields.Find("reclaim")) RefuseReclaim(*reclaim, report);
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
