// Line charts over time as one SVG picture, for users without Prometheus and Grafana.
#pragma once

#include <string>
#include <vector>

namespace qte::commands {

struct ChartLine {
  std::string name;
  std::vector<double> values;  // one for each step; NaN if the step has no value
};

struct Chart {
  enum class Unit { kPerSecond, kSeconds };  // seconds on a logarithmic scale
  std::string title;
  Unit unit = Unit::kPerSecond;
  std::vector<ChartLine> lines;
};

// Charts of the same period, one below the other.
struct ChartGroup {
  std::string title;
  double step_seconds = 1;
  std::vector<Chart> charts;
};

// A whole SVG document. Texts may hold any characters.
std::string ToSvg(const std::vector<ChartGroup>& groups);

// "1.5 ms", "2 min": up to three digits.
std::string SecondsText(double seconds);
// "12.3k"
std::string RateText(double rate);

}  // namespace qte::commands
