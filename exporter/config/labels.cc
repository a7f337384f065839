#include "config/labels.h"

#include <array>

#include "config/names.h"
#include "config/template.h"

namespace qte::config {
namespace {

constexpr auto kKeys = std::to_array<std::string_view>({"lookup", "key"});
constexpr std::string_view kExpected =
    "an argument's name, a template such as \"{bus}:{slot}\" in quotes, a list of these, or {lookup: NAME, key: "
    "ARGUMENT}";
constexpr std::string_view kArguments = "an argument's name or a list of names";

// An unquoted {bus} is a map to YAML, so "unknown key" would not help.
bool IsLookup(const Field& entry) {
  for (size_t i = 0; i < entry.node->items.size(); i += 2) {
    if (entry.node->items[i + 1].kind != YamlNode::Kind::kEmpty) return true;
  }
  return false;
}

LabelValue ReadLookupLabel(const Field& entry, Report& report) {
  LabelValue value;
  Fields fields(entry, {"label " + Quoted(entry.name), kKeys}, report);
  if (const Field* lookup = fields.Require("lookup", "the name of one of lookups:")) {
    value.lookup = ReadText(*lookup, "the name of one of lookups:", report);
  }
  if (const Field* key = fields.Require("key", kArguments)) value.key = ReadTexts(*key, kArguments, report);
  return value;
}

LabelValue ReadValue(const Field& entry, Report& report) {
  LabelValue value;
  if (entry.node->kind == YamlNode::Kind::kMap) {
    if (IsLookup(entry)) return ReadLookupLabel(entry, report);
    ReportMismatch(entry, kExpected, report);
    return value;
  }
  value.texts = ReadTexts(entry, kExpected, report);
  for (const Text& text : value.texts) {
    Result<std::vector<std::string>> arguments = ArgumentsOfTemplate(text.value);
    if (!arguments) {
      report.Add({text.place.line, text.place.column}, "template " + Quoted(text.value) + ": " + arguments.error());
    }
  }
  return value;
}

}  // namespace

std::vector<Label> ReadLabels(const Field& field, Report& report) {
  std::vector<Label> labels;
  for (const Field& entry : Entries(field, "a map of label names to arguments", report)) {
    if (std::optional<std::string> wrong = WrongLabelName(entry.name)) report.Add(entry.at, *wrong);
    labels.push_back({NameOf(entry, report), ReadValue(entry, report)});
  }
  return labels;
}

}  // namespace qte::config
