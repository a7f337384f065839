// Samples of Prometheus' text format 0.0.4, read from an answer of /metrics.
//
// Lines that are not samples (comments, what is broken) yield nothing: a view shows what there is.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace qte::commands::top {

struct Sample {
  std::string_view series;  // name and labels as the line has them, which identifies the series
  std::string_view name;
  std::vector<std::pair<std::string_view, std::string>> labels;  // values without escapes
  double value = 0;

  // Null if the sample lacks the label.
  const std::string* Label(std::string_view label) const;
};

// The name at the beginning of a line; cheap, to choose lines by.
std::string_view NameOfSample(std::string_view line);

std::optional<Sample> ParseSample(std::string_view line);

}  // namespace qte::commands::top
