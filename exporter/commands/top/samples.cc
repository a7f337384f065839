#include "commands/top/samples.h"

#include <charconv>
#include <limits>

namespace qte::commands::top {
namespace {

// Removes a label's value and its closing quote from the front of `rest`. Returns false if the quote is missing.
bool TakeValue(std::string_view& rest, std::string& value) {
  for (size_t i = 0; i < rest.size(); ++i) {
    if (rest[i] == '"') {
      rest.remove_prefix(i + 1);
      return true;
    }
    if (rest[i] == '\\' && i + 1 < rest.size()) {
      ++i;
      value += rest[i] == 'n' ? '\n' : rest[i];
    } else {
      value += rest[i];
    }
  }
  return false;
}

// Takes `{a="x",b="y"}` from the front of `rest`.
bool TakeLabels(std::string_view& rest, Sample& sample) {
  rest.remove_prefix(1);
  while (!rest.starts_with('}')) {
    const size_t equals = rest.find("=\"");
    if (equals == std::string_view::npos) return false;
    sample.labels.emplace_back(rest.substr(0, equals), std::string());
    rest.remove_prefix(equals + 2);
    if (!TakeValue(rest, sample.labels.back().second)) return false;
    if (rest.starts_with(',')) rest.remove_prefix(1);
  }
  rest.remove_prefix(1);
  return true;
}

std::optional<double> ParseValue(std::string_view text) {
  text = text.substr(0, text.find(' '));  // a timestamp may follow
  if (text == "+Inf") return std::numeric_limits<double>::infinity();
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

const std::string* Sample::Label(std::string_view label) const {
  for (const auto& each : labels) {
    if (each.first == label) return &each.second;
  }
  return nullptr;
}

std::string_view NameOfSample(std::string_view line) {
  return line.starts_with('#') ? std::string_view() : line.substr(0, line.find_first_of("{ "));
}

std::optional<Sample> ParseSample(std::string_view line) {
  Sample sample;
  sample.name = NameOfSample(line);
  if (sample.name.empty()) return std::nullopt;
  std::string_view rest = line.substr(sample.name.size());
  if (rest.starts_with('{') && !TakeLabels(rest, sample)) return std::nullopt;
  if (!rest.starts_with(' ')) return std::nullopt;
  sample.series = line.substr(0, line.size() - rest.size());
  std::optional<double> value = ParseValue(rest.substr(1));
  if (!value) return std::nullopt;
  sample.value = *value;
  return sample;
}

}  // namespace qte::commands::top
