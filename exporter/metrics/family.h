// One metric family: its series, owned by one pipeline and written by its thread alone, without a lock.
//
// In: label texts once for each new label set, then numbers by series id. Out: a FamilySnapshot. Numbers lie in plain
// arrays indexed by series id; labels lie in an append-only list that snapshots share. A family never holds more than
// `max_series` label sets; what comes after folds into one more series whose labels are all "_other_", so that sums
// stay right, and is counted. Families of the same spec, each of another pipeline, may share that limit.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
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

class Family {
 public:
  Family(FamilySpec spec, size_t max_series) : Family(std::move(spec), std::make_shared<Budget>(max_series)) {}
  Family(FamilySpec spec, std::shared_ptr<Budget> series);

  // The series with the source's labels `base` and the rule's label `values` (one for each label name), made if it is
  // new. `base` is compared by what it holds.
  SeriesId FindOrAdd(const std::shared_ptr<const Labels>& base, std::span<const std::string_view> values);

  void Add(SeriesId series, double amount) { values_[series] += amount; }
  void Set(SeriesId series, double value) { values_[series] = value; }
  void SetAll(double value) { std::fill(values_.begin(), values_.end(), value); }
  void Observe(SeriesId series, double value) {
    size_t bucket = buckets_.Find(spec_->bounds, value);
    ++bucket_counts_[series * (spec_->bounds.size() + 1) + bucket];
    values_[series] += value;
  }

  FamilySnapshot TakeSnapshot() const;
  // Removes all series with these source labels and returns how many they were. Series ids are others afterwards.
  size_t Remove(const Labels& base);
  // Adds the series of a snapshot of the same spec, e.g. from before a reload: counts add up, a gauge is as it is
  // there. Only those of source labels that `takes`.
  using Takes = std::function<bool(const Labels& base)>;
  void Restore(const FamilySnapshot& snapshot, const Takes& takes = {});

  const FamilySpec& spec() const { return *spec_; }
  size_t series_count() const { return labels_.size(); }
  const LabelList& labels() const { return labels_; }
  // Label sets that were folded into "_other_", counted once each time one is asked for.
  uint64_t overflowed() const { return overflowed_; }
  void set_overflowed(uint64_t count) { overflowed_ = count; }
  // True if the series is the one that label sets over the limit fold into.
  bool IsOther(SeriesId series) const { return series == other_; }
  // The source labels of that series; null as long as there is none.
  std::shared_ptr<const Labels> OtherBase() const;

 private:
  SeriesId Append(const std::shared_ptr<const Labels>& base, std::span<const std::string_view> values, uint64_t hash);
  SeriesId Other(const Labels& base);

  std::shared_ptr<const FamilySpec> spec_;
  BucketIndex buckets_;
  std::shared_ptr<Budget> budget_;  // of all series but the one that the others fold into
  FlatIndex index_;
  LabelList labels_;
  std::vector<double> values_;
  std::vector<uint64_t> bucket_counts_;
  SeriesId other_ = FlatIndex::kNone;
  uint64_t overflowed_ = 0;
};

// True if series of `a` may go on in a family of `b`: same name, type, label names, bounds and definition.
bool Compatible(const FamilySpec& a, const FamilySpec& b);

}  // namespace qte::metrics
