#include "metrics/native_histogram.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace qte::metrics {
namespace {

// The bucket of the next coarser schema that holds this one.
int32_t Coarser(int32_t bucket) {
  return ((bucket - 1) >> 1) + 1;
}

size_t Populated(const NativeHistogram::Side& side) {
  return side.counts.size() - static_cast<size_t>(std::count(side.counts.begin(), side.counts.end(), uint64_t{0}));
}

uint64_t Sum(const NativeHistogram::Side& side) {
  return std::accumulate(side.counts.begin(), side.counts.end(), uint64_t{0});
}

}  // namespace

NativeHistogram::Bounds::Bounds(int schema) : mantissas{}, guesses{} {
  constexpr uint64_t kMantissa = (uint64_t{1} << kMantissaBits) - 1;
  const size_t count = size_t{1} << schema;
  for (size_t i = 0; i < count; ++i) {
    const double bound = std::exp2(static_cast<double>(i) / static_cast<double>(count));
    mantissas[i] = std::bit_cast<uint64_t>(bound) & kMantissa;
  }
  mantissas[count] = UINT64_MAX;  // no value is above it
  for (uint64_t first = 0; first < guesses.size(); ++first) {
    const uint64_t least = first << (kMantissaBits - kGuessBits);
    const auto below = std::lower_bound(mantissas.begin(), mantissas.begin() + count, least) - mantissas.begin();
    guesses[first] = static_cast<uint16_t>(below);
  }
}

const std::array<NativeHistogram::Bounds, kFinestSchema + 1> NativeHistogram::kBounds = {
    Bounds(0), Bounds(1), Bounds(2), Bounds(3), Bounds(4), Bounds(5), Bounds(6), Bounds(7), Bounds(8)};

int32_t NativeHistogram::SlowIndexOf(int schema, double value) {
  int exponent = 0;
  const double fraction = std::frexp(value, &exponent);
  if (schema > 0) {
    const double steps = std::ceil(std::log2(2 * fraction) * std::exp2(schema));
    return static_cast<int32_t>(steps) + (exponent - 1) * (1 << schema);
  }
  if (fraction == 0.5) --exponent;
  return (exponent + (1 << -schema) - 1) >> -schema;
}

double NativeHistogram::BoundOf(int schema, int32_t bucket) {
  return std::exp2(static_cast<double>(bucket) * std::exp2(-schema));
}

uint64_t NativeHistogram::count() const {
  return Sum(positive_) + Sum(negative_) + zero_;
}

// A value of a bucket that is empty so far, or one near zero or below.
bool NativeHistogram::ObserveNew(const NativeOptions& options, double value) {
  if (std::abs(value) <= options.zero_threshold || value == 0) {
    ++zero_;
    return true;
  }
  AddTo(value > 0 ? positive_ : negative_, IndexOf(schema_, std::abs(value)), 1);
  return Limit(options);
}

void NativeHistogram::Reset(const NativeOptions& options, uint32_t now) {
  *this = NativeHistogram(options);
  reset_at_ = now;
}

void NativeHistogram::AddTo(Side& side, int32_t bucket, uint64_t count) {
  if (side.counts.empty()) side.first = bucket;
  if (bucket < side.first) {
    side.counts.insert(side.counts.begin(), static_cast<size_t>(side.first - bucket), 0);
    side.first = bucket;
  }
  const auto at = static_cast<size_t>(bucket - side.first);
  if (at >= side.counts.size()) side.counts.resize(at + 1);
  side.counts[at] += count;
}

// A side also spans no more than some times the allowed buckets: what lies between is stored, too.
bool NativeHistogram::Limit(const NativeOptions& options) {
  constexpr size_t kSpanPerBucket = 4;
  auto is_too_much = [&] {
    return Populated(positive_) + Populated(negative_) > options.max_buckets ||
           std::max(positive_.counts.size(), negative_.counts.size()) > kSpanPerBucket * options.max_buckets;
  };
  if (!is_too_much()) return true;
  while (schema_ > kCoarsestSchema && is_too_much()) Coarsen();
  return false;
}

void NativeHistogram::Coarsen() {
  for (Side* side : {&positive_, &negative_}) {
    Side coarser;
    for (size_t i = 0; i < side->counts.size(); ++i) {
      if (side->counts[i] != 0) AddTo(coarser, Coarser(side->first + static_cast<int32_t>(i)), side->counts[i]);
    }
    *side = std::move(coarser);
  }
  --schema_;
}

void NativeHistogram::Add(const NativeOptions& options, const NativeHistogram& other) {
  NativeHistogram added = other;
  while (added.schema_ > schema_) added.Coarsen();
  while (schema_ > added.schema_) Coarsen();
  for (auto [to, from] : {std::pair(&positive_, &added.positive_), std::pair(&negative_, &added.negative_)}) {
    for (size_t i = 0; i < from->counts.size(); ++i) {
      if (from->counts[i] != 0) AddTo(*to, from->first + static_cast<int32_t>(i), from->counts[i]);
    }
  }
  zero_ += added.zero_;
  reset_at_ = std::max(reset_at_, added.reset_at_);
  Limit(options);
}

bool NativeHistogram::Make(int schema, uint64_t zero, Side positive, Side negative, NativeHistogram& made) {
  constexpr int32_t kExponents = 1100;  // that doubles have on either side of 1, and more
  if (schema < kCoarsestSchema || schema > kFinestSchema) return false;
  const int32_t most = kExponents << std::max(schema, 0);
  for (const Side* side : {&positive, &negative}) {
    if (side->first < -most || side->first > most || side->counts.size() > 2 * static_cast<size_t>(most)) return false;
  }
  made.schema_ = static_cast<int8_t>(schema);
  made.zero_ = zero;
  made.positive_ = std::move(positive);
  made.negative_ = std::move(negative);
  return true;
}

}  // namespace qte::metrics
