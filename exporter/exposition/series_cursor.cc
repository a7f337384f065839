#include "exposition/series_cursor.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <string>

#include "base/utf8.h"

namespace qte::exposition {
namespace {

using metrics::CountsSnapshot;
using metrics::FamilySnapshot;
using metrics::PlainFamily;
using prometheus::ClientMetric;

// The serializer writes 16 digits, and to those the largest doubles round up to what is none any more. Prometheus would
// refuse the whole scrape over it.
double Printable(double value) {
  constexpr double kLargest = 1.797693134862315e308;
  return std::isfinite(value) ? std::clamp(value, -kLargest, kLargest) : value;
}

void SetNumber(metrics::Type type, double value, ClientMetric& metric) {
  (type == metrics::Type::kCounter ? metric.counter.value : metric.gauge.value) = Printable(value);
}

// An empty label is the same as none to Prometheus.
void AddLabel(ClientMetric& metric, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  metric.label.push_back({std::string(name), std::string(value)});
  MakeValidUtf8(metric.label.back().value);
}

// Of what is not there (a gauge has no buckets) both are 0.
void AddCounts(const ClientMetric& from, ClientMetric& to) {
  to.counter.value = Printable(to.counter.value + from.counter.value);
  to.histogram.sample_count += from.histogram.sample_count;
  to.histogram.sample_sum = Printable(to.histogram.sample_sum + from.histogram.sample_sum);
  for (size_t i = 0; i < to.histogram.bucket.size(); ++i) {
    to.histogram.bucket[i].cumulative_count += from.histogram.bucket.at(i).cumulative_count;
  }
}

class FamilyCursor final : public SeriesCursor {
 public:
  explicit FamilyCursor(const FamilySnapshot& family)
      : SeriesCursor(family.series_count(), family.spec->is_in_flight ? Gauges::kAddUp : Gauges::kLastPart),
        family_(family),
        order_(family.labels.Sorted()) {
    names_.assign(family.spec->label_names.begin(), family.spec->label_names.end());
    Begin();
  }

 private:
  void Load(size_t place) override {
    metrics::SeriesLabels labels = family_.LabelsOf((*order_)[place]);
    base_ = labels.base.get();
    values_.assign(labels.values.begin(), labels.values.end());
  }

  void SetValue(size_t place, ClientMetric& metric) const override {
    size_t series = (*order_)[place];
    if (family_.spec->type == metrics::Type::kHistogram) {
      SetHistogram(series, metric);
    } else {
      SetNumber(family_.spec->type, family_.values[series], metric);
    }
  }

  void SetHistogram(size_t series, ClientMetric& metric) const {
    const std::vector<double>& bounds = family_.spec->bounds;
    metric.histogram.bucket.reserve(bounds.size() + 1);
    uint64_t count = 0;
    for (size_t i = 0; i <= bounds.size(); ++i) {
      count += family_.bucket_counts[series * (bounds.size() + 1) + i];
      double bound = i < bounds.size() ? bounds[i] : std::numeric_limits<double>::infinity();
      metric.histogram.bucket.push_back({count, Printable(bound)});
    }
    metric.histogram.sample_count = count;
    metric.histogram.sample_sum = Printable(family_.values[series]);
  }

  const FamilySnapshot& family_;
  std::shared_ptr<const std::vector<uint32_t>> order_;
};

// Names are sorted once, then each group's counts by the ranks of their names.
class CountsCursor final : public SeriesCursor {
 public:
  explicit CountsCursor(const CountsSnapshot& counts) : SeriesCursor(counts.counts.size()), counts_(counts) {
    names_.push_back(counts.label);
    values_.resize(1);
    RankNames();
    std::vector<size_t> groups(counts.groups.size());
    std::iota(groups.begin(), groups.end(), size_t{0});
    std::sort(groups.begin(), groups.end(),
              [&](size_t a, size_t b) { return *counts.groups[a].labels < *counts.groups[b].labels; });
    for (size_t group : groups) AddGroup(group);
    Begin();
  }

 private:
  struct Series {
    const metrics::Labels* base = nullptr;
    uint32_t rank = 0;
    uint64_t count = 0;
  };

  void RankNames() {
    for (const CountsSnapshot::Count& count : counts_.counts) {
      if (count.id >= rank_of_.size()) rank_of_.resize(count.id + 1, kUnseen);
      rank_of_[count.id] = 0;
    }
    std::vector<std::pair<std::string_view, uint32_t>> names;
    for (uint32_t id = 0; id < rank_of_.size(); ++id) {
      if (rank_of_[id] != kUnseen) names.emplace_back(counts_.name_of(id), id);
    }
    std::sort(names.begin(), names.end());
    for (const auto& [name, id] : names) {
      rank_of_[id] = static_cast<uint32_t>(sorted_names_.size());
      sorted_names_.push_back(name);
    }
  }

  void AddGroup(size_t group) {
    size_t begin = group == 0 ? 0 : counts_.groups[group - 1].end;
    auto first = static_cast<std::ptrdiff_t>(series_.size());
    for (size_t i = begin; i < counts_.groups[group].end; ++i) {
      const CountsSnapshot::Count& count = counts_.counts[i];
      series_.push_back({counts_.groups[group].labels.get(), rank_of_[count.id], count.count});
    }
    std::sort(series_.begin() + first, series_.end(), [](const Series& a, const Series& b) { return a.rank < b.rank; });
  }

  void Load(size_t place) override {
    base_ = series_[place].base;
    values_[0] = sorted_names_[series_[place].rank];
  }
  void SetValue(size_t place, ClientMetric& metric) const override {
    metric.counter.value = static_cast<double>(series_[place].count);
  }

  static constexpr uint32_t kUnseen = UINT32_MAX;
  const CountsSnapshot& counts_;
  std::vector<uint32_t> rank_of_;  // by id
  std::vector<std::string_view> sorted_names_;
  std::vector<Series> series_;
};

class PlainCursor final : public SeriesCursor {
 public:
  explicit PlainCursor(const PlainFamily& family) : SeriesCursor(family.series.size()), type_(family.type) {
    for (const PlainFamily::Series& series : family.series) order_.push_back(&series);
    std::sort(order_.begin(), order_.end(), [](const auto* a, const auto* b) { return a->labels < b->labels; });
    Begin();
  }

 private:
  void Load(size_t place) override { base_ = &order_[place]->labels; }
  void SetValue(size_t place, ClientMetric& metric) const override { SetNumber(type_, order_[place]->value, metric); }

  metrics::Type type_;
  std::vector<const PlainFamily::Series*> order_;
};

}  // namespace

void SeriesCursor::Fill(ClientMetric& metric) const {
  metric.label.reserve(base_->size() + values_.size());
  for (const auto& [name, value] : *base_) AddLabel(metric, name, value);
  for (size_t i = 0; i < values_.size(); ++i) AddLabel(metric, names_[i], values_[i]);
  SetValue(at_, metric);
}

void SeriesCursor::FillUp(ClientMetric& metric) const {
  ClientMetric other;
  Fill(other);
  AddCounts(other, metric);
  double before = gauges_ == Gauges::kAddUp ? metric.gauge.value : 0;
  metric.gauge.value = Printable(before + other.gauge.value);
}

bool SeriesCursor::IsBefore(const SeriesCursor& other) const {
  if (base_ != other.base_ && *base_ != *other.base_) return *base_ < *other.base_;
  return values_ < other.values_;
}

std::unique_ptr<SeriesCursor> MakeCursor(const FamilySnapshot& family) {
  return std::make_unique<FamilyCursor>(family);
}
std::unique_ptr<SeriesCursor> MakeCursor(const CountsSnapshot& counts) {
  return std::make_unique<CountsCursor>(counts);
}
std::unique_ptr<SeriesCursor> MakeCursor(const PlainFamily& family) {
  return std::make_unique<PlainCursor>(family);
}

size_t SortedSeries::size() const {
  size_t size = 0;
  for (const auto& part : parts_) size += part->size();
  return size;
}

bool SortedSeries::at_end() const {
  return std::all_of(parts_.begin(), parts_.end(), [](const auto& part) { return part->at_end(); });
}

void SortedSeries::Take(ClientMetric& metric) {
  // Parts are few: as many as there are pipelines.
  SeriesCursor* first = nullptr;
  for (const auto& part : parts_) {
    if (!part->at_end() && (first == nullptr || part->IsBefore(*first))) first = part.get();
  }
  first->Fill(metric);
  for (const auto& part : parts_) {
    if (part.get() == first || part->at_end() || first->IsBefore(*part)) continue;
    part->FillUp(metric);
    part->Next();
  }
  first->Next();
}

}  // namespace qte::exposition
