#include "config/labels.h"

#include "config/conditions.h"
#include "config/keys.h"
#include "config/names.h"
#include "config/template.h"

namespace qte::config {
namespace {

constexpr std::string_view kExpected =
    "an argument's name, a template such as \"{bus}:{slot}\" in quotes, a list of these, {lookup: NAME, key: "
    "ARGUMENT}, or {template: TEXT, where: CONDITIONS}";
constexpr std::string_view kTemplates =
    "an argument's name, a template such as \"{bus}:{slot}\" in quotes, or a list of these";
constexpr std::string_view kArguments = "an argument's name or a list of names";

// An unquoted {bus} is a map to YAML, so "unknown key" would not help.
bool HasValues(const Field& entry) {
  for (size_t i = 0; i < entry.node->items.size(); i += 2) {
    if (entry.node->items[i + 1].kind != YamlNode::Kind::kEmpty) return true;
  }
  return false;
}

std::vector<Text> ReadTemplates(const Field& field, std::string_view expected, Report& report) {
  std::vector<Text> texts = ReadTexts(field, expected, report);
  for (const Text& text : texts) {
    Result<std::vector<std::string>> arguments = ArgumentsOfTemplate(text.value);
    if (!arguments) {
      report.Add({text.place.line, text.place.column}, "template " + Quoted(text.value) + ": " + arguments.error());
    }
  }
  return texts;
}

LabelValue ReadLookupLabel(const Fields& fields, Report& report) {
  LabelValue value;
  if (const Field* lookup = fields.Require("lookup", "the name of one of lookups:")) {
    value.lookup = ReadText(*lookup, "the name of one of lookups:", report);
  }
  if (const Field* key = fields.Require("key", kArguments)) value.key = ReadTexts(*key, kArguments, report);
  return value;
}

LabelValue ReadConditionalLabel(const Fields& fields, Report& report) {
  LabelValue value;
  if (const Field* text = fields.Require("template", kTemplates)) {
    value.texts = ReadTemplates(*text, kTemplates, report);
  }
  if (const Field* where = fields.Find("where")) value.where = ReadConditions(*where, report);
  return value;
}

LabelValue ReadMap(const Field& entry, Report& report) {
  Fields fields(entry, {"label " + Quoted(entry.name), kLabelKeys}, report);
  const bool is_lookup = fields.Find("lookup") != nullptr || fields.Find("key") != nullptr;
  bool is_conditional = false;
  for (std::string_view key : {"template", "where"}) {
    const Field* field = fields.Find(key);
    if (field == nullptr) continue;
    is_conditional = true;
    if (is_lookup) report.Add(field->at, Quoted(key) + " does not go with \"lookup\" and \"key\"");
  }
  if (is_lookup) return ReadLookupLabel(fields, report);
  if (is_conditional) return ReadConditionalLabel(fields, report);
  return {};  // all keys are unknown, and reported
}

LabelValue ReadValue(const Field& entry, Report& report) {
  LabelValue value;
  if (entry.node->kind != YamlNode::Kind::kMap) {
    value.texts = ReadTemplates(entry, kExpected, report);
  } else if (HasValues(entry)) {
    value = ReadMap(entry, report);
  } else {
    ReportMismatch(entry, kExpected, report);
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
