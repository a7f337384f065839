#include "rules/parts.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <set>

#include "config/template.h"

namespace qte::rules {
namespace {

using trace::Value;
using trace::ValueKind;

bool Equals(const Constant& constant, const Value& value) {
  if (value.is_number()) return constant.is_number && Compare(value, constant.number) == 0;
  return value.has_value() && value.text() == constant.text;
}

LabelPlan CompileLabel(const config::LabelValue& label, const std::vector<LookupPlan>& lookups,
                       const SlotFinder& slot_of) {
  LabelPlan plan;
  if (label.lookup) {
    auto found = std::find_if(lookups.begin(), lookups.end(),
                              [&](const LookupPlan& lookup) { return lookup.name == label.lookup->value; });
    plan.lookup = static_cast<uint32_t>(found - lookups.begin());
    for (const config::Text& key : label.key) plan.key.push_back(slot_of(key.value, ArgumentUse::kNumber));
    return plan;
  }
  plan.where = CompileConditions(label.where, slot_of);
  if (std::any_of(plan.where.begin(), plan.where.end(), [](const ConditionPlan& c) { return c.slot == kNoSlot; })) {
    return {};  // an always empty label
  }
  for (const config::Text& text : label.texts) {
    Result<std::vector<std::string>> arguments = config::ArgumentsOfTemplate(text.value);
    auto is_there = [&](const std::string& argument) { return slot_of(argument, ArgumentUse::kText) != kNoSlot; };
    bool has_all = std::all_of(arguments->begin(), arguments->end(), is_there);
    if (has_all) plan.alternatives.push_back(CompileTemplate(text.value, slot_of));
  }
  return plan;
}

}  // namespace

Template CompileTemplate(std::string_view text, const SlotFinder& slot_of) {
  Template result;
  Result<std::vector<config::TemplatePiece>> pieces = config::ParseTemplate(text);
  assert(pieces.ok());  // the config parser rejects invalid templates
  for (config::TemplatePiece& piece : *pieces) {
    const Slot slot = piece.argument ? slot_of(*piece.argument, ArgumentUse::kText) : kNoSlot;
    result.pieces.push_back({std::move(piece.literal), slot});
  }
  return result;
}

std::vector<ConditionPlan> CompileConditions(const std::vector<config::Condition>& conditions,
                                             const SlotFinder& slot_of) {
  std::vector<ConditionPlan> plans;
  for (const config::Condition& condition : conditions) {
    ConditionPlan& plan = plans.emplace_back();
    plan.kind = condition.kind;
    plan.argument = condition.argument.value;
    plan.slot = slot_of(plan.argument, ArgumentUse::kNumber);
    for (const config::Text& value : condition.values) plan.values.push_back(ParseConstant(value.value));
    if (condition.min) plan.min = ParseConstant(condition.min->value);
    if (condition.max) plan.max = ParseConstant(condition.max->value);
  }
  return plans;
}

LabelSetPlan CompileLabels(const std::vector<config::Label>& labels, const std::vector<LookupPlan>& lookups,
                           const SlotFinder& slot_of) {
  LabelSetPlan set;
  std::set<Slot> inputs;
  for (const config::Label& label : labels) {
    LabelPlan& plan = set.labels.emplace_back(CompileLabel(label.value, lookups, slot_of));
    set.has_lookups = set.has_lookups || plan.lookup != kNone;
    for (const ConditionPlan& condition : plan.where) inputs.insert(condition.slot);
    for (const Template& alternative : plan.alternatives) {
      for (const Template::Piece& piece : alternative.pieces) {
        if (piece.slot != kNoSlot) inputs.insert(piece.slot);
      }
    }
  }
  set.inputs.assign(inputs.begin(), inputs.end());
  return set;
}

Constant ParseConstant(std::string_view text) {
  Constant constant;
  constant.text = text;
  bool negative = text.starts_with('-');
  std::string_view digits = text.substr(negative ? 1 : 0);
  bool hex = digits.starts_with("0x") || digits.starts_with("0X");
  if (hex) digits.remove_prefix(2);
  const char* end = digits.data() + digits.size();
  uint64_t integer = 0;
  auto parsed = std::from_chars(digits.data(), end, integer, hex ? 16 : 10);
  bool fits = !negative || integer <= uint64_t{1} << 63;
  if (!digits.empty() && parsed.ec == std::errc() && parsed.ptr == end && fits) {
    constant.number = negative ? Value::Signed(static_cast<int64_t>(0 - integer)) : Value::Unsigned(integer);
    constant.is_number = true;
    return constant;
  }
  double real = 0;
  end = text.data() + text.size();
  auto parsed_real = std::from_chars(text.data(), end, real);
  if (!hex && !text.empty() && parsed_real.ec == std::errc() && parsed_real.ptr == end) {
    constant.number = Value::Real(real);
    constant.is_number = true;
  } else if (text == "true" || text == "false") {  // QEMU prints a bool with %d
    constant.number = Value::Unsigned(text == "true" ? 1 : 0);
    constant.is_number = true;
  }
  return constant;
}

int Compare(const Value& value, const Value& constant) {
  if (value.kind == ValueKind::kInteger && constant.kind == ValueKind::kInteger) {
    if (value.negative != constant.negative) return value.negative ? -1 : 1;
    if (value.bits == constant.bits) return 0;
    return value.bits < constant.bits ? -1 : 1;  // two's complement keeps the order of negative numbers
  }
  double a = value.AsDouble();
  double b = constant.AsDouble();
  return a < b ? -1 : a > b ? 1 : 0;
}

bool Holds(const ConditionPlan& condition, const Value& value) {
  if (!value.has_value()) return false;
  using Kind = config::Condition::Kind;
  if (condition.kind == Kind::kRange) {
    return value.is_number() && (!condition.min || Compare(value, condition.min->number) >= 0) &&
           (!condition.max || Compare(value, condition.max->number) <= 0);
  }
  bool any = std::any_of(condition.values.begin(), condition.values.end(),
                         [&](const Constant& constant) { return Equals(constant, value); });
  return any == (condition.kind == Kind::kAnyOf);
}

bool HoldsAll(const std::vector<ConditionPlan>& conditions, const Values& values) {
  return std::all_of(conditions.begin(), conditions.end(),
                     [&](const ConditionPlan& condition) { return Holds(condition, values[condition.slot]); });
}

void PutSameConditionsTogether(std::vector<RulePlan>& rules) {
  for (auto first = rules.begin(); first != rules.end();) {
    auto last = std::stable_partition(first, rules.end(), [where = first->where](const RulePlan& rule) {
      return rule.where == where;
    });
    for (auto rule = first + 1; rule != last; ++rule) rule->shares_where = true;
    first = last;
  }
}

}  // namespace qte::rules
