// The time, as something a test can turn by hand.
//
// Code that decides by time (poll intervals, grace windows, time limits) takes a `const Clock&`; the daemon passes
// Clock::Steady(), a test its FakeClock. Only monotonic time: wall-clock stamps come from the traces themselves.
#pragma once

#include <chrono>

namespace qte {

class Clock {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;

  virtual Time Now() const = 0;

  static const Clock& Steady();

 protected:
  ~Clock() = default;
};

class SteadyClock final : public Clock {
 public:
  Time Now() const override { return std::chrono::steady_clock::now(); }
};

inline const Clock& Clock::Steady() {
  static const SteadyClock clock;
  return clock;
}

// Stands still until it is advanced. Starts well after the epoch, so that "long ago" can be told from "never".
class FakeClock final : public Clock {
 public:
  Time Now() const override { return now_; }
  void Advance(Duration by) { now_ += by; }

 private:
  Time now_{std::chrono::hours(1)};
};

}  // namespace qte
