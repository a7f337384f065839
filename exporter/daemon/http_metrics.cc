#include "daemon/http_metrics.h"

#include <cmath>
#include <string>

namespace qte::daemon {
namespace {

using metrics::PlainFamily;
using metrics::Type;

Type TypeOf(prometheus::MetricType type) {
  if (type == prometheus::MetricType::Histogram) return Type::kHistogram;
  return type == prometheus::MetricType::Counter ? Type::kCounter : Type::kGauge;
}

// Its buckets are cumulated and end with that of infinity.
void SetHistogram(const prometheus::ClientMetric::Histogram& histogram, PlainFamily& family, PlainFamily::Series& series) {
  series.value = histogram.sample_sum;
  family.bounds.clear();
  uint64_t before = 0;
  for (const prometheus::ClientMetric::Bucket& bucket : histogram.bucket) {
    if (std::isfinite(bucket.upper_bound)) family.bounds.push_back(bucket.upper_bound);
    series.bucket_counts.push_back(bucket.cumulative_count - before);
    before = bucket.cumulative_count;
  }
}

}  // namespace

void AppendHttpMetrics(const std::vector<prometheus::MetricFamily>& families, metrics::Snapshot& snapshot) {
  for (const prometheus::MetricFamily& from : families) {
    PlainFamily& family = snapshot.plain.emplace_back(PlainFamily{from.name, from.help, TypeOf(from.type), {}});
    for (const prometheus::ClientMetric& metric : from.metric) {
      metrics::Labels labels;
      for (const prometheus::ClientMetric::Label& label : metric.label) labels.emplace_back(label.name, label.value);
      PlainFamily::Series& series = family.series.emplace_back(std::move(labels), 0);
      if (family.type == Type::kHistogram) {
        SetHistogram(metric.histogram, family, series);
      } else {
        series.value = family.type == Type::kCounter ? metric.counter.value : metric.gauge.value;
      }
    }
  }
}

}  // namespace qte::daemon
