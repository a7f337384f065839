// Rates of trace events over the last minute, for /api/v1/events.
#pragma once

#include <chrono>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "guests/guests.h"

namespace qte::daemon {

class EventRates {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kWindow{60};

  // Notes the counts of now.
  void Sample(Clock::time_point now, const std::vector<guests::SeenEvent>& events);
  // Nothing has been seen since the last time.
  void Repeat(Clock::time_point now);
  // Events a second since the oldest sample of the last minute; 0 while there is none.
  double RateOf(const guests::SeenEvent& event, Clock::time_point now) const;

 private:
  struct Point {
    Clock::time_point time;
    std::unordered_map<std::string, uint64_t, TextHash> counts;
  };
  void Append(Point point);

  std::deque<Point> points_;
};

}  // namespace qte::daemon
