#include "exposition/text.h"

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <iterator>
#include <limits>
#include <numeric>
#include <sstream>
#include <vector>

#include "base/utf8.h"

namespace qte::exposition {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

// The serializer writes HELP as it is, so what would break a line is escaped here.
std::string EscapeHelp(std::string_view help) {
  std::string escaped;
  for (char c : help) {
    if (c == '\\') {
      escaped += "\\\\";
    } else if (c == '\n') {
      escaped += "\\n";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

// The serializer writes 16 digits, and to those the largest doubles round up to what is none any more. Prometheus would
// refuse the whole scrape over it.
double Printable(double value) {
  constexpr double kLargest = 1.797693134862315e308;
  return std::isfinite(value) ? std::clamp(value, -kLargest, kLargest) : value;
}

MetricType TypeOf(metrics::Type type) {
  switch (type) {
    case metrics::Type::kGauge:
      return MetricType::Gauge;
    case metrics::Type::kHistogram:
      return MetricType::Histogram;
    case metrics::Type::kCounter:
      break;
  }
  return MetricType::Counter;
}

// An empty label is the same as none to Prometheus.
void AddLabel(ClientMetric& metric, const std::string& name, const std::string& value) {
  if (value.empty()) return;
  metric.label.push_back({name, value});
  MakeValidUtf8(metric.label.back().value);
}

void SetHistogram(ClientMetric& metric, const metrics::FamilySnapshot& family, size_t series) {
  const std::vector<double>& bounds = family.spec->bounds;
  uint64_t count = 0;
  for (size_t i = 0; i <= bounds.size(); ++i) {
    count += family.bucket_counts[series * (bounds.size() + 1) + i];
    double bound = i < bounds.size() ? bounds[i] : std::numeric_limits<double>::infinity();
    metric.histogram.bucket.push_back({count, Printable(bound)});
  }
  metric.histogram.sample_count = count;
  metric.histogram.sample_sum = Printable(family.values[series]);
}

// Series in the order of their labels, so that two scrapes of the same state are the same text.
std::vector<size_t> SortedSeries(const metrics::FamilySnapshot& family) {
  std::vector<size_t> order(family.series_count);
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    const metrics::LabelChunk::Entry& x = family.LabelsOf(a);
    const metrics::LabelChunk::Entry& y = family.LabelsOf(b);
    return x.base != y.base && *x.base != *y.base ? *x.base < *y.base : x.values < y.values;
  });
  return order;
}

MetricFamily ToFamily(const metrics::FamilySnapshot& family) {
  MetricFamily result{family.spec->name, EscapeHelp(family.spec->help), TypeOf(family.spec->type), {}};
  result.metric.reserve(family.series_count);
  for (size_t series : SortedSeries(family)) {
    ClientMetric& metric = result.metric.emplace_back();
    const metrics::LabelChunk::Entry& labels = family.LabelsOf(series);
    for (const auto& [name, value] : *labels.base) AddLabel(metric, name, value);
    for (size_t i = 0; i < labels.values.size(); ++i) AddLabel(metric, family.spec->label_names[i], labels.values[i]);
    switch (family.spec->type) {
      case metrics::Type::kCounter:
        metric.counter.value = Printable(family.values[series]);
        break;
      case metrics::Type::kGauge:
        metric.gauge.value = Printable(family.values[series]);
        break;
      case metrics::Type::kHistogram:
        SetHistogram(metric, family, series);
        break;
    }
  }
  return result;
}

MetricFamily ToFamily(const metrics::PlainFamily& family) {
  MetricFamily result{family.name, EscapeHelp(family.help), TypeOf(family.type), {}};
  std::vector<const metrics::PlainFamily::Series*> order;
  for (const metrics::PlainFamily::Series& series : family.series) order.push_back(&series);
  std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) { return a->labels < b->labels; });
  for (const metrics::PlainFamily::Series* series : order) {
    ClientMetric& metric = result.metric.emplace_back();
    for (const auto& [name, value] : series->labels) AddLabel(metric, name, value);
    (family.type == metrics::Type::kCounter ? metric.counter.value : metric.gauge.value) = Printable(series->value);
  }
  return result;
}

// One name is one family with one HELP, whoever brought it: Prometheus takes a name once.
std::vector<MetricFamily> MergeByName(std::vector<MetricFamily> families) {
  std::stable_sort(families.begin(), families.end(),
                   [](const MetricFamily& a, const MetricFamily& b) { return a.name < b.name; });
  std::vector<MetricFamily> merged;
  for (MetricFamily& family : families) {
    if (merged.empty() || merged.back().name != family.name) {
      merged.push_back(std::move(family));
      continue;
    }
    assert(merged.back().type == family.type);  // the config has no name twice, and none of the exporter's own
    std::vector<ClientMetric>& all = merged.back().metric;
    std::move(family.metric.begin(), family.metric.end(), std::back_inserter(all));
    std::stable_sort(all.begin(), all.end(),
                     [](const ClientMetric& a, const ClientMetric& b) { return a.label < b.label; });
  }
  return merged;
}

// Where the snapshot meets prometheus-cpp.
class SnapshotCollectable final : public prometheus::Collectable {
 public:
  explicit SnapshotCollectable(const metrics::Snapshot& snapshot) : snapshot_(snapshot) {}

  std::vector<MetricFamily> Collect() const override {
    std::vector<MetricFamily> families;
    for (const metrics::FamilySnapshot& family : snapshot_.families) families.push_back(ToFamily(family));
    for (const metrics::PlainFamily& family : snapshot_.plain) families.push_back(ToFamily(family));
    std::erase_if(families, [](const MetricFamily& family) { return family.metric.empty(); });
    return MergeByName(std::move(families));
  }

 private:
  const metrics::Snapshot& snapshot_;
};

}  // namespace

std::string ToText(const metrics::Snapshot& snapshot) {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, SnapshotCollectable(snapshot).Collect());
  return std::move(out).str();
}

}  // namespace qte::exposition
