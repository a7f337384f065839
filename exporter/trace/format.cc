#include "trace/format.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>

namespace qte::trace {
namespace {

// Value of a hexadecimal digit, or 0xff.
constexpr auto kHexDigits = [] {
  struct {
    uint8_t of[256];
  } table{};
  for (uint8_t& digit : table.of) digit = 0xff;
  for (uint8_t i = 0; i < 10; ++i) table.of['0' + i] = i;
  for (uint8_t i = 0; i < 6; ++i) table.of['a' + i] = table.of['A' + i] = static_cast<uint8_t>(10 + i);
  return table;
}();

bool IsBlank(char c) {
  return c == ' ';
}

// Each reads digits from p on, as many as there are up to `end`; false where there is none or the number does not fit
// into 64 bits.
bool ReadHex(const char*& p, const char* end, uint64_t& number) {
  const char* start = p;
  uint64_t n = 0;
  for (; p != end; ++p) {
    uint8_t digit = kHexDigits.of[static_cast<unsigned char>(*p)];
    if (digit == 0xff) break;
    if (n >> 60 != 0) return false;
    n = n << 4 | digit;
  }
  number = n;
  return p != start;
}

template <unsigned kBase>
bool ReadDigits(const char*& p, const char* end, uint64_t& number) {
  const char* start = p;
  uint64_t n = 0;
  for (; p != end; ++p) {
    unsigned digit = static_cast<unsigned char>(*p) - unsigned{'0'};
    if (digit >= kBase) break;
    if (n > std::numeric_limits<uint64_t>::max() / kBase) return false;
    n = n * kBase + digit;
    if (n < digit) return false;
  }
  number = n;
  return p != start;
}

bool ReadSigned(const char*& p, const char* end, uint64_t& number, bool& negative) {
  negative = p != end && *p == '-';
  if (negative || (p != end && *p == '+')) ++p;
  if (!ReadDigits<10>(p, end, number)) return false;
  if (!negative) return true;
  if (number > uint64_t{1} << 63) return false;
  negative = number != 0;
  number = 0 - number;
  return true;
}

bool ReadReal(const char*& p, const char* end, Value& value) {
  double real = 0;
  auto [after, error] = std::from_chars(p, end, real);
  if (error != std::errc()) return false;
  value.kind = ValueKind::kReal;
  value.real = real;
  p = after;
  return true;
}

void SetText(Value& value, const char* start, const char* end) {
  value.data = start;
  value.size = static_cast<uint32_t>(end - start);
}

}  // namespace

// What stands between '%' and the conversion letter.
struct FormatReader::Spec {
  bool zero = false;
  bool left = false;
  int stars = 0;  // arguments taken for '*'
  unsigned width = 0;
  unsigned precision = 0;
  char letter = 0;
};

Result<FormatReader::Spec> FormatReader::ParseSpec(std::string_view format, size_t& at) {
  Spec spec;
  auto peek = [&] { return at < format.size() ? format[at] : '\0'; };
  auto number = [&] {
    unsigned n = 0;
    if (peek() == '*') {
      ++spec.stars;
      ++at;
    }
    for (; peek() >= '0' && peek() <= '9'; ++at) n = std::min(n * 10 + static_cast<unsigned>(peek() - '0'), 255u);
    return n;
  };
  for (; peek() != '\0' && std::strchr("-+ #0", peek()) != nullptr; ++at) {
    if (peek() == '0') spec.zero = true;
    if (peek() == '-') spec.left = true;
  }
  spec.width = number();
  if (peek() == '.') {
    ++at;
    spec.precision = number();
  }
  while (peek() != '\0' && std::strchr("hlzjtLq", peek()) != nullptr) ++at;
  if (peek() == '\0') return Error{"format ends inside a conversion"};
  spec.letter = format[at++];
  return spec;
}

Status FormatReader::AddConversion(const Spec& spec, size_t& argument, size_t arguments) {
  static constexpr std::pair<char, Conversion> kLetters[] = {
      {'u', Conversion::kUnsigned}, {'d', Conversion::kSigned}, {'i', Conversion::kSigned},  {'x', Conversion::kHex},
      {'X', Conversion::kHex},      {'o', Conversion::kOctal},  {'p', Conversion::kPointer}, {'c', Conversion::kChar},
      {'s', Conversion::kString},   {'f', Conversion::kReal},   {'g', Conversion::kReal},    {'e', Conversion::kReal}};
  const auto* known = std::find_if(std::begin(kLetters), std::end(kLetters),
                                   [&](const auto& entry) { return entry.first == spec.letter; });
  if (known == std::end(kLetters)) return Error{"unknown conversion %" + std::string(1, spec.letter)};
  argument += static_cast<size_t>(spec.stars);
  if (argument >= arguments) return Error{"more conversions than arguments"};
  Step step;
  step.conversion = known->second;
  step.argument = static_cast<uint8_t>(argument++);
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

Result<FormatReader> FormatReader::Compile(const Declaration& declaration) {
  FormatReader reader;
  std::string_view format = declaration.format;
  format = format.substr(0, format.find('\n'));
  size_t argument = 0;
  for (size_t at = 0; at < format.size();) {
    char c = format[at++];
    if (c == '%' && at < format.size() && format[at] != '%') {
      Result<Spec> spec = ParseSpec(format, at);
      if (!spec) return Error{spec.error()};
      if (Status s = reader.AddConversion(*spec, argument, declaration.arguments.size()); !s) return Error{s.error()};
      reader.steps_.back().literal_at = static_cast<uint16_t>(reader.literals_.size());
      continue;
    }
    if (c == '%') ++at;  // "%%"
    if (reader.steps_.empty()) {
      reader.head_ += c;
    } else {
      reader.literals_ += c;
      ++reader.steps_.back().literal_size;
    }
  }
  if (reader.literals_.size() > UINT16_MAX) return Error{"format is too long"};
  for (size_t i = 0; i < reader.steps_.size(); ++i) {
    Step& step = reader.steps_[i];
    bool before_number = step.literal_size == 0 && i + 1 < reader.steps_.size() &&
                         reader.steps_[i + 1].conversion < Conversion::kChar && reader.steps_[i + 1].pad_left == 0;
    if (!before_number) step.exact_digits = 0;
  }
  return reader;
}

void FormatReader::SelectArguments(std::span<const uint8_t> slots) {
  for (Step& step : steps_) step.slot = step.argument < slots.size() ? slots[step.argument] : kSkip;
}

bool FormatReader::Prints(size_t argument) const {
  return std::any_of(steps_.begin(), steps_.end(), [&](const Step& step) { return step.argument == argument; });
}

bool FormatReader::ReadNumber(const Step& step, const char*& p, const char* end, Value& value) {
  if (step.exact_digits != 0 && end - p > step.exact_digits) end = p + step.exact_digits;
  value.kind = ValueKind::kInteger;
  value.negative = false;
  switch (step.conversion) {
    case Conversion::kUnsigned:
      return ReadDigits<10>(p, end, value.bits);
    case Conversion::kSigned:
      return ReadSigned(p, end, value.bits, value.negative);
    case Conversion::kOctal:
      return ReadDigits<8>(p, end, value.bits);
    case Conversion::kHex:
      if (end - p > 2 && p[0] == '0' && p[1] == 'x') p += 2;  // "%#x"
      return ReadHex(p, end, value.bits);
    case Conversion::kPointer:
      if (end - p >= 5 && std::memcmp(p, "(nil)", 5) == 0) {
        p += 5;
        value.bits = 0;
        return true;
      }
      if (end - p < 3 || p[0] != '0' || p[1] != 'x') return false;
      p += 2;
      return ReadHex(p, end, value.bits);
    default:
      return ReadReal(p, end, value);
  }
}

// Reads all but strings, which end where the rest of the format says.
bool FormatReader::ReadConversion(const Step& step, const char*& p, const char* end, Value& value) {
  const char* from = p;
  for (int i = 0; i < step.pad_left && p != end && IsBlank(*p); ++i) ++p;
  const char* start = p;
  if (step.conversion == Conversion::kChar) {
    if (p == end) return false;
    ++p;
    value.kind = ValueKind::kText;
  } else if (!ReadNumber(step, p, end, value)) {
    return false;
  }
  SetText(value, start, p);
  while (p - from < step.width && p != end && IsBlank(*p)) ++p;
  return true;
}

bool FormatReader::SkipLiteral(const Step& step, const char*& p, const char* end) const {
  size_t size = step.literal_size;
  if (static_cast<size_t>(end - p) < size) return false;
  if (std::memcmp(p, literals_.data() + step.literal_at, size) != 0) return false;
  p += size;
  return true;
}

// The next place at or after `from` where the literal of `step` stands; null if there is none.
const char* FormatReader::FindLiteral(const Step& step, const char* from, const char* end) const {
  if (step.literal_size == 0) return from;
  std::string_view text(from, static_cast<size_t>(end - from));
  size_t at = text.find(std::string_view(literals_).substr(step.literal_at, step.literal_size));
  return at == std::string_view::npos ? nullptr : from + at;
}

template <bool kTrack>
bool FormatReader::Match(std::string_view text, Value* values, size_t* furthest) const {
  const char* p = text.data();
  const char* const end = p + text.size();
  auto reached = [&](const char* at) {
    if constexpr (kTrack) *furthest = std::max(*furthest, static_cast<size_t>(at - text.data()));
  };
  if (text.size() < head_.size() || std::memcmp(p, head_.data(), head_.size()) != 0) {
    reached(std::mismatch(p, end, head_.begin(), head_.end()).first);
    return false;
  }
  p += head_.size();
  const Step* const last = steps_.data() + steps_.size();
  const Step* string = nullptr;  // the latest %s, which is tried again further on when what follows does not fit
  const char* string_start = nullptr;
  const char* string_end = nullptr;
  Value scratch;
  const Step* step = steps_.data();
  while (true) {
    bool fits = true;
    if (step == last) {
      if (p == end) return true;
      fits = false;
    } else if (step->conversion == Conversion::kString) {
      string = step;
      for (int i = 0; i < step->pad_left && p != end && IsBlank(*p); ++i) ++p;
      string_start = p;
      // Nothing follows: the string is all that is left.
      string_end = step + 1 == last && step->literal_size == 0 ? end : FindLiteral(*step, p, end);
      fits = string_end != nullptr;
    } else {
      fits = ReadConversion(*step, p, end, step->slot == kSkip ? scratch : values[step->slot]) &&
             SkipLiteral(*step, p, end);
    }
    if (!fits) {
      reached(p);
      if (string == nullptr || string_end == nullptr || string_end == end) return false;
      step = string;
      string_end = FindLiteral(*string, string_end + 1, end);
      if (string_end == nullptr) return false;
    }
    if (step != last && step->conversion == Conversion::kString) {
      if (step->slot != kSkip) {
        values[step->slot].kind = ValueKind::kText;
        SetText(values[step->slot], string_start, string_end);
      }
      p = string_end + step->literal_size;
    }
    ++step;
  }
}

bool FormatReader::Read(std::string_view text, Value* values) const {
  return Match<false>(text, values, nullptr);
}

size_t FormatReader::FirstMismatch(std::string_view text) const {
  size_t furthest = 0;
  Value unused[kMaxArguments];
  FormatReader all = *this;
  for (Step& step : all.steps_) step.slot = kSkip;
  return all.Match<true>(text, unused, &furthest) ? text.size() : furthest;
}

}  // namespace qte::trace
