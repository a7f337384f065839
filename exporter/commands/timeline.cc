#include "commands/timeline.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace qte::commands {
namespace {

// Adds up the buckets of all series of a family.
std::vector<uint64_t> SumOf(const metrics::FamilySnapshot& family) {
  const size_t size = family.spec->bounds.size() + 1;
  std::vector<uint64_t> sum(size);
  for (size_t i = 0; i < family.bucket_counts.size(); ++i) sum[i % size] += family.bucket_counts[i];
  return sum;
}

}  // namespace

void Timeline::Sample(const std::vector<metrics::FamilySnapshot>& families) {
  if (steps_ == 0) return;
  for (const metrics::FamilySnapshot& family : families) {
    if (family.spec->type != metrics::Type::kHistogram || family.bucket_counts.empty()) continue;
    Sampled& sampled = sampled_[family.spec->name];
    sampled.bounds = family.spec->bounds;
    sampled.totals.resize(steps_);
    Totals& totals = sampled.totals.back();
    totals = SumOf(family);
  }
}

void Timeline::Count(uint32_t event, int64_t time_us) {
  GoTo(time_us);
  std::vector<uint32_t>& counts = counts_[event];
  counts.resize(steps_);
  ++counts.back();
}

void Timeline::GoTo(int64_t time_us) {
  // A malicious line can have any time, and differences must not overflow.
  constexpr int64_t kFurthest = int64_t{1} << 61;
  time_us = std::clamp(time_us, -kFurthest, kFurthest);
  if (steps_ == 0) {
    begin_us_ = last_us_ = time_us;
    steps_ = 1;
  }
  if (time_us <= last_us_) return;
  last_us_ = time_us;
  while ((last_us_ - begin_us_) / step_us_ >= static_cast<int64_t>(kMostSteps)) Halve();
  steps_ = static_cast<size_t>((last_us_ - begin_us_) / step_us_) + 1;
}

// Merges neighbouring steps: their counts add up, and the later of two totals covers both.
void Timeline::Halve() {
  step_us_ *= 2;
  steps_ = (steps_ + 1) / 2;
  for (auto& [event, counts] : counts_) {
    for (size_t i = 0; i < counts.size(); ++i) {
      counts[i / 2] = i % 2 == 0 ? counts[i] : counts[i / 2] + counts[i];
    }
    counts.resize((counts.size() + 1) / 2);
  }
  for (auto& [name, sampled] : sampled_) {
    std::vector<Totals>& totals = sampled.totals;
    for (size_t i = 0; i < totals.size(); ++i) {
      if (i % 2 == 0 || !totals[i].empty()) totals[i / 2] = Totals(totals[i]);
    }
    totals.resize((totals.size() + 1) / 2);
  }
}

std::vector<double> Timeline::RatesOf(uint32_t event) const {
  std::vector<double> rates;
  auto counts = counts_.find(event);
  if (counts == counts_.end()) return rates;
  for (uint32_t count : counts->second) rates.push_back(count / step_seconds());
  rates.resize(steps_);
  return rates;
}

std::map<std::string, Timeline::Histogram> Timeline::Histograms() const {
  std::map<std::string, Histogram> histograms;
  for (const auto& [name, sampled] : sampled_) {
    Histogram& histogram = histograms[name];
    histogram.bounds = sampled.bounds;
    Totals before(sampled.bounds.size() + 1);
    for (size_t step = 0; step < steps_; ++step) {
      std::vector<uint64_t>& buckets = histogram.buckets.emplace_back(before.size());
      if (step >= sampled.totals.size() || sampled.totals[step].size() != before.size()) continue;
      const Totals& now = sampled.totals[step];
      // The total decreases when a series expires.
      for (size_t i = 0; i < now.size(); ++i) buckets[i] = now[i] - std::min(now[i], before[i]);
      before = now;
    }
  }
  return histograms;
}

double QuantileOf(double share, const std::vector<double>& bounds, const std::vector<uint64_t>& buckets) {
  const auto total = static_cast<double>(std::accumulate(buckets.begin(), buckets.end(), uint64_t{0}));
  if (total == 0 || bounds.empty()) return std::numeric_limits<double>::quiet_NaN();
  const double rank = share * total;
  double below = 0;
  for (size_t i = 0; i < bounds.size(); ++i) {
    const auto in_bucket = static_cast<double>(buckets[i]);
    if (below + in_bucket >= rank && in_bucket > 0) {
      const double lower = i == 0 ? std::min(0.0, bounds[0]) : bounds[i - 1];
      return lower + (bounds[i] - lower) * (rank - below) / in_bucket;
    }
    below += in_bucket;
  }
  return bounds.back();
}

}  // namespace qte::commands
