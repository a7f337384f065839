#include "commands/timeline.h"

#include <cmath>
#include <numeric>

#include "catch.h"

namespace qte::commands {
namespace {

constexpr int64_t kBegin = 1'795'408'732'000'000;

double SumOf(const std::vector<double>& rates) {
  return std::accumulate(rates.begin(), rates.end(), 0.0);
}

std::vector<metrics::FamilySnapshot> Families(std::vector<uint64_t> buckets) {
  metrics::FamilySpec spec;
  spec.name = "a_seconds";
  spec.type = metrics::Type::kHistogram;
  spec.bounds = {1, 2};
  metrics::FamilySnapshot family;
  family.spec = std::make_shared<const metrics::FamilySpec>(spec);
  family.bucket_counts = std::move(buckets);
  return {family};
}

}  // namespace

TEST_CASE("Events fall into steps of a millisecond at first") {
  Timeline timeline;
  CHECK_FALSE(timeline.has_time());
  for (int64_t at : {0, 100, 1000, 3500}) timeline.Count(7, kBegin + at);
  CHECK(timeline.begin_us() == kBegin);
  CHECK(timeline.end_us() == kBegin + 3500);
  CHECK(timeline.RatesOf(7) == std::vector<double>{2000, 1000, 0, 1000});
  CHECK(timeline.RatesOf(8).empty());
}

TEST_CASE("A time that goes back counts in the step before it") {
  Timeline timeline;
  for (int64_t at : {0, 2000, 500}) timeline.Count(7, kBegin + at);
  CHECK(timeline.RatesOf(7) == std::vector<double>{1000, 0, 2000});
}

TEST_CASE("Steps double until they suffice, and no event is lost") {
  Timeline timeline;
  constexpr int kEvents = 100'000;
  for (int i = 0; i < kEvents; ++i) timeline.Count(static_cast<uint32_t>(i % 2), kBegin + i * int64_t{10'000});
  CHECK(timeline.steps() <= Timeline::kMostSteps);
  CHECK(timeline.steps() > Timeline::kMostSteps / 2);
  const double seconds = timeline.step_seconds();
  CHECK(SumOf(timeline.RatesOf(0)) * seconds == Approx(kEvents / 2));
  CHECK(SumOf(timeline.RatesOf(1)) * seconds == Approx(kEvents / 2));
  CHECK(timeline.RatesOf(0)[100] == Approx(50).epsilon(0.05));
}

TEST_CASE("Any times are taken") {
  Timeline timeline;
  for (int64_t at : {INT64_MIN + 1, int64_t{0}, INT64_MAX}) timeline.Count(1, at);
  CHECK(timeline.steps() <= Timeline::kMostSteps);
  CHECK(SumOf(timeline.RatesOf(1)) * timeline.step_seconds() == Approx(3));
}

TEST_CASE("Histograms are what came in each step, over all series") {
  Timeline timeline;
  timeline.Count(1, kBegin);
  CHECK_FALSE(timeline.IsOver(kBegin + 999));
  CHECK(timeline.IsOver(kBegin + 1000));
  timeline.Sample(Families({1, 2, 0, 3, 0, 0}));
  timeline.Count(1, kBegin + 2000);
  timeline.Sample(Families({1, 2, 5, 3, 1, 0}));
  const auto histograms = timeline.Histograms();
  REQUIRE(histograms.size() == 1);
  CHECK(histograms.at("a_seconds").buckets == std::vector<std::vector<uint64_t>>{{4, 2, 0}, {0, 0, 0}, {0, 1, 5}});
  // Twice as long steps.
  timeline.Count(1, kBegin + 1000 * int64_t{Timeline::kMostSteps});
  const auto halved = timeline.Histograms().at("a_seconds").buckets;
  REQUIRE(halved.size() == Timeline::kMostSteps / 2 + 1);
  CHECK(halved[0] == std::vector<uint64_t>{4, 2, 0});
  CHECK(halved[1] == std::vector<uint64_t>{0, 1, 5});
}

TEST_CASE("Quantiles") {
  CHECK(std::isnan(QuantileOf(0.5, {1, 2}, {0, 0, 0})));
  CHECK(QuantileOf(0.5, {1, 2}, {10, 0, 0}) == Approx(0.5));
  CHECK(QuantileOf(0.5, {1, 2}, {0, 10, 0}) == Approx(1.5));
  CHECK(QuantileOf(0.99, {1, 2}, {10, 0, 1}) == Approx(2));
  CHECK(QuantileOf(0.5, {1, 2}, {0, 0, 7}) == 2);
}

}  // namespace qte::commands
