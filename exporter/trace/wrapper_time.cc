#include "trace/wrapper_time.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "base/digits.h"

namespace qte::trace {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
constexpr std::string_view kWeekdays = "MonTueWedThuFriSatSun";
constexpr size_t kIsoSize = std::string_view("2026-11-23T04:38:20").size();
constexpr size_t kHourSize = std::string_view("Nov 23 04:").size();
constexpr size_t kLeastSecondDigits = 9;  // since 1973
constexpr size_t kMostSecondDigits = 12;
constexpr size_t kMonthAndDaySize = std::string_view("Nov 23 04:38:20").size();

// 'd' stands for a digit, 'b' for a blank or a digit, 'T' for itself or a blank.
bool Fits(std::string_view text, std::string_view shape) {
  return text.size() >= shape.size() && std::equal(shape.begin(), shape.end(), text.begin(), [](char s, char c) {
           if (s == 'd') return IsDecimalDigit(c);
           if (s == 'b') return c == ' ' || IsDecimalDigit(c);
           return s == c || (s == 'T' && c == ' ');
         });
}

bool IsOneOf(std::string_view words, std::string_view text) {
  const size_t at = text.size() < 3 ? std::string_view::npos : words.find(text.substr(0, 3));
  return at != std::string_view::npos && at % 3 == 0;
}

size_t DigitsFrom(std::string_view text, size_t at) {
  while (at < text.size() && IsDecimalDigit(text[at])) ++at;
  return at;
}

// Behind a '.' or ',' and digits at `at`, if there are any.
size_t SkipFraction(std::string_view text, size_t at) {
  if (at >= text.size() || (text[at] != '.' && text[at] != ',')) return at;
  const size_t end = DigitsFrom(text, at + 1);
  return end == at + 1 ? at : end;
}

// Behind "Z", "+01:00", "+0100", or " UTC" and the like.
size_t SkipZone(std::string_view text, size_t at) {
  const std::string_view rest = text.substr(at);
  if (rest.starts_with('Z')) return at + 1;
  if (Fits(rest, "+dd:dd") || Fits(rest, "-dd:dd")) return at + 6;
  if (Fits(rest, "+dddd") || Fits(rest, "-dddd")) return at + 5;
  if (!rest.starts_with(' ')) return at;
  size_t end = 1;
  while (end < rest.size() && rest[end] >= 'A' && rest[end] <= 'Z') ++end;
  return end >= 4 && end <= 6 && end < rest.size() && rest[end] == ' ' ? at + end : at;
}

uint64_t Number(std::string_view digits) {
  uint64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

// Of ".123456789" or ",1".
int64_t MicrosOfFraction(std::string_view fraction) {
  int64_t micros = 0;
  for (size_t i = 1; i <= 6; ++i) micros = micros * 10 + (i < fraction.size() ? fraction[i] - '0' : 0);
  return micros;
}

std::optional<int64_t> LocalSeconds(std::tm time) {
  time.tm_isdst = -1;
  const std::time_t seconds = std::mktime(&time);
  return seconds == -1 ? std::nullopt : std::optional<int64_t>(seconds);
}

std::optional<int64_t> IsoMicroseconds(std::string_view text) {
  using namespace std::chrono;
  auto field = [&](size_t at, size_t size) { return static_cast<int>(Number(text.substr(at, size))); };
  const year_month_day date(year(field(0, 4)), month(static_cast<unsigned>(field(5, 2))),
                            day(static_cast<unsigned>(field(8, 2))));
  if (!date.ok()) return std::nullopt;
  const auto time =
      sys_days(date).time_since_epoch() + hours(field(11, 2)) + minutes(field(14, 2)) + seconds(field(17, 2));
  int64_t whole = duration_cast<seconds>(time).count();
  const size_t zone = SkipFraction(text, kIsoSize);
  const int64_t micros = zone == kIsoSize ? 0 : MicrosOfFraction(text.substr(kIsoSize, zone - kIsoSize));
  const std::string_view name = text.substr(zone);
  if (name.starts_with('+') || name.starts_with('-')) {
    const int minutes_at = name.size() == 6 ? 4 : 3;
    const auto offset = static_cast<int64_t>(Number(name.substr(1, 2)) * 60 + Number(name.substr(minutes_at, 2))) * 60;
    whole -= name[0] == '+' ? offset : -offset;
  } else if (name != "Z" && name != " UTC" && name != " GMT") {
    std::tm local{};
    local.tm_year = field(0, 4) - 1900;
    local.tm_mon = field(5, 2) - 1;
    local.tm_mday = field(8, 2);
    local.tm_hour = field(11, 2);
    local.tm_min = field(14, 2);
    local.tm_sec = field(17, 2);
    const std::optional<int64_t> seconds_of_local = LocalSeconds(local);
    if (!seconds_of_local) return std::nullopt;
    whole = *seconds_of_local;
  }
  return whole * kSecond + micros;
}

// The time that `text` begins with, whatever follows it.
WrapperTime TimeAtStart(std::string_view text) {
  if (text.size() > 4 && text[3] == ' ' && IsOneOf(kWeekdays, text)) text.remove_prefix(4);
  if (Fits(text, "dddd-dd-ddTdd:dd:dd")) {
    return {WrapperTime::Kind::kIso, text.substr(0, SkipZone(text, SkipFraction(text, kIsoSize)))};
  }
  if (IsOneOf(kMonths, text) && Fits(text.substr(3), " bd dd:dd:dd")) {
    return {WrapperTime::Kind::kMonthAndDay, text.substr(0, SkipFraction(text, kMonthAndDaySize))};
  }
  const size_t digits = DigitsFrom(text, 0);
  const size_t end = SkipFraction(text, digits);
  if (digits < kLeastSecondDigits || digits > kMostSecondDigits || end == digits) return {};
  return {WrapperTime::Kind::kSeconds, text.substr(0, end)};
}

}  // namespace

WrapperTime TakeTime(std::string_view& text) {
  const WrapperTime time = TimeAtStart(text);
  if (time.kind == WrapperTime::Kind::kNone) return {};
  const auto size = static_cast<size_t>(time.text.data() + time.text.size() - text.data());
  if (size >= text.size() || text[size] != ' ') return {};
  text.remove_prefix(size + 1);
  return time;
}

WrapperTime WholeTime(std::string_view text) {
  const WrapperTime time = TimeAtStart(text);
  const bool is_whole = time.text.data() + time.text.size() == text.data() + text.size();
  return time.kind != WrapperTime::Kind::kNone && is_whole ? time : WrapperTime{};
}

std::optional<int64_t> TimeReader::MonthAndDay(std::string_view text) {
  const std::string_view hour = text.substr(0, kHourSize);
  if (hour != hour_) {
    const std::time_t now = std::time(nullptr);
    std::tm today{};
    localtime_r(&now, &today);
    std::tm time{};
    time.tm_mon = static_cast<int>(kMonths.find(text.substr(0, 3)) / 3);
    const std::string_view day = text.substr(text[4] == ' ' ? 5 : 4, text[4] == ' ' ? 1 : 2);
    time.tm_mday = static_cast<int>(Number(day));
    time.tm_hour = static_cast<int>(Number(text.substr(7, 2)));
    time.tm_year = today.tm_year;
    constexpr int64_t kDay = 86'400;
    std::optional<int64_t> begin = LocalSeconds(time);
    if (begin && *begin > now + kDay) {
      --time.tm_year;
      begin = LocalSeconds(time);
    }
    if (!begin) return std::nullopt;
    hour_ = hour;
    hour_begin_ = *begin;
  }
  const auto seconds = static_cast<int64_t>(Number(text.substr(10, 2)) * 60 + Number(text.substr(13, 2)));
  return (hour_begin_ + seconds) * kSecond + MicrosOfFraction(text.substr(kMonthAndDaySize));
}

std::optional<int64_t> TimeReader::Microseconds(const WrapperTime& time) {
  const std::string_view text = time.text;
  switch (time.kind) {
    case WrapperTime::Kind::kNone:
      return std::nullopt;
    case WrapperTime::Kind::kIso:
      return IsoMicroseconds(text);
    case WrapperTime::Kind::kMonthAndDay:
      return MonthAndDay(text);
    case WrapperTime::Kind::kSeconds: {
      const size_t point = DigitsFrom(text, 0);
      if (point > kMostSecondDigits) return std::nullopt;
      return static_cast<int64_t>(Number(text.substr(0, point))) * kSecond + MicrosOfFraction(text.substr(point));
    }
    case WrapperTime::Kind::kMicroseconds:
      return static_cast<int64_t>(Number(text));
    case WrapperTime::Kind::kNanoseconds:
      return static_cast<int64_t>(Number(text) / 1000);
  }
  return std::nullopt;
}

bool TimeReader::WritePrefix(const WrapperTime& time, PrefixText& prefix) {
  // What Docker and CRI write has the digits already.
  constexpr size_t kWithMicros = kIsoSize + std::string_view(".123456").size();
  if (time.kind == WrapperTime::Kind::kIso && time.text.ends_with('Z') && time.text.size() > kWithMicros &&
      time.text[10] == 'T' && Fits(time.text.substr(kIsoSize), ".dddddd")) {
    std::memcpy(prefix.data(), time.text.data(), kWithMicros);
    std::memcpy(prefix.data() + kWithMicros, "Z ", 2);
    return true;
  }
  using namespace std::chrono;
  const std::optional<int64_t> micros = Microseconds(time);
  if (!micros || *micros < 0) return false;
  const auto second = floor<seconds>(sys_time<microseconds>(microseconds(*micros)));
  const auto date = floor<days>(second);
  const year_month_day day(date);
  const hh_mm_ss clock(second - date);
  if (day.year() > year(9999)) return false;
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ ", static_cast<int>(day.year()),
                static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()), static_cast<int>(*micros % kSecond));
  std::memcpy(prefix.data(), text.data(), prefix.size());
  return true;
}

}  // namespace qte::trace
