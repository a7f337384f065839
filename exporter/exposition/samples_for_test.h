// The samples of an exposition in any format, as numbers by series, so that tests can compare formats.
#pragma once

#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

namespace qte::exposition {

// Keyed by the series as in the text. The bound of a bucket is a separate number, because each format writes it
// differently.
using Samples = std::map<std::string, double>;

inline std::string WithPlainBound(std::string series) {
  const size_t bound = series.rfind("le=\"");
  if (bound == std::string::npos || (series[bound - 1] != ',' && series[bound - 1] != '{')) return series;
  const std::string number = std::to_string(std::strtod(series.c_str() + bound + 4, nullptr) * 1e9);
  return series.substr(0, bound + 4) + number + "\"}";
}

// Parses Prometheus' text format and OpenMetrics, without exemplars.
inline Samples SamplesOf(std::string_view text) {
  Samples samples;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string line(text.substr(0, end));
    text.remove_prefix(end + 1);
    if (line.starts_with('#')) continue;
    if (const size_t exemplar = line.find(" # {"); exemplar != std::string::npos) line.resize(exemplar);
    const size_t blank = line.rfind(' ');
    samples[WithPlainBound(line.substr(0, blank))] = std::strtod(line.c_str() + blank, nullptr);
  }
  return samples;
}

}  // namespace qte::exposition
