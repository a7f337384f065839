#include "metrics/native_histogram.h"

#include <cmath>
#include <limits>
#include <map>
#include <random>

#include "catch.h"

using namespace qte::metrics;

namespace {

using Buckets = std::map<int32_t, uint64_t>;

Buckets BucketsOf(const NativeHistogram::Side& side) {
  Buckets buckets;
  for (size_t i = 0; i < side.counts.size(); ++i) {
    if (side.counts[i] != 0) buckets[side.first + static_cast<int32_t>(i)] = side.counts[i];
  }
  return buckets;
}

// By the definition, slowly: the least bucket whose bound is not below the value.
int32_t SlowIndex(int schema, double value) {
  auto bucket = static_cast<int32_t>(std::floor(std::log2(value) * std::exp2(schema))) - 2;
  while (NativeHistogram::BoundOf(schema, bucket) < value) ++bucket;
  return bucket;
}

}  // namespace

TEST_CASE("A value's bucket is the first whose bound is not below it, in every schema") {
  std::mt19937_64 random(1);
  for (int schema = kCoarsestSchema; schema <= kFinestSchema; ++schema) {
    for (int i = 0; i < 20000; ++i) {
      const double value = std::exp2(static_cast<double>(random() % 100000) / 1000 - 50);
      CAPTURE(schema, value);
      REQUIRE(NativeHistogram::IndexOf(schema, value) == SlowIndex(schema, value));
    }
    for (int exponent = -40; exponent <= 40; ++exponent) {
      const double power = std::exp2(exponent);
      CAPTURE(schema, power);
      REQUIRE(NativeHistogram::IndexOf(schema, power) == SlowIndex(schema, power));
      REQUIRE(NativeHistogram::IndexOf(schema, std::nextafter(power, 1e300)) == SlowIndex(schema, std::nextafter(power, 1e300)));
    }
  }
}

TEST_CASE("Bounds of schema 3 are their own buckets'") {
  for (int32_t bucket = -100; bucket <= 100; ++bucket) {
    CHECK(NativeHistogram::IndexOf(3, NativeHistogram::BoundOf(3, bucket)) == bucket);
  }
}

TEST_CASE("The smallest and the largest doubles have buckets") {
  for (double value : {std::numeric_limits<double>::denorm_min(), 3e-310, std::numeric_limits<double>::min(),
                       std::numeric_limits<double>::max()}) {
    for (int schema : {-4, 0, 3, 8}) {
      const int32_t bucket = NativeHistogram::IndexOf(schema, value);
      CAPTURE(value, schema, bucket);
      CHECK(NativeHistogram::BoundOf(schema, bucket) >= value);
      CHECK(NativeHistogram::BoundOf(schema, bucket - 1) <= value);
    }
  }
}

TEST_CASE("Values below zero and near it are counted by themselves") {
  const NativeOptions options{.schema = 0, .max_buckets = 10, .zero_threshold = 0.001};
  NativeHistogram histogram(options);
  for (double value : {0.0, 0.001, -0.001, 3.0, 4.0, 5.0, -3.0}) histogram.Observe(options, value);
  CHECK(histogram.zero() == 3);
  CHECK(BucketsOf(histogram.positive()) == Buckets{{2, 2}, {3, 1}});
  CHECK(BucketsOf(histogram.negative()) == Buckets{{2, 1}});
  CHECK(histogram.count() == 7);
}

TEST_CASE("Over its limit a histogram becomes coarser and counts on, as if it had been so from the start") {
  const NativeOptions options{.schema = 8, .max_buckets = 20};
  const NativeOptions free{.schema = 8, .max_buckets = 100000};
  std::mt19937_64 random(2);
  NativeHistogram limited(options);
  std::vector<double> values;
  for (int i = 0; i < 5000; ++i) {
    values.push_back(std::exp2(static_cast<double>(random() % 20000) / 1000 - 15) * (i % 7 == 0 ? -1 : 1));
    limited.Observe(options, values.back());
    REQUIRE(BucketsOf(limited.positive()).size() + BucketsOf(limited.negative()).size() <= 20);
  }
  NativeHistogram coarse({.schema = limited.schema(), .max_buckets = 100000});
  for (double value : values) coarse.Observe(free, value);
  CHECK(limited.schema() < 3);
  CHECK(BucketsOf(limited.positive()) == BucketsOf(coarse.positive()));
  CHECK(BucketsOf(limited.negative()) == BucketsOf(coarse.negative()));
  CHECK(limited.count() == 5000);
}

TEST_CASE("Two values as far apart as doubles are take little memory") {
  const NativeOptions options;
  NativeHistogram histogram(options);
  for (double value : {1e-30, 1e300, 1.0}) histogram.Observe(options, value);
  CHECK(histogram.positive().counts.size() <= 640);
  CHECK(histogram.count() == 3);
}

TEST_CASE("Histograms of different schemas add up") {
  const NativeOptions options;
  NativeHistogram fine(options);
  NativeHistogram coarse({.schema = 1});
  for (double value : {0.0, 0.1, 0.2, 5.0, -1.0}) fine.Observe(options, value);
  for (double value : {0.0, 0.1, 7.0}) coarse.Observe({.schema = 1}, value);
  NativeHistogram want({.schema = 1});
  for (double value : {0.0, 0.1, 0.2, 5.0, -1.0, 0.0, 0.1, 7.0}) want.Observe({.schema = 1}, value);
  NativeHistogram both = fine;
  both.Add(options, coarse);
  CHECK(both == want);
  coarse.Add(options, fine);
  CHECK(BucketsOf(coarse.positive()) == BucketsOf(want.positive()));
}

TEST_CASE("Only what can be a histogram is made of numbers") {
  NativeHistogram made;
  CHECK(NativeHistogram::Make(3, 1, {-5, {1, 0, 2}}, {}, made));
  CHECK(made.count() == 4);
  CHECK_FALSE(NativeHistogram::Make(9, 0, {}, {}, made));
  CHECK_FALSE(NativeHistogram::Make(-5, 0, {}, {}, made));
  CHECK_FALSE(NativeHistogram::Make(0, 0, {INT32_MIN, {1}}, {}, made));
  CHECK_FALSE(NativeHistogram::Make(0, 0, {0, std::vector<uint64_t>(5000)}, {}, made));
}
