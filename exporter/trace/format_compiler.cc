// A printf format, taken apart once.
#include <algorithm>
#include <array>
#include <cstring>

#include "base/hash.h"
#include "trace/format.h"
#include "trace/format_spec.h"

namespace qte::trace {

Status FormatReader::AddConversion(const FormatSpec& spec, size_t& argument, size_t arguments) {
  static constexpr std::pair<char, Conversion> kLetters[] = {
      {'u', Conversion::kUnsigned}, {'d', Conversion::kSigned}, {'i', Conversion::kSigned},  {'x', Conversion::kHex},
      {'X', Conversion::kHex},      {'o', Conversion::kOctal},  {'p', Conversion::kPointer}, {'c', Conversion::kChar},
      {'s', Conversion::kString},   {'f', Conversion::kReal},   {'g', Conversion::kReal},    {'e', Conversion::kReal}};
  const auto* known = std::find_if(std::begin(kLetters), std::end(kLetters),
                                   [&](const auto& entry) { return entry.first == spec.letter; });
  if (known == std::end(kLetters)) return Error{"unknown conversion %" + std::string(1, spec.letter)};
  argument += spec.stars();
  if (argument >= arguments) return Error{"more conversions than arguments"};
  Step step;
  step.conversion = known->second;
  static_assert(kMaxArguments < kSkip);
  step.argument = static_cast<uint8_t>(argument++);
  step.has_base = spec.base;
  bool numeric = step.conversion != Conversion::kString && step.conversion != Conversion::kChar;
  if (spec.left) {
    step.width = static_cast<uint8_t>(spec.width);
  } else if (!spec.zero && spec.width > (numeric ? spec.precision : 0)) {
    step.pad_left = static_cast<uint8_t>(spec.width - 1);
  }
  if (numeric) step.exact_digits = static_cast<uint8_t>(std::max(spec.precision, spec.zero ? spec.width : 0));
  steps_.push_back(step);
  return {};
}

void FormatReader::AddLiteral(char c) {
  constexpr size_t kMostBytes = sizeof Step::literal;
  if (steps_.empty() || steps_.back().literal_size == kMostBytes) steps_.emplace_back();
  Step& step = steps_.back();
  std::array<char, kMostBytes> bytes;
  std::array<char, kMostBytes> mask;
  std::memcpy(bytes.data(), &step.literal, kMostBytes);
  std::memcpy(mask.data(), &step.mask, kMostBytes);
  bytes[step.literal_size] = c;
  mask[step.literal_size] = '\xff';
  step.literal = Load64(bytes.data());
  step.mask = Load64(mask.data());
  ++step.literal_size;
}

void FormatReader::Finish() {
  for (size_t i = 0; i < steps_.size(); ++i) {
    bool before_number = steps_[i].literal_size == 0 && i + 1 < steps_.size() && steps_[i + 1].is_number() &&
                         steps_[i + 1].pad_left == 0;
    if (!before_number) steps_[i].exact_digits = 0;
  }
  steps_.emplace_back();
  SelectArguments({});
}

void FormatReader::SelectArguments(std::span<const Selected> selected) {
  for (size_t i = 0; i < steps_.size(); ++i) {
    Step& step = steps_[i];
    const bool is_selected = step.is_conversion() && step.argument < selected.size();
    const Selected wanted = is_selected ? selected[step.argument] : Selected();
    step.slot = wanted.slot;
    step.use = wanted.use;
    step.op = OpOf(i);
  }
}

FormatReader::Op FormatReader::OpOf(size_t index) const {
  const Step& step = steps_[index];
  bool is_last = index + 1 == steps_.size();
  if (!step.is_conversion()) return is_last ? Op::kEnd : Op::kLiteral;
  if (step.conversion == Conversion::kString) {
    bool nothing_follows = index + 2 == steps_.size() && step.literal_size == 0;
    return nothing_follows ? Op::kRest : Op::kString;
  }
  if (step.pad_left != 0 || step.width != 0 || step.exact_digits != 0 || step.has_base) return Op::kOther;
  auto of_use = [&](Op number, Op text, Op skip) {
    if (step.slot == kSkip) return skip;
    return step.use == ArgumentUse::kText ? text : number;
  };
  switch (step.conversion) {
    case Conversion::kHex:
      return of_use(Op::kHex, Op::kTextOfHex, Op::kSkipHex);
    case Conversion::kPointer:
      return of_use(Op::kPointer, Op::kTextOfPointer, Op::kSkipPointer);
    case Conversion::kUnsigned:
      return of_use(Op::kUnsigned, Op::kTextOfUnsigned, Op::kSkipUnsigned);
    case Conversion::kSigned:
      return of_use(Op::kSigned, Op::kTextOfSigned, Op::kSkipSigned);
    default:
      return Op::kOther;
  }
}

Result<FormatReader> FormatReader::Compile(const Declaration& declaration) {
  FormatReader reader;
  const std::string_view format = FirstLineOf(declaration.format);
  size_t argument = 0;
  for (size_t at = 0; at < format.size();) {
    const bool is_conversion = IsConversion(format, at);
    const char c = format[at++];
    if (!is_conversion) {
      if (c == '%') ++at;  // "%%"
      reader.AddLiteral(c);
      continue;
    }
    Result<FormatSpec> spec = ParseFormatSpec(format, at);
    if (!spec) return Error{spec.error()};
    if (Status s = reader.AddConversion(*spec, argument, declaration.arguments.size()); !s) return Error{s.error()};
  }
  reader.Finish();
  return reader;
}

}  // namespace qte::trace
