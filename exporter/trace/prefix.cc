#include "trace/prefix.h"

#include <algorithm>
#include <bit>
#include <chrono>

#include "base/digits.h"
#include "base/hash.h"

namespace qte::trace {
namespace {

// Eight bytes of a shape in which 'd' stands for a digit and every other byte for itself, held against eight bytes of
// text by a handful of operations on one word.
class Shape {
 public:
  explicit constexpr Shape(const char (&shape)[9]) {
    for (int i = 0; i < 8; ++i) {
      bool digit = shape[i] == 'd';
      // A digit less '0' is at most 9, and any other byte less itself is 0: adding what is missing to 0x7f leaves the
      // top bit clear for these alone.
      auto zero = static_cast<uint64_t>(static_cast<unsigned char>(digit ? '0' : shape[i]));
      zeros_ |= zero << (8 * i);
      room_ |= (digit ? uint64_t{0x7f - 9} : uint64_t{0x7f}) << (8 * i);
    }
  }
  bool Fits(const char* text) const {
    constexpr uint64_t kTopBits = 0x8080808080808080;
    uint64_t difference = LoadLittle64(text) ^ zeros_;
    return (((difference + room_) | difference) & kTopBits) == 0;
  }

 private:
  uint64_t zeros_ = 0;
  uint64_t room_ = 0;
};

// The value of at most 12 digits.
uint64_t Digits(std::string_view text) {
  uint64_t n = 0;
  for (char c : text) n = n * 10 + static_cast<uint64_t>(c - '0');
  return n;
}

constexpr size_t kThreadDigits = 10;  // a Linux thread id has at most 7
constexpr size_t kSecondDigits = 12;
constexpr size_t kMicroDigits = 6;

// Slow path for a line that is too short for the path below.
Prefix FindThreadAndTimeAtEnd(std::string_view line) {
  auto digits_from = [line](size_t at) {
    auto end = std::find_if_not(line.begin() + static_cast<ptrdiff_t>(at), line.end(), IsDecimalDigit);
    return static_cast<size_t>(end - line.begin());
  };
  size_t at = digits_from(0);
  if (at > kThreadDigits || at >= line.size() || line[at] != '@') return {};
  size_t dot = digits_from(at + 1);
  if (dot == at + 1 || dot - at - 1 > kSecondDigits || dot >= line.size() || line[dot] != '.') return {};
  size_t colon = digits_from(dot + 1);
  if (colon - dot - 1 != kMicroDigits || colon >= line.size() || line[colon] != ':') return {};
  return {PrefixKind::kThreadAndTime, static_cast<uint8_t>(colon + 1), static_cast<uint8_t>(at)};
}

// "26638@1795408732.182800:", at most 31 bytes: the first three of 32 that are not digits decide.
Prefix FindThreadAndTime(std::string_view line) {
  constexpr size_t kLook = kDigitMaskSize;
  static_assert(kThreadDigits + kSecondDigits + kMicroDigits + 3 < kLook);
  if (line.size() < kLook) return FindThreadAndTimeAtEnd(line);
  const char* p = line.data();
  uint32_t others = ~DecimalDigitMask(p);
  auto take = [&others] {
    auto at = static_cast<unsigned>(std::countr_zero(others));
    others &= others - 1;
    return at;
  };
  unsigned at = take();
  unsigned dot = take();
  unsigned colon = take();
  // Unsigned, so that what is missing is too much.
  bool fits = colon < kLook && at - 1 < kThreadDigits && dot - at - 2 < kSecondDigits &&
              colon - dot - 1 == kMicroDigits && p[at] == '@' && p[dot] == '.' && p[colon] == ':';
  if (!fits) return {};
  return {PrefixKind::kThreadAndTime, static_cast<uint8_t>(colon + 1), static_cast<uint8_t>(at)};
}

constexpr size_t kIsoSize = std::string_view("2026-11-23T04:41:06Z ").size();
constexpr size_t kIsoFractionSize = std::string_view("2026-11-23T04:41:06.310976Z ").size();

// "2026-11-23T04:41:06.310976Z "
Prefix FindIsoTime(std::string_view line) {
  constexpr Shape kDate("dddd-dd-");
  constexpr Shape kTime("ddTdd:dd");
  constexpr Shape kFraction(":dd.dddd");
  constexpr Shape kEnd("ddddddZ ");
  const char* p = line.data();
  if (line.size() < kIsoSize || !kDate.Fits(p) || !kTime.Fits(p + 8)) return {};
  if (line.size() >= kIsoFractionSize && kFraction.Fits(p + 16) && kEnd.Fits(p + 20)) {
    return {PrefixKind::kIsoTime, static_cast<uint8_t>(kIsoFractionSize), 0};
  }
  bool whole_second = p[16] == ':' && IsDecimalDigit(p[17]) && IsDecimalDigit(p[18]) && p[19] == 'Z' && p[20] == ' ';
  return whole_second ? Prefix{PrefixKind::kIsoTime, static_cast<uint8_t>(kIsoSize), 0} : Prefix{};
}

int64_t ReadIsoTime(std::string_view line, const Prefix& prefix) {
  using namespace std::chrono;
  auto field = [&](size_t at, size_t size) { return static_cast<unsigned>(Digits(line.substr(at, size))); };
  sys_days date = year(static_cast<int>(field(0, 4))) / month(field(5, 2)) / day(field(8, 2));
  auto time = date.time_since_epoch() + hours(field(11, 2)) + minutes(field(14, 2)) + seconds(field(17, 2));
  int64_t micros = prefix.size == kIsoFractionSize ? field(20, kMicroDigits) : 0;
  return duration_cast<microseconds>(time).count() + micros;
}

// Behind the seconds, and from two bytes before the last six digits on, stand eight bytes of the prefix.
int64_t ReadSecondsAndMicros(std::string_view text) {
  size_t dot = text.size() - kMicroDigits - 1;
  uint64_t seconds = DecimalNumber(text.data(), dot);
  return static_cast<int64_t>(seconds * 1'000'000 + DecimalNumberBefore(text.data() + text.size(), kMicroDigits));
}

}  // namespace

Prefix FindPrefix(std::string_view line) {
  if (line.empty() || !IsDecimalDigit(line[0])) return {};
  if (line.size() > 4 && line[4] == '-') return FindIsoTime(line);
  return FindThreadAndTime(line);
}

Prefix PrefixFinder::FindAnew(std::string_view line) {
  Prefix prefix = FindPrefix(line);
  if (prefix.kind != PrefixKind::kThreadAndTime) return prefix;
  last_ = prefix;
  unsigned colon = prefix.size - 1u;
  dot_ = static_cast<uint8_t>(colon - kMicroDigits - 1);
  looked_at_ = (uint32_t{2} << colon) - 1;
  others_ = uint32_t{1} << prefix.separator | uint32_t{1} << dot_ | uint32_t{1} << colon;
  return prefix;
}

int64_t ReadTime(std::string_view line, const Prefix& prefix) {
  switch (prefix.kind) {
    case PrefixKind::kNone:
      return INT64_MIN;
    case PrefixKind::kIsoTime:
      return ReadIsoTime(line, prefix);
    case PrefixKind::kThreadAndTime:
      break;
  }
  size_t start = prefix.separator + 1u;
  return ReadSecondsAndMicros(line.substr(start, prefix.size - 1u - start));
}

uint64_t ReadThread(std::string_view line, const Prefix& prefix) {
  if (prefix.kind != PrefixKind::kThreadAndTime) return 0;
  return DecimalNumber(line.data(), prefix.separator);
}

}  // namespace qte::trace
