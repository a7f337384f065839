// The bucket of a histogram that a value falls in, found without a search where the bounds are regular.
//
// Bounds that grow by a factor have one or two in each power of two, so the value's exponent leads to the first that
// can be meant; evenly spaced ones are met by a division. Both are guesses that a look at the bounds themselves puts
// right, so the result is exact whatever rounding does. Bounds that are neither are compared one by one, which beats a
// search as long as they are few.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace qte::metrics {

class BucketIndex {
 public:
  // `bounds` rise, and are at hand in each Find.
  explicit BucketIndex(std::span<const double> bounds);

  // How many of the bounds are below `value`: the number of its bucket, 0 for what is no number.
  size_t Find(std::span<const double> bounds, double value) const {
    if (bounds.empty() || !(value > bounds.front())) return 0;
    if (value > bounds.back()) return bounds.size();
    switch (kind_) {
      case Kind::kByExponent: {
        size_t bucket = first_[ExponentOf(value) - lowest_exponent_];
        while (value > bounds[bucket]) ++bucket;
        return bucket;
      }
      case Kind::kEven: {
        auto bucket = static_cast<size_t>((value - bounds.front()) * per_unit_);
        while (bucket > 0 && !(value > bounds[bucket - 1])) --bucket;
        while (value > bounds[bucket]) ++bucket;
        return bucket;
      }
      case Kind::kAny:
        break;
    }
    size_t bucket = 0;
    for (double bound : bounds) bucket += value > bound ? 1 : 0;
    return bucket;
  }

 private:
  enum class Kind { kByExponent, kEven, kAny };

  // Of a positive number; one step is a power of two.
  static size_t ExponentOf(double value) { return std::bit_cast<uint64_t>(value) >> 52; }

  bool UseExponents(std::span<const double> bounds);
  bool UseEvenSpace(std::span<const double> bounds);

  Kind kind_ = Kind::kAny;
  size_t lowest_exponent_ = 0;
  std::vector<uint16_t> first_;  // by exponent: the lowest bucket of a value that has it
  double per_unit_ = 0;
};

}  // namespace qte::metrics
