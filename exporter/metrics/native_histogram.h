// A native histogram of Prometheus: counts by buckets whose bounds grow by 2^(2^-schema), so many as there are values.
//
// Bucket i of the positive side holds values in (base^(i-1), base^i] with base = 2^(2^-schema), and those of the negative
// side the same without their sign; what is nearer to zero than a threshold is counted by itself. Where the values need
// more buckets than allowed, the schema goes down by one, which makes one bucket of each two.
//
// Counts of one side lie in an array from its lowest bucket to its highest, so that one more value of a bucket that is
// there costs a look at the number's exponent and first digits, and an increment.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace qte::metrics {

inline constexpr int kFinestSchema = 8;
inline constexpr int kCoarsestSchema = -4;

struct NativeOptions {
  int schema = 3;             // that a histogram begins with: each bucket is 9 % wider than the one before
  uint32_t max_buckets = 160;  // that hold values
  double zero_threshold = 0x1p-128;
  // At the limit of buckets, a series that is so old begins anew instead of becoming coarser, in seconds; 0: none does.
  uint32_t reset_after = 0;

  bool operator==(const NativeOptions&) const = default;
};

class NativeHistogram {
 public:
  struct Side {
    int32_t first = 0;  // the bucket of counts[0]
    std::vector<uint64_t> counts;

    bool operator==(const Side&) const = default;
  };

  // Made of what another one told; for a checkpoint. False where no histogram can be so.
  static bool Make(int schema, uint64_t zero, Side positive, Side negative, NativeHistogram& made);

  NativeHistogram() = default;
  explicit NativeHistogram(const NativeOptions& options) : schema_(static_cast<int8_t>(options.schema)) {}

  // False if it had to become coarser for that.
  bool Observe(const NativeOptions& options, double value) {
    if (value > options.zero_threshold) [[likely]] {
      const size_t at = static_cast<size_t>(static_cast<int64_t>(IndexOf(schema_, value)) - positive_.first);
      if (at < positive_.counts.size() && positive_.counts[at] != 0) [[likely]] {
        ++positive_.counts[at];
        return true;
      }
    }
    return ObserveNew(options, value);
  }
  // Adds what another one counted, which may be of another schema.
  void Add(const NativeOptions& options, const NativeHistogram& other);

  // Begins anew at a time in seconds since the epoch.
  void Reset(const NativeOptions& options, uint32_t now);
  // When it last began anew; 0 if it never did.
  uint32_t reset_at() const { return reset_at_; }
  void set_reset_at(uint32_t time) { reset_at_ = time; }

  int schema() const { return schema_; }
  uint64_t zero() const { return zero_; }
  const Side& positive() const { return positive_; }
  const Side& negative() const { return negative_; }
  uint64_t count() const;

  // The bucket of a finite value above 0.
  static int32_t IndexOf(int schema, double value) {
    const uint64_t bits = std::bit_cast<uint64_t>(value);
    // Few have buckets that wide, or values that small.
    if (schema <= 0 || bits < (uint64_t{1} << kMantissaBits)) [[unlikely]] return SlowIndexOf(schema, value);
    constexpr int32_t kBias = 1023;
    const Bounds& bounds = kBounds[static_cast<size_t>(schema)];
    const uint64_t mantissa = bits & ((uint64_t{1} << kMantissaBits) - 1);
    uint32_t below = bounds.guesses[mantissa >> (kMantissaBits - kGuessBits)];
    while (mantissa > bounds.mantissas[below]) ++below;
    return static_cast<int32_t>(below) + (static_cast<int32_t>(bits >> kMantissaBits) - kBias) * (1 << schema);
  }
  // The upper bound of a bucket; infinity where it is beyond what a double holds.
  static double BoundOf(int schema, int32_t bucket);

  bool operator==(const NativeHistogram&) const = default;

 private:
  static constexpr unsigned kMantissaBits = 52;
  static constexpr unsigned kGuessBits = 8;

  // Where the bounds of a schema lie between one power of two and the next, as the mantissas of doubles. By the first bits
  // of a value's mantissa stands how many of them are below it for sure.
  struct Bounds {
    explicit Bounds(int schema);
    std::array<uint64_t, (size_t{1} << kFinestSchema) + 1> mantissas;
    std::array<uint16_t, size_t{1} << kGuessBits> guesses;
  };
  static const std::array<Bounds, kFinestSchema + 1> kBounds;

  static int32_t SlowIndexOf(int schema, double value);
  bool ObserveNew(const NativeOptions& options, double value);
  static void AddTo(Side& side, int32_t bucket, uint64_t count);
  void Coarsen();
  // False if there was too much.
  bool Limit(const NativeOptions& options);

  Side positive_;
  Side negative_;
  uint64_t zero_ = 0;
  uint32_t reset_at_ = 0;
  int8_t schema_ = NativeOptions().schema;
};

}  // namespace qte::metrics
