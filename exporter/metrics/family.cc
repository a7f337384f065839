#include "metrics/family.h"

#include <algorithm>

#include "base/hash.h"

namespace qte::metrics {
namespace {

uint64_t HashLabels(const Labels& base, std::span<const std::string_view> values) {
  uint64_t hash = kHashSeed;
  for (const auto& [name, value] : base) hash = HashBytes(value, HashBytes(name, hash));
  for (std::string_view value : values) hash = HashBytes(value, hash);
  return hash;
}

bool SameLabels(const LabelChunk::Entry& entry, const Labels& base, std::span<const std::string_view> values) {
  return (entry.base.get() == &base || *entry.base == base) &&
         std::equal(values.begin(), values.end(), entry.values.begin(), entry.values.end());
}

}  // namespace

Family::Family(FamilySpec spec, size_t max_series)
    : spec_(std::make_shared<const FamilySpec>(std::move(spec))), max_series_(max_series) {}

const LabelChunk::Entry& Family::Entry(SeriesId series) const {
  return labels_[series / LabelChunk::kSize]->entries[series % LabelChunk::kSize];
}

SeriesId Family::FindOrAdd(const std::shared_ptr<const Labels>& base, std::span<const std::string_view> values) {
  uint64_t hash = HashLabels(*base, values);
  uint32_t found = index_.Find(hash, [&](uint32_t id) { return SameLabels(Entry(id), *base, values); });
  if (found != FlatIndex::kNone) return found;
  if (index_.size() >= max_series_) {
    ++overflowed_;
    return Other(*base);
  }
  return Append(base, values, hash);
}

SeriesId Family::Append(std::shared_ptr<const Labels> base, std::span<const std::string_view> values, uint64_t hash) {
  auto series = static_cast<SeriesId>(count_++);
  if (series % LabelChunk::kSize == 0) labels_.push_back(std::make_shared<LabelChunk>());
  LabelChunk::Entry& entry = labels_.back()->entries[series % LabelChunk::kSize];
  entry.base = std::move(base);
  entry.values.assign(values.begin(), values.end());
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
  other_ = index_.Find(hash, [&](uint32_t id) { return SameLabels(Entry(id), *shared, values); });
  if (other_ == FlatIndex::kNone) other_ = Append(shared, values, hash);
  return other_;
}

FamilySnapshot Family::TakeSnapshot() const {
  FamilySnapshot snapshot;
  snapshot.spec = spec_;
  snapshot.series_count = count_;
  snapshot.labels.assign(labels_.begin(), labels_.end());
  snapshot.values = values_;
  snapshot.bucket_counts = bucket_counts_;
  return snapshot;
}

void Family::Restore(const FamilySnapshot& snapshot) {
  size_t buckets = spec_->bounds.size() + 1;
  std::vector<std::string_view> values;
  for (size_t from = 0; from < snapshot.series_count; ++from) {
    const LabelChunk::Entry& entry = snapshot.LabelsOf(from);
    values.assign(entry.values.begin(), entry.values.end());
    SeriesId to = FindOrAdd(entry.base, values);
    values_[to] += snapshot.values[from];
    if (spec_->type != Type::kHistogram) continue;
    for (size_t i = 0; i < buckets; ++i) bucket_counts_[to * buckets + i] += snapshot.bucket_counts[from * buckets + i];
  }
}

size_t Family::Remove(const Labels& base) {
  size_t before = count_;
  FamilySnapshot old = TakeSnapshot();
  bool has_any = false;
  for (size_t i = 0; i < before && !has_any; ++i) has_any = *old.LabelsOf(i).base == base;
  if (!has_any) return 0;

  index_.Clear();
  labels_.clear();
  values_.clear();
  bucket_counts_.clear();
  count_ = 0;
  other_ = FlatIndex::kNone;
  size_t buckets = spec_->type == Type::kHistogram ? spec_->bounds.size() + 1 : 0;
  std::vector<std::string_view> values;
  for (size_t from = 0; from < before; ++from) {
    const LabelChunk::Entry& entry = old.LabelsOf(from);
    if (*entry.base == base) continue;
    values.assign(entry.values.begin(), entry.values.end());
    SeriesId to = Append(entry.base, values, HashLabels(*entry.base, values));
    values_[to] = old.values[from];
    for (size_t i = 0; i < buckets; ++i) bucket_counts_[to * buckets + i] = old.bucket_counts[from * buckets + i];
  }
  return before - count_;
}

bool Compatible(const FamilySpec& a, const FamilySpec& b) {
  return a.name == b.name && a.type == b.type && a.label_names == b.label_names && a.bounds == b.bounds;
}

}  // namespace qte::metrics
