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

using metrics::CountsByName;
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

bool ComesBefore(const FamilySnapshot* a, const FamilySnapshot* b) {
  return *a->base < *b->base;
}

class FamilyCursor final : public SeriesCursor {
 public:
  explicit FamilyCursor(std::vector<const FamilySnapshot*> guests) : SeriesCursor(CountOf(guests)), guests_(std::move(guests)) {
    // As a rule they are so already.
    if (!std::is_sorted(guests_.begin(), guests_.end(), ComesBefore)) {
      std::sort(guests_.begin(), guests_.end(), ComesBefore);
    }
    const std::vector<std::string>& names = guests_.front()->spec->label_names;
    names_.assign(names.begin(), names.end());
    Begin();
  }

 private:
  static size_t CountOf(const std::vector<const FamilySnapshot*>& guests) {
    size_t count = 0;
    for (const FamilySnapshot* guest : guests) count += guest->series_count();
    return count;
  }

  void Load(size_t place) override {
    while (order_ == nullptr || place >= first_ + order_->size()) {
      if (order_ != nullptr) {
        first_ += order_->size();
        ++guest_;
      }
      order_ = family().labels.Sorted();
    }
    base_ = family().base.get();
    metrics::LabelValues labels = family().LabelsOf((*order_)[place - first_]);
    values_.assign(labels.begin(), labels.end());
  }

  void SetValue(size_t place, ClientMetric& metric) const override {
    size_t series = (*order_)[place - first_];
    if (family().spec->type == metrics::Type::kHistogram) {
      SetHistogram(series, metric);
    } else {
      SetNumber(family().spec->type, family().values[series], metric);
    }
  }

  void SetHistogram(size_t series, ClientMetric& metric) const {
    const FamilySnapshot& shown = family();
    const std::vector<double>& bounds = shown.spec->bounds;
    const uint64_t* counts = &shown.bucket_counts[series * (bounds.size() + 1)];
    metric.histogram.bucket.reserve(bounds.size() + 1);
    uint64_t count = 0;
    for (size_t i = 0; i <= bounds.size(); ++i) {
      count += counts[i];
      double bound = i < bounds.size() ? bounds[i] : std::numeric_limits<double>::infinity();
      metric.histogram.bucket.push_back({count, Printable(bound)});
    }
    metric.histogram.sample_count = count;
    metric.histogram.sample_sum = Printable(shown.values[series]);
  }

  const FamilySnapshot& family() const { return *guests_[guest_]; }

  std::vector<const FamilySnapshot*> guests_;
  size_t guest_ = 0;  // that it stands at
  size_t first_ = 0;  // the place of the guest's first series
  std::shared_ptr<const std::vector<uint32_t>> order_;
};

// Names are sorted once, then each guest's counts by the ranks of their names.
class CountsCursor final : public SeriesCursor {
 public:
  explicit CountsCursor(const CountsByName& counts) : SeriesCursor(CountOf(counts)), counts_(counts) {
    names_.push_back(counts.label);
    values_.resize(1);
    RankNames();
    std::vector<const CountsSnapshot*> guests;
    for (const CountsSnapshot& guest : counts.guests) guests.push_back(&guest);
    std::sort(guests.begin(), guests.end(), [](const auto* a, const auto* b) { return *a->base < *b->base; });
    for (const CountsSnapshot* guest : guests) AddGuest(*guest);
    Begin();
  }

 private:
  struct Series {
    const metrics::Labels* base = nullptr;
    size_t rank = 0;
    uint64_t count = 0;
  };

  static size_t CountOf(const CountsByName& counts) {
    size_t count = 0;
    for (const CountsSnapshot& guest : counts.guests) count += guest.counts.size();
    return count;
  }

  void RankNames() {
    for (const CountsSnapshot& guest : counts_.guests) {
      for (const CountsSnapshot::Count& count : guest.counts) {
        if (count.id >= guest.shared_names) {
          sorted_names_.push_back(counts_.NameOf(guest, count.id));
          continue;
        }
        if (count.id >= rank_of_.size()) rank_of_.resize(count.id + 1, kUnseen);
        if (std::exchange(rank_of_[count.id], 0) == kUnseen) sorted_names_.push_back(counts_.name_of(count.id));
      }
    }
    std::sort(sorted_names_.begin(), sorted_names_.end());
    sorted_names_.erase(std::unique(sorted_names_.begin(), sorted_names_.end()), sorted_names_.end());
    for (uint32_t id = 0; id < rank_of_.size(); ++id) {
      if (rank_of_[id] != kUnseen) rank_of_[id] = RankOf(counts_.name_of(id));
    }
  }

  size_t RankOf(std::string_view name) const {
    auto found = std::lower_bound(sorted_names_.begin(), sorted_names_.end(), name);
    return static_cast<size_t>(found - sorted_names_.begin());
  }

  void AddGuest(const CountsSnapshot& guest) {
    auto first = static_cast<std::ptrdiff_t>(series_.size());
    for (const CountsSnapshot::Count& count : guest.counts) {
      bool is_shared = count.id < guest.shared_names;
      size_t rank = is_shared ? rank_of_[count.id] : RankOf(counts_.NameOf(guest, count.id));
      series_.push_back({guest.base.get(), rank, count.count});
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

  static constexpr size_t kUnseen = SIZE_MAX;
  const CountsByName& counts_;
  std::vector<size_t> rank_of_;  // by shared id
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

std::unique_ptr<SeriesCursor> MakeCursor(std::vector<const FamilySnapshot*> families) {
  return std::make_unique<FamilyCursor>(std::move(families));
}
std::unique_ptr<SeriesCursor> MakeCursor(const CountsByName& counts) {
  return std::make_unique<CountsCursor>(counts);
}
std::unique_ptr<SeriesCursor> MakeCursor(const PlainFamily& family) {
  return std::make_unique<PlainCursor>(family);
}

}  // namespace qte::exposition
