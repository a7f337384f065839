// The prefix QEMU's log backend puts before an event, told apart without being announced:
//
//   (none)                            6.0 on without -msg timestamp=on
//   26638@1795408732.182800:          thread id and time; always up to 5.2, with -msg timestamp=on up to 10.0
//   2026-11-23T04:41:06.310976Z       10.1 on with -msg timestamp=on; no fraction when the microseconds are 0
//
// Finding the prefix and reading it are two steps, since most lines need neither thread nor time. A new prefix of a
// later QEMU is one more value of PrefixKind and one more case in each function.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/digits.h"

namespace qte::trace {

enum class PrefixKind : uint8_t { kNone, kThreadAndTime, kIsoTime };

// One word, so that copies of it are.
struct alignas(uint32_t) Prefix {
  PrefixKind kind = PrefixKind::kNone;
  uint8_t size = 0;       // bytes up to the event's name
  uint8_t separator = 0;  // kThreadAndTime: where '@' stands

  bool operator==(const Prefix&) const = default;
};

// The prefix of a line; kNone where nothing at its start is one.
Prefix FindPrefix(std::string_view line);

// The same of one line after the other: thread id and time mostly have as many digits as in the line before, and that
// is quickly seen.
class PrefixFinder {
 public:
  Prefix Find(std::string_view line) {
    if (line.empty() || !IsDecimalDigit(line[0])) return {};
    bool may_be_like_last = line.size() >= kDigitMaskSize && line[4] != '-';  // which a date has there
    if (!may_be_like_last) return FindPrefix(line);
    return IsLikeLast(line.data()) ? last_ : FindAnew(line);
  }

 private:
  bool IsLikeLast(const char* p) const {
    return (~DecimalDigitMask(p) & looked_at_) == others_ && p[last_.separator] == '@' && p[dot_] == '.' &&
           p[last_.size - 1u] == ':';
  }
  Prefix FindAnew(std::string_view line);

  Prefix last_{PrefixKind::kThreadAndTime, 1, 0};  // fits no line: at 0 there is a digit
  uint8_t dot_ = 0;
  uint32_t looked_at_ = 0;  // the prefix's bytes, a bit each
  uint32_t others_ = 0;     // those that are not digits
};

// Microseconds since the epoch, or joins::kNoTime (INT64_MIN) where the prefix has no time.
int64_t ReadTime(std::string_view line, const Prefix& prefix);

// QEMU's thread id, or 0 where the prefix has none.
uint64_t ReadThread(std::string_view line, const Prefix& prefix);

}  // namespace qte::trace
