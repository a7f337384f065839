// The time that a wrapper put beside a line, found as text and read only where it is needed.
//
//   2026-11-23T04:38:20.123456789Z   any number of digits, ',' for '.', ' ' for 'T', a zone: Docker, CRI, syslog,
//   journalctl Mon 2026-11-23 04:38:20 UTC      journalctl -o short-full Nov 23 04:38:20.123456           syslog and
//   journalctl -o short, short-precise: local time, without a year 1795408700.123456                seconds since the
//   epoch (short-unix), or since boot (ftrace, short-monotonic)
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace qte::trace {

struct WrapperTime {
  enum class Kind : uint8_t { kNone, kIso, kMonthAndDay, kSeconds, kMicroseconds, kNanoseconds };
  Kind kind = Kind::kNone;
  std::string_view text;
};

// Takes a time and one blank off the start of `text`; of kind kNone where none stands there, and nothing is taken.
WrapperTime TakeTime(std::string_view& text);
// The same of a text that is a time and nothing else.
WrapperTime WholeTime(std::string_view text);

class TimeReader {
 public:
  // As QEMU 10.1 puts it before an event: "2026-11-23T04:41:06.310976Z ".
  static constexpr size_t kPrefixSize = 28;
  using PrefixText = std::array<char, kPrefixSize>;

  // Microseconds since the epoch; nullopt where there is no such time. A time without a year is the last such day, seen
  // from now.
  std::optional<int64_t> Microseconds(const WrapperTime& time);
  // False where there is no such time, or none that the prefix can tell (a year of more than 4 digits).
  bool WritePrefix(const WrapperTime& time, PrefixText& prefix);

 private:
  std::optional<int64_t> MonthAndDay(std::string_view text);

  std::string hour_;  // the last "Nov 23 04:", since finding its begin is slow
  int64_t hour_begin_ = 0;
};

}  // namespace qte::trace
