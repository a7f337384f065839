#include "commands/flag_values.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

#include "base/suggest.h"
#include "config/scalar.h"

namespace qte::commands {

CLI::Validator Milliseconds(Zero zero) {
  auto convert = [zero](std::string& text) -> std::string {
    const bool is_zero = text == "0" || text == "0s";
    const auto duration = config::ParseDuration(text).value_or(std::chrono::microseconds(0));
    const int64_t count = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
    if (count == 0 && !(is_zero && zero == Zero::kAllowed)) {
      return "invalid duration \"" + text + "\": expected 500ms, 15s, 10m or 1h30m";
    }
    text = std::to_string(count);
    return {};
  };
  return {convert, ""};
}

CLI::Validator OneOf(std::vector<std::string_view> words) {
  auto check = [words = std::move(words)](std::string& text) -> std::string {
    if (std::find(words.begin(), words.end(), text) != words.end()) return {};
    std::string expected;
    for (std::string_view word : words) expected.append(expected.empty() ? "" : ", ").append(word);
    return "unknown value \"" + text + "\"; there are " + expected + DidYouMean(text, words);
  };
  return {check, ""};
}

CLI::Validator Positive() {
  auto check = [](std::string& text) -> std::string {
    if (config::ParseCount(text).value_or(0) > 0) return {};
    return "invalid number \"" + text + "\": expected a whole number from 1";
  };
  return {check, ""};
}

}  // namespace qte::commands
