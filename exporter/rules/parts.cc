#include "rules/parts.h"

#include <algorithm>
#include <charconv>

namespace qte::rules {
namespace {

using trace::Value;
using trace::ValueKind;

// One step through a template: a literal run, then perhaps an argument's name.
struct TemplateStep {
  std::string literal;
  std::optional<std::string_view> argument;
};

Result<TemplateStep> NextStep(std::string_view& text) {
  TemplateStep step;
  while (!text.empty()) {
    char c = text.front();
    if ((c == '{' || c == '}') && text.size() > 1 && text[1] == c) {
      step.literal += c;
      text.remove_prefix(2);
    } else if (c == '{') {
      size_t end = text.find('}');
      if (end == std::string_view::npos) return Error{"'{' without '}'"};
      step.argument = text.substr(1, end - 1);
      if (step.argument->empty()) return Error{"empty argument name {}"};
      text.remove_prefix(end + 1);
      return step;
    } else if (c == '}') {
      return Error{"'}' without '{'"};
    } else {
      step.literal += c;
      text.remove_prefix(1);
    }
  }
  return step;
}

bool IsTemplate(std::string_view text) {
  return text.find_first_of("{}") != std::string_view::npos;
}

bool Equals(const Constant& constant, const Value& value) {
  if (value.is_number()) return constant.is_number && Compare(value, constant.number) == 0;
  return value.has_value() && value.text() == constant.text;
}

}  // namespace

Result<std::vector<std::string>> TemplateArguments(std::string_view text) {
  if (!IsTemplate(text)) return std::vector<std::string>{std::string(text)};
  std::vector<std::string> arguments;
  while (!text.empty()) {
    Result<TemplateStep> step = NextStep(text);
    if (!step) return Error{step.error()};
    if (step->argument) arguments.emplace_back(*step->argument);
  }
  return arguments;
}

Template CompileTemplate(std::string_view text, const SlotFinder& slot_of) {
  Template result;
  if (!IsTemplate(text)) {
    result.pieces.push_back({"", slot_of(text)});
    return result;
  }
  while (!text.empty()) {
    Result<TemplateStep> step = NextStep(text);  // checked by TemplateArguments
    result.pieces.push_back({step->literal, step->argument ? slot_of(*step->argument) : kNoSlot});
  }
  return result;
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
  } else if (text == "true" || text == "false") {  // QEMU prints a bool by %d
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

}  // namespace qte::rules
