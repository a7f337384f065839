#include "metrics/family.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"

namespace qte::metrics {
namespace {

uint64_t HashLabels(const Labels& base, std::span<const std::string_view> values) {
  uint64_t hash = kHashSecret.seed;
  for (const auto& [name, value] : base) hash = HashBytes(value, HashBytes(name, hash));
  for (std::string_view value : values) hash = HashBytes(value, hash);
  return hash;
}

bool SameLabels(const SeriesLabels& labels, const Labels& base, std::span<const std::string_view> values) {
  return (labels.base.get() == &base || *labels.base == base) &&
         std::equal(values.begin(), values.end(), labels.values.begin(), labels.values.end());
}

// The labels of the series that others fold into.
bool AreOther(const Labels& base, std::span<const std::string_view> values) {
  return base.size() + values.size() > 0 &&
         std::all_of(base.begin(), base.end(), [](const auto& label) { return label.second == kOther; }) &&
         std::all_of(values.begin(), values.end(), [](std::string_view value) { return value == kOther; });
}

}  // namespace

Family::Family(FamilySpec spec, std::shared_ptr<Budget> series)
    : spec_(std::make_shared<const FamilySpec>(std::move(spec))),
      buckets_(spec_->bounds),
      budget_(std::move(series)),
      labels_(spec_->label_names.size()) {}

SeriesId Family::FindOrAdd(const std::shared_ptr<const Labels>& base, std::span<const std::string_view> values) {
  uint64_t hash = HashLabels(*base, values);
  uint32_t found = index_.Find(hash, [&](uint32_t id) { return SameLabels(labels_[id], *base, values); });
  if (found != FlatIndex::kNone) return found;
  if (AreOther(*base, values)) return Other(*base);
  if (!budget_->TryTake()) {
    ++overflowed_;
    return Other(*base);
  }
  return Append(base, values, hash);
}

SeriesId Family::Append(const std::shared_ptr<const Labels>& base, std::span<const std::string_view> values,
                        uint64_t hash) {
  auto series = static_cast<SeriesId>(labels_.size());
  labels_.Append(base, values);
  values_.push_back(0);
  if (spec_->type == Type::kHistogram) bucket_counts_.resize(bucket_counts_.size() + spec_->bounds.size() + 1);
  index_.Insert(hash, series);
  return series;
}

SeriesId Family::Other(const Labels& base) {
  if (other_ != FlatIndex::kNone) return other_;
  Labels folded = base;
  for (auto& [name, value] : folded) value = kOther;
  std::vector<std::string_view> values(spec_->label_names.size(), kOther);
  auto shared = std::make_shared<const Labels>(std::move(folded));
  uint64_t hash = HashLabels(*shared, values);
  other_ = index_.Find(hash, [&](uint32_t id) { return SameLabels(labels_[id], *shared, values); });
  if (other_ == FlatIndex::kNone) other_ = Append(shared, values, hash);
  return other_;
}

std::shared_ptr<const Labels> Family::OtherBase() const {
  return other_ == FlatIndex::kNone ? nullptr : labels_[other_].base;
}

FamilySnapshot Family::TakeSnapshot() const {
  FamilySnapshot snapshot;
  snapshot.spec = spec_;
  snapshot.labels = labels_.Share();
  snapshot.values = values_;
  snapshot.bucket_counts = bucket_counts_;
  return snapshot;
}

void Family::Restore(const FamilySnapshot& snapshot, const Takes& takes) {
  size_t buckets = spec_->bounds.size() + 1;
  std::vector<std::string_view> values;
  for (size_t from = 0; from < snapshot.series_count(); ++from) {
    SeriesLabels labels = snapshot.LabelsOf(from);
    if (takes && !takes(*labels.base)) continue;
    values.assign(labels.values.begin(), labels.values.end());
    SeriesId to = FindOrAdd(labels.base, values);
    values_[to] = snapshot.values[from] + (spec_->type == Type::kGauge ? 0 : values_[to]);
    if (spec_->type != Type::kHistogram) continue;
    for (size_t i = 0; i < buckets; ++i) bucket_counts_[to * buckets + i] += snapshot.bucket_counts[from * buckets + i];
  }
}

size_t Family::Remove(const Labels& base) {
  size_t before = series_count();
  FamilySnapshot old = TakeSnapshot();
  bool has_any = false;
  for (size_t i = 0; i < before && !has_any; ++i) has_any = *old.LabelsOf(i).base == base;
  if (!has_any) return 0;

  index_.Clear();
  labels_ = LabelList(spec_->label_names.size());
  values_.clear();
  bucket_counts_.clear();
  SeriesId old_other = std::exchange(other_, FlatIndex::kNone);
  size_t buckets = spec_->type == Type::kHistogram ? spec_->bounds.size() + 1 : 0;
  std::vector<std::string_view> values;
  for (size_t from = 0; from < before; ++from) {
    SeriesLabels labels = old.LabelsOf(from);
    if (*labels.base == base) continue;
    values.assign(labels.values.begin(), labels.values.end());
    SeriesId to = Append(labels.base, values, HashLabels(*labels.base, values));
    if (from == old_other) other_ = to;
    values_[to] = old.values[from];
    for (size_t i = 0; i < buckets; ++i) bucket_counts_[to * buckets + i] = old.bucket_counts[from * buckets + i];
  }
  size_t removed = before - series_count();
  bool is_other_gone = old_other != FlatIndex::kNone && other_ == FlatIndex::kNone;
  budget_->GiveBack(removed - (is_other_gone ? 1 : 0));
  return removed;
}

bool Compatible(const FamilySpec& a, const FamilySpec& b) {
  return a.name == b.name && a.type == b.type && a.label_names == b.label_names && a.bounds == b.bounds;
}

}  // namespace qte::metrics
