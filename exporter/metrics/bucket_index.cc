#include "metrics/bucket_index.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace qte::metrics {

BucketIndex::BucketIndex(std::span<const double> bounds) {
  if (bounds.empty()) return;
  if (UseExponents(bounds)) {
    kind_ = Kind::kByExponent;
  } else if (UseEvenSpace(bounds)) {
    kind_ = Kind::kEven;
  }
}

bool BucketIndex::UseExponents(std::span<const double> bounds) {
  constexpr size_t kMostPerExponent = 4;
  if (bounds.front() <= 0 || bounds.size() > UINT16_MAX || !std::isfinite(bounds.back())) return false;
  lowest_exponent_ = ExponentOf(bounds.front());
  std::vector<uint16_t> first;
  size_t exponents = ExponentOf(bounds.back()) - lowest_exponent_ + 1;
  size_t bucket = 0;
  for (size_t i = 0; i < exponents; ++i) {
    first.push_back(static_cast<uint16_t>(bucket));
    size_t before = bucket;
    while (bucket < bounds.size() && ExponentOf(bounds[bucket]) - lowest_exponent_ == i) ++bucket;
    if (bucket - before > kMostPerExponent) return false;
  }
  first_ = std::move(first);
  return true;
}

bool BucketIndex::UseEvenSpace(std::span<const double> bounds) {
  double width = (bounds.back() - bounds.front()) / static_cast<double>(bounds.size() - 1);
  for (size_t i = 1; i < bounds.size(); ++i) {
    if (!(std::abs(bounds[i] - bounds[i - 1] - width) < width / 16)) return false;
  }
  per_unit_ = 1 / width;
  return std::isfinite(per_unit_);
}

}  // namespace qte::metrics
