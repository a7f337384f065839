// One guest's series of one metric, written by the guest's thread alone, without a lock.
//
// In: label texts once for each new label set, then numbers by series id. Out: a FamilySnapshot. Numbers lie in plain
// arrays indexed by series id; labels lie in an append-only list that snapshots share. A family never holds more label
// sets than the limit of a metric and the guest's share allow; what comes after folds into one more series whose rule
// labels are all "_other_", so that sums stay right, and is counted.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/flat_index.h"
#include "metrics/bucket_index.h"
#include "metrics/budget.h"
#include "metrics/snapshot.h"

namespace qte::metrics {

inline constexpr std::string_view kOther = "_other_";

using SeriesId = uint32_t;

// What the families of one metric have in common, over all guests.
struct FamilyKind {
  FamilyKind(FamilySpec family_spec, size_t most_series)
      : spec(std::move(family_spec)), buckets(spec.bounds), max_series(most_series) {}

  FamilySpec spec;
  BucketIndex buckets;
  size_t max_series;  // of one guest
};

class Family {
 public:
  Family(std::shared_ptr<const FamilyKind> kind, Share& share)
      : kind_(std::move(kind)),
        share_(share),
        labels_(spec().label_names.size()),
        histograms_(spec().type == Type::kHistogram ? std::make_unique<Histograms>() : nullptr) {}
  ~Family() { share_.GiveBack(series_count()); }
  Family(const Family&) = delete;
  Family& operator=(const Family&) = delete;

  // The series with these label values (one for each label name), made if it is new.
  SeriesId FindOrAdd(std::span<const std::string_view> values);

  void Add(SeriesId series, double amount) { values_[series] += amount; }
  void Set(SeriesId series, double value) { values_[series] = value; }
  void SetAll(double value) { std::fill(values_.begin(), values_.end(), value); }
  // True if the value is the largest so far, and is to be kept with its place.
  bool Observe(SeriesId series, double value) {
    const FamilyKind& kind = *kind_;
    size_t bucket = kind.buckets.Find(kind.spec.bounds, value);
    Histograms& histograms = *histograms_;
    ++histograms.bucket_counts[series * (kind.spec.bounds.size() + 1) + bucket];
    values_[series] += value;
    if (kind.spec.native && !histograms.details.natives[series].Observe(*kind.spec.native, value)) [[unlikely]] {
      BeginAnewIfOld(series, bucket, value);
    }
    return value > histograms.largest[series];
  }
  void Keep(SeriesId series, const Exemplar& exemplar) {
    histograms_->largest[series] = exemplar.value;
    if (exemplar.log != 0) histograms_->details.exemplars[series] = exemplar;
  }
  // The next value of each series is the largest.
  void RenewExemplars() {
    if (histograms_ == nullptr) return;
    std::fill(histograms_->largest.begin(), histograms_->largest.end(), -std::numeric_limits<double>::infinity());
  }

  FamilySnapshot TakeSnapshot(std::shared_ptr<const Labels> base) const;
  // Removes all series.
  void Clear();
  // Adds the series of a snapshot of a compatible spec: counts add up, a gauge is as it is there. What was within the
  // limits in its time stays.
  void Restore(const FamilySnapshot& snapshot);
  // Another config has a compatible metric in this one's place.
  void Use(std::shared_ptr<const FamilyKind> kind) { kind_ = std::move(kind); }

  const FamilySpec& spec() const { return kind_->spec; }
  size_t series_count() const { return labels_.size(); }
  // Label sets that were folded into "_other_", counted once each time one is asked for.
  uint64_t overflowed() const { return overflowed_; }
  void set_overflowed(uint64_t count) { overflowed_ = count; }
  // True if the series is the one that label sets over the limit fold into.
  bool IsOther(SeriesId series) const { return series == other_; }

 private:
  struct Histograms {
    std::vector<uint64_t> bucket_counts;
    std::vector<double> largest;  // values of exemplars; apart from these, since each line looks here
    HistogramDetails details;
  };

  SeriesId Find(std::span<const std::string_view> values, uint64_t hash) const;
  SeriesId Append(std::span<const std::string_view> values, uint64_t hash, uint32_t made_at);
  SeriesId Other();
  bool HasRoom();
  // A series whose native histogram has become coarser by this value, of this bucket.
  void BeginAnewIfOld(SeriesId series, size_t bucket, double value);

  std::shared_ptr<const FamilyKind> kind_;
  Share& share_;
  FlatIndex index_;
  LabelList labels_;
  std::vector<double> values_;
  std::unique_ptr<Histograms> histograms_;  // null for what is another type: most families of most guests
  SeriesId other_ = FlatIndex::kNone;
  uint64_t overflowed_ = 0;
};

// True if series of `a` may go on in a family of `b`: same name, type, label names, bounds, native options and definition.
bool Compatible(const FamilySpec& a, const FamilySpec& b);

}  // namespace qte::metrics
