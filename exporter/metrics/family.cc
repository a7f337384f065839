#include "metrics/family.h"

#include <algorithm>
#include <utility>

#include "base/epoch.h"
#include "base/hash.h"

namespace qte::metrics {
namespace {

uint64_t HashValues(std::span<const std::string_view> values) {
  uint64_t hash = kHashSecret.seed;
  for (std::string_view value : values) hash = HashBytes(value, hash);
  return hash;
}

uint32_t Now() {
  return static_cast<uint32_t>(SecondsSinceEpoch());
}

// The labels of the series that others fold into.
bool AreOther(std::span<const std::string_view> values) {
  return !values.empty() &&
         std::all_of(values.begin(), values.end(), [](std::string_view value) { return value == kOther; });
}

// Where each of the names before stands among those now; the order in the config may have changed.
std::vector<size_t> PlacesOf(const std::vector<std::string>& before, const std::vector<std::string>& now) {
  std::vector<size_t> places;
  for (const std::string& name : before) {
    places.push_back(static_cast<size_t>(std::find(now.begin(), now.end(), name) - now.begin()));
  }
  return places;
}

}  // namespace

SeriesId Family::Find(std::span<const std::string_view> values, uint64_t hash) const {
  return index_.Find(hash, [&](uint32_t id) {
    LabelValues known = labels_[id];
    return std::equal(values.begin(), values.end(), known.begin(), known.end());
  });
}

SeriesId Family::FindOrAdd(std::span<const std::string_view> values) {
  uint64_t hash = HashValues(values);
  SeriesId found = Find(values, hash);
  if (found != FlatIndex::kNone) return found;
  if (AreOther(values)) return Other();
  if (HasRoom()) return Append(values, hash, Now());
  // A metric without labels of its own has one series, which is there in any case.
  if (values.empty()) {
    share_.Take(1);
    return Append(values, hash, Now());
  }
  ++overflowed_;
  return Other();
}

// If so, the series is taken of the share.
bool Family::HasRoom() {
  size_t folded = other_ == FlatIndex::kNone ? 0 : 1;
  return series_count() - folded < kind_->max_series && share_.TryTake();
}

SeriesId Family::Append(std::span<const std::string_view> values, uint64_t hash, uint32_t made_at) {
  auto series = static_cast<SeriesId>(labels_.size());
  labels_.Append(values, made_at);
  values_.push_back(0);
  if (histograms_ != nullptr) {
    histograms_->bucket_counts.resize(histograms_->bucket_counts.size() + spec().bounds.size() + 1);
    histograms_->largest.push_back(-std::numeric_limits<double>::infinity());
    histograms_->details.exemplars.emplace_back();
    if (spec().native) histograms_->details.natives.emplace_back(*spec().native);
  }
  index_.Insert(hash, series);
  return series;
}

SeriesId Family::Other() {
  if (other_ != FlatIndex::kNone) return other_;
  std::vector<std::string_view> values(spec().label_names.size(), kOther);
  share_.Take(1);
  other_ = Append(values, HashValues(values), Now());
  return other_;
}

// As a whole: in protobuf, the buckets of both kinds are of one histogram, with one count and one sum.
void Family::BeginAnewIfOld(SeriesId series, size_t bucket, double value) {
  const NativeOptions& options = *spec().native;
  NativeHistogram& native = histograms_->details.natives[series];
  const uint32_t now = Now();
  const uint32_t began_at = std::max(native.reset_at(), labels_.MadeAt(series));
  if (options.reset_after == 0 || now - began_at < options.reset_after) return;
  native.Reset(options, now);
  native.Observe(options, value);
  const size_t buckets = spec().bounds.size() + 1;
  std::fill_n(histograms_->bucket_counts.begin() + static_cast<std::ptrdiff_t>(series * buckets), buckets, 0);
  histograms_->bucket_counts[series * buckets + bucket] = 1;
  values_[series] = value;
}

FamilySnapshot Family::TakeSnapshot(std::shared_ptr<const Labels> base) const {
  FamilySnapshot snapshot;
  snapshot.spec = std::shared_ptr<const FamilySpec>(kind_, &kind_->spec);
  snapshot.base = std::move(base);
  snapshot.labels = labels_.Share();
  snapshot.values = values_;
  if (histograms_ != nullptr) {
    snapshot.bucket_counts = histograms_->bucket_counts;
    snapshot.details = std::make_shared<HistogramDetails>(histograms_->details);
  }
  return snapshot;
}

void Family::Clear() {
  share_.GiveBack(series_count());
  index_ = {};
  labels_ = LabelList(spec().label_names.size());
  values_.clear();
  if (histograms_ != nullptr) *histograms_ = {};
  other_ = FlatIndex::kNone;
}

void Family::Restore(const FamilySnapshot& snapshot) {
  const size_t buckets = spec().bounds.size() + 1;
  const std::vector<size_t> places = PlacesOf(snapshot.spec->label_names, spec().label_names);
  std::vector<std::string_view> values(places.size());
  for (size_t from = 0; from < snapshot.series_count(); ++from) {
    auto place = places.begin();
    for (std::string_view value : snapshot.LabelsOf(from)) values[*place++] = value;
    const uint64_t hash = HashValues(values);
    SeriesId to = AreOther(values) ? Other() : Find(values, hash);
    if (to == FlatIndex::kNone) {
      share_.Take(1);
      to = Append(values, hash, snapshot.labels.MadeAt(from));
    }
    values_[to] = snapshot.values[from] + (spec().type == Type::kGauge ? 0 : values_[to]);
    if (histograms_ == nullptr) continue;
    for (size_t i = 0; i < buckets; ++i) {
      histograms_->bucket_counts[to * buckets + i] += snapshot.bucket_counts[from * buckets + i];
    }
    if (spec().native) histograms_->details.natives[to].Add(*spec().native, snapshot.details->natives[from]);
  }
}

bool Compatible(const FamilySpec& a, const FamilySpec& b) {
  return a.name == b.name && a.type == b.type && a.definition == b.definition && a.bounds == b.bounds && a.native == b.native &&
         std::is_permutation(a.label_names.begin(), a.label_names.end(), b.label_names.begin(), b.label_names.end());
}

}  // namespace qte::metrics
