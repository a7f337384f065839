#include "config/scalar.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <system_error>

namespace qte::config {
namespace {

struct Unit {
  std::string_view name;
  int64_t microseconds;
};

// A unit that begins like another stands before it.
constexpr std::array kUnits = {Unit{"us", 1},         Unit{"ms", 1'000},        Unit{"s", 1'000'000},
                               Unit{"m", 60'000'000}, Unit{"h", 3'600'000'000}, Unit{"d", 86'400'000'000}};

// Reads one "500ms" off the front of `text`; false if there is none or it is too long a time.
bool ReadPart(std::string_view& text, int64_t& microseconds) {
  int64_t count = 0;
  const char* end = text.data() + text.size();
  auto parsed = std::from_chars(text.data(), end, count);
  if (parsed.ec != std::errc() || text.front() == '-') return false;
  text.remove_prefix(static_cast<size_t>(parsed.ptr - text.data()));
  for (const Unit& unit : kUnits) {
    if (!text.starts_with(unit.name)) continue;
    text.remove_prefix(unit.name.size());
    if (count > (std::numeric_limits<int64_t>::max() - microseconds) / unit.microseconds) return false;
    microseconds += count * unit.microseconds;
    return true;
  }
  return false;
}

}  // namespace

std::optional<double> ParseNumber(std::string_view text) {
  double number = 0;
  const char* end = text.data() + text.size();
  auto parsed = std::from_chars(text.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end || !std::isfinite(number)) return std::nullopt;
  return number;
}

std::optional<uint64_t> ParseCount(std::string_view text) {
  uint64_t count = 0;
  const char* end = text.data() + text.size();
  auto parsed = std::from_chars(text.data(), end, count);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return count;
}

std::optional<std::chrono::microseconds> ParseDuration(std::string_view text) {
  int64_t microseconds = 0;
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    if (!ReadPart(text, microseconds)) return std::nullopt;
  }
  if (microseconds == 0) return std::nullopt;
  return std::chrono::microseconds(microseconds);
}

}  // namespace qte::config
