// What a recorded trace holds over its own time, in at most 240 equal steps, whatever its length: how often each event
// came, and what the histograms had counted at the end of each step.
//
// The length of a step is not known before the end of the trace, so it begins at 1 ms and doubles whenever the steps do
// not suffice; two neighbours then become one. A line whose time goes back counts in the step of the line before it.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "metrics/snapshot.h"

namespace qte::commands {

class Timeline {
 public:
  static constexpr size_t kMostSteps = 240;

  // True if this time lies behind the current step, so that Sample is due before the next Count.
  bool IsOver(int64_t time_us) const { return steps_ > 0 && time_us >= EndOfStep(); }
  // Takes over the histograms as they are at the end of the current step.
  void Sample(const std::vector<metrics::FamilySnapshot>& families);
  // An event, by the catalog's id, at a time.
  void Count(uint32_t event, int64_t time_us);

  bool has_time() const { return steps_ > 0; }
  int64_t begin_us() const { return begin_us_; }
  int64_t end_us() const { return last_us_; }
  // Of one step.
  double step_seconds() const { return static_cast<double>(step_us_) / 1e6; }
  size_t steps() const { return steps_; }
  // Events a second in each step; empty if there was none.
  std::vector<double> RatesOf(uint32_t event) const;

  // One histogram, over all its series.
  struct Histogram {
    std::vector<double> bounds;
    std::vector<std::vector<uint64_t>> buckets;  // of each step: not cumulated, one more than bounds
  };
  // By name: what came in each step.
  std::map<std::string, Histogram> Histograms() const;

 private:
  using Totals = std::vector<uint64_t>;  // of one histogram's buckets, since the trace's begin

  int64_t EndOfStep() const { return begin_us_ + step_us_ * static_cast<int64_t>(steps_); }
  void GoTo(int64_t time_us);
  void Halve();

  int64_t begin_us_ = 0;
  int64_t last_us_ = 0;
  int64_t step_us_ = 1000;
  size_t steps_ = 0;  // that have begun
  std::map<uint32_t, std::vector<uint32_t>> counts_;
  struct Sampled {
    std::vector<double> bounds;
    std::vector<Totals> totals;  // of each step, empty where nothing was sampled
  };
  std::map<std::string, Sampled> sampled_;
};

// The value below which a share of what a histogram's buckets hold lies, by linear interpolation within a bucket; NaN
// if they hold nothing. In the last bucket, which has no bound, it is the bound below.
double QuantileOf(double share, const std::vector<double>& bounds, const std::vector<uint64_t>& buckets);

}  // namespace qte::commands
