#include "config/conditions.h"

#include "config/keys.h"

namespace qte::config {
namespace {

constexpr std::string_view kExpected = "a value, a list of values, {not: ...} or {min: ..., max: ...}";
constexpr std::string_view kValues = "a value or a list of values";

void ReadRangeOrNot(const Field& entry, Condition& condition, Report& report) {
  Fields fields(entry, {"condition " + Quoted(entry.name), kConditionKeys}, report);
  const Field* excluded = fields.Find("not");
  const Field* min = fields.Find("min");
  const Field* max = fields.Find("max");
  if (excluded != nullptr && (min != nullptr || max != nullptr)) {
    report.Add(entry.at, "condition " + Quoted(entry.name) + " takes either \"not\" or \"min\" and \"max\"");
  } else if (excluded != nullptr) {
    condition.kind = Condition::Kind::kNoneOf;
    condition.values = ReadTexts(*excluded, kValues, report, EmptyText::kAllowed);
  } else {
    condition.kind = Condition::Kind::kRange;
    if (min != nullptr) condition.min = ReadText(*min, "a number", report);
    if (max != nullptr) condition.max = ReadText(*max, "a number", report);
  }
}

Condition ReadCondition(const Field& entry, Report& report) {
  Condition condition;
  condition.argument = NameOf(entry, report);
  const YamlNode& node = *entry.node;
  if (node.kind == YamlNode::Kind::kMap && !node.items.empty()) {
    ReadRangeOrNot(entry, condition, report);
  } else if (node.kind == YamlNode::Kind::kMap) {
    ReportMismatch(entry, kExpected, report);
  } else {
    condition.values = ReadTexts(entry, kExpected, report, EmptyText::kAllowed);
  }
  return condition;
}

}  // namespace

std::vector<Condition> ReadConditions(const Field& field, Report& report) {
  std::vector<Condition> conditions;
  for (const Field& entry : Entries(field, "a map of arguments to values", report)) {
    conditions.push_back(ReadCondition(entry, report));
  }
  return conditions;
}

}  // namespace qte::config
