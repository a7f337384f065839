#include "trace/format.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <limits>

#include "base/digits.h"

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

// Windows prints all digits of a pointer and no "0x": 16, or 8 where QEMU is a 32-bit program.
bool ReadWindowsPointer(const char*& p, const char* end, uint64_t& number) {
  const char* start = p;
  return ReadHex(p, end, number) && (p - start == 16 || p - start == 8);
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

bool FormatReader::Prints(size_t argument) const {
  return argument < kSkip &&
         std::any_of(steps_.begin(), steps_.end(), [&](const Step& step) { return step.argument == argument; });
}

// Any number. It may stand right before another one, and may not fit into 64 bits.
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
      if (step.has_base && end - p > 2 && p[0] == '0' && p[1] == 'x') p += 2;
      return ReadHex(p, end, value.bits);
    case Conversion::kPointer:
      if (end - p >= 5 && std::memcmp(p, "(nil)", 5) == 0) {
        p += 5;
        value.bits = 0;
        return true;
      }
      if (end - p < 3 || p[0] != '0' || p[1] != 'x') return ReadWindowsPointer(p, end, value.bits);
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

// Keeps `p` of the caller in a register: what a call may change lies in memory.
inline bool FormatReader::ReadOther(const Step& step, const char*& p, const char* end, Value* values) {
  Value scratch;
  const char* moved = p;
  bool fits = ReadConversion(step, moved, end, step.slot == kSkip ? scratch : values[step.slot]);
  p = moved;
  return fits;
}

// A plain number at `p`: counts its digits and, if the number is wanted, folds them. Anything else, and what has more
// digits than are counted at once, is for ReadConversion.
template <FormatReader::Conversion kConversion, FormatReader::Wanted kWanted>
[[gnu::always_inline]] inline bool FormatReader::ReadPlain(const Step& step, const char*& p, const char* end,
                                                           Value* values) {
  constexpr bool kIsDecimal = kConversion == Conversion::kUnsigned || kConversion == Conversion::kSigned;
  const char* digits = p;
  bool is_negative = false;
  if constexpr (kConversion == Conversion::kPointer) {
    digits += p[0] == '0' && p[1] == 'x' ? 2 : 0;
  } else if constexpr (kConversion == Conversion::kSigned) {
    is_negative = *p == '-';
    digits += is_negative ? 1 : 0;
  }
  size_t size = kIsDecimal ? CountDecimalDigits(digits) : CountHexDigits(digits);
  bool is_plain = size - 1 < kDigitStep - 1 && (kConversion != Conversion::kPointer || digits != p);
  if (!is_plain) return ReadOther(step, p, end, values);
  const char* after = digits + size;
  if constexpr (kWanted != Wanted::kNothing) {
    Value& value = values[step.slot];
    value.kind = ValueKind::kInteger;
    SetText(value, p, after);
    if constexpr (kWanted == Wanted::kNumber) {
      uint64_t number = kIsDecimal ? DecimalNumber(digits, size) : HexNumber(digits, size);
      value.negative = is_negative && number != 0;
      value.bits = is_negative ? 0 - number : number;
    }
  }
  p = after;
  return true;
}

inline bool FormatReader::HasLiteral(const Step& step, const char* p) {
  return ((Load64(p) ^ step.literal) & step.mask) == 0;
}

// The next place at or after `from` where the literal of `step` stands; null if there is none.
inline const char* FormatReader::FindLiteral(const Step& step, const char* from, const char* end) {
  if (step.literal_size == 0) return from;
  char first;
  std::memcpy(&first, &step.literal, sizeof first);
  for (const char* p = from;; ++p) {
    p += FindByte({p, static_cast<size_t>(end - p)}, first);
    if (p == end) return nullptr;
    if (HasLiteral(step, p)) return p;
  }
}

// Where in `text` the reading stands, and what is needed to go back.
//
// A string ends at the first place from which the literal after it stands. Where the rest does not fit from there, the
// latest string is tried again at its next such place.
struct FormatReader::Cursor {
  const char* p;
  const char* const end;
  const Step* string = nullptr;  // the latest one
  const char* string_start = nullptr;
  const char* string_end = nullptr;

  // False if the literal of the string does not stand anywhere from `from` on.
  bool EndStringFrom(const char* from, Value* values) {
    string_end = FindLiteral(*string, from, end);
    if (string_end == nullptr) return false;
    p = string_end;
    StoreString(values);
    return true;
  }
  void StoreString(Value* values) const {
    if (string->slot == kSkip) return;
    Value& value = values[string->slot];
    value.kind = ValueKind::kText;
    SetText(value, string_start, string_end);
  }
};

[[gnu::always_inline]] inline bool FormatReader::ReadString(const Step& step, Cursor& at, Value* values) {
  for (int i = 0; i < step.pad_left && at.p != at.end && IsBlank(*at.p); ++i) ++at.p;
  at.string = &step;
  at.string_start = at.p;
  if (step.op == Op::kString) return at.EndStringFrom(at.p, values);
  at.p = at.string_end = at.end;
  at.StoreString(values);
  return true;
}

// One step up to its literal. Inlined, so that the cursor stays in registers.
[[gnu::always_inline]] inline bool FormatReader::Take(const Step& step, Cursor& at, Value* values) {
  switch (step.op) {
    case Op::kLiteral:
      return true;
    case Op::kHex:
      return ReadPlain<Conversion::kHex, Wanted::kNumber>(step, at.p, at.end, values);
    case Op::kTextOfHex:
      return ReadPlain<Conversion::kHex, Wanted::kText>(step, at.p, at.end, values);
    case Op::kSkipHex:
      return ReadPlain<Conversion::kHex, Wanted::kNothing>(step, at.p, at.end, values);
    case Op::kPointer:
      return ReadPlain<Conversion::kPointer, Wanted::kNumber>(step, at.p, at.end, values);
    case Op::kTextOfPointer:
      return ReadPlain<Conversion::kPointer, Wanted::kText>(step, at.p, at.end, values);
    case Op::kSkipPointer:
      return ReadPlain<Conversion::kPointer, Wanted::kNothing>(step, at.p, at.end, values);
    case Op::kUnsigned:
      return ReadPlain<Conversion::kUnsigned, Wanted::kNumber>(step, at.p, at.end, values);
    case Op::kTextOfUnsigned:
      return ReadPlain<Conversion::kUnsigned, Wanted::kText>(step, at.p, at.end, values);
    case Op::kSkipUnsigned:
      return ReadPlain<Conversion::kUnsigned, Wanted::kNothing>(step, at.p, at.end, values);
    case Op::kSigned:
      return ReadPlain<Conversion::kSigned, Wanted::kNumber>(step, at.p, at.end, values);
    case Op::kTextOfSigned:
      return ReadPlain<Conversion::kSigned, Wanted::kText>(step, at.p, at.end, values);
    case Op::kSkipSigned:
      return ReadPlain<Conversion::kSigned, Wanted::kNothing>(step, at.p, at.end, values);
    case Op::kOther:
      return ReadOther(step, at.p, at.end, values);
    case Op::kString:
    case Op::kRest:
      return ReadString(step, at, values);
    case Op::kEnd:
      break;
  }
  return at.p == at.end;
}

template <bool kTrack>
bool FormatReader::Match(std::string_view text, Value* values, size_t* furthest) const {
  Cursor at{text.data(), text.data() + text.size()};
  for (const Step* step = steps_.data();; ++step) {
    bool fits = Take(*step, at, values);
    if (fits && HasLiteral(*step, at.p)) {
      if (step->op == Op::kEnd) return true;
    } else {
      if constexpr (kTrack) *furthest = std::max(*furthest, Offset(text, *step, at.p, fits));
      bool may_try_again = at.string != nullptr && at.string_end != nullptr && at.string_end != at.end;
      if (!may_try_again || !at.EndStringFrom(at.string_end + 1, values)) return false;
      step = at.string;
    }
    at.p += step->literal_size;
  }
}

// How far into `text` it fitted, where the literal of `step` does not stand at `p` or, if even that was not reached,
// its conversion does not.
size_t FormatReader::Offset(std::string_view text, const Step& step, const char* p, bool is_in_literal) {
  auto offset = static_cast<size_t>(p - text.data());
  if (!is_in_literal) return offset;
  std::array<char, sizeof step.literal> literal;
  std::memcpy(literal.data(), &step.literal, literal.size());
  auto same = std::mismatch(literal.begin(), literal.begin() + step.literal_size, text.begin() + offset, text.end());
  return offset + static_cast<size_t>(same.first - literal.begin());
}

bool FormatReader::Read(std::string_view text, Value* values) const {
  return Match<false>(text, values, nullptr);
}

size_t FormatReader::FirstMismatch(std::string_view text) const {
  size_t furthest = 0;
  Value unused[kMaxArguments];
  FormatReader all = *this;
  all.SelectArguments({});
  return all.Match<true>(text, unused, &furthest) ? text.size() : furthest;
}

}  // namespace qte::trace
