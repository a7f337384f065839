// Writes a snapshot with the serializer of prometheus-cpp. The tests compare our formats with it.
#pragma once

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "exposition/families_by_name.h"

namespace qte::exposition {

inline prometheus::ClientMetric ReferenceSeries(const SeriesCursor& series, metrics::Type type) {
  prometheus::ClientMetric metric;
  auto label = [&](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    metric.label.push_back({std::string(name), std::string(value)});
    MakeValidUtf8(metric.label.back().value);
  };
  for (const auto& [name, value] : series.base()) label(name, value);
  for (size_t i = 0; i < series.names().size(); ++i) label(series.names()[i], series.values()[i]);
  if (type == metrics::Type::kCounter) metric.counter.value = series.Value();
  if (type == metrics::Type::kGauge) metric.gauge.value = series.Value();
  if (type != metrics::Type::kHistogram) return metric;
  const HistogramValue histogram = series.Histogram();
  for (size_t i = 0; i < histogram.counts.size(); ++i) {
    metric.histogram.sample_count += histogram.counts[i];
    const double bound = i < histogram.bounds.size() ? histogram.bounds[i] : std::numeric_limits<double>::infinity();
    metric.histogram.bucket.push_back({metric.histogram.sample_count, bound});
  }
  metric.histogram.sample_sum = histogram.sum;
  return metric;
}

inline std::string PrometheusReference(const metrics::Snapshot& snapshot) {
  std::vector<prometheus::MetricFamily> families;
  for (auto& [name, family] : ByName(snapshot)) {
    prometheus::MetricType type = family.type == metrics::Type::kCounter   ? prometheus::MetricType::Counter
                                  : family.type == metrics::Type::kGauge ? prometheus::MetricType::Gauge
                                                                         : prometheus::MetricType::Histogram;
    prometheus::MetricFamily& written =
        families.emplace_back(prometheus::MetricFamily{std::string(name), "it would write HELP as it is", type, {}});
    for (; !family.series->at_end(); family.series->Next()) {
      written.metric.push_back(ReferenceSeries(*family.series, family.type));
    }
  }
  std::ostringstream text;
  prometheus::TextSerializer().Serialize(text, families);
  return text.str();
}

}  // namespace qte::exposition
