// Divides the time of a recorded trace into at most 240 equal steps. For each step it has the number of each event, and
// the counts of the histograms at the end of the step.
//
// The length of the trace is unknown until its end. A step therefore begins at 1 ms. When 240 steps do not suffice, the
// length doubles and neighbouring steps are merged. A line whose time goes back counts in the previous line's step.
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

  // True if this time is after the current step, so Sample must precede the next Count.
  bool IsOver(int64_t time_us) const { return steps_ > 0 && time_us >= EndOfStep(); }
  // Records the histograms at the end of the current step.
  void Sample(const std::vector<metrics::FamilySnapshot>& families);
  // Counts an event, given by its id in the catalog.
  void Count(uint32_t event, int64_t time_us);

  bool has_time() const { return steps_ > 0; }
  int64_t begin_us() const { return begin_us_; }
  int64_t end_us() const { return last_us_; }
  // Length of one step.
  double step_seconds() const { return static_cast<double>(step_us_) / 1e6; }
  size_t steps() const { return steps_; }
  // Events per second in each step; empty if the event never occurred.
  std::vector<double> RatesOf(uint32_t event) const;

  // One histogram, summed over all its series.
  struct Histogram {
    std::vector<double> bounds;
    std::vector<std::vector<uint64_t>> buckets;  // for each step: not cumulative, one more than bounds
  };
  // Observations in each step, by the histogram's name.
  std::map<std::string, Histogram> Histograms() const;

 private:
  using Totals = std::vector<uint64_t>;  // one histogram's buckets since the start of the trace

  int64_t EndOfStep() const { return begin_us_ + step_us_ * static_cast<int64_t>(steps_); }
  void GoTo(int64_t time_us);
  void Halve();

  int64_t begin_us_ = 0;
  int64_t last_us_ = 0;
  int64_t step_us_ = 1000;
  size_t steps_ = 0;  // steps begun so far
  std::map<uint32_t, std::vector<uint32_t>> counts_;
  struct Sampled {
    std::vector<double> bounds;
    std::vector<Totals> totals;  // for each step; empty if nothing was sampled
  };
  std::map<std::string, Sampled> sampled_;
};

// Quantile of a histogram, by linear interpolation within a bucket; NaN if the buckets are empty. For the last bucket,
// which has no upper bound, it is the lower bound.
double QuantileOf(double share, const std::vector<double>& bounds, const std::vector<uint64_t>& buckets);

}  // namespace qte::commands
