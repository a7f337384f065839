// The prefix of a line: found just where a regular expression finds it, and read as a plain reader reads it.
//
// Input: a line.
#include "trace/prefix.h"

#include <re2/re2.h>

#include <ctime>

#include "fuzz.h"

using namespace qte;
using fuzz::Require;

namespace {

trace::PrefixKind KindOf(std::string_view line, size_t& size) {
  static const re2::RE2 thread(R"((\d{1,10}@\d{1,12}\.\d{6}:))", re2::RE2::Latin1);
  static const re2::RE2 iso(R"((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{6})?Z ))", re2::RE2::Latin1);
  re2::StringPiece rest(line.data(), line.size());
  bool has_thread = re2::RE2::Consume(&rest, thread);
  bool has_iso = !has_thread && re2::RE2::Consume(&rest, iso);
  size = line.size() - rest.size();
  return has_thread ? trace::PrefixKind::kThreadAndTime
         : has_iso  ? trace::PrefixKind::kIsoTime
                    : trace::PrefixKind::kNone;
}

// Microseconds by the C library; the prefix fits its pattern.
int64_t TimeOf(const std::string& prefix, trace::PrefixKind kind) {
  size_t dot = prefix.find('.');
  int64_t micros = dot == std::string::npos ? 0 : std::strtoll(prefix.c_str() + dot + 1, nullptr, 10);
  if (kind == trace::PrefixKind::kThreadAndTime) {
    return std::strtoll(prefix.c_str() + prefix.find('@') + 1, nullptr, 10) * 1'000'000 + micros;
  }
  std::tm time{};
  strptime(prefix.c_str(), "%Y-%m-%dT%H:%M:%S", &time);
  return timegm(&time) * 1'000'000 + micros;
}

// A date and time that there is; of others only that reading them is harmless is asked.
bool IsRealTime(const std::string& prefix) {
  std::tm time{};
  const char* end = strptime(prefix.c_str(), "%Y-%m-%dT%H:%M:%S", &time);
  if (end == nullptr || (*end != 'Z' && *end != '.')) return false;
  std::tm normal = time;
  timegm(&normal);
  return normal.tm_mday == time.tm_mday && normal.tm_sec == time.tm_sec;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Alone alone(fuzz::View(data, size));
  std::string_view line = alone.text();
  trace::Prefix prefix = trace::FindPrefix(line);
  size_t expected_size = 0;
  trace::PrefixKind expected = KindOf(line, expected_size);
  Require(prefix.kind == expected, "the kind of prefix");
  Require(prefix.size == expected_size, "the size of the prefix");
  trace::PrefixFinder finder;
  Require(finder.Find("26638@1795408732.182800:a_line of 32 bytes or more").size == 24, "the prefix before");
  Require(finder.Find(line) == prefix && finder.Find(line) == prefix, "the same behind other lines");
  int64_t time = trace::ReadTime(line, prefix);
  uint64_t thread = trace::ReadThread(line, prefix);
  std::string text(line.substr(0, prefix.size));
  bool is_thread = expected == trace::PrefixKind::kThreadAndTime;
  Require(thread == (is_thread ? std::strtoull(text.c_str(), nullptr, 10) : 0), "the thread");
  if (expected == trace::PrefixKind::kNone) {
    Require(time == INT64_MIN, "no time without a prefix");
  } else if (is_thread || IsRealTime(text)) {
    Require(time == TimeOf(text, expected), "the time");
  }
  return 0;
}
