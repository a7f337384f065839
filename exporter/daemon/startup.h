// When the daemon begins to answer: once what was there at its start has been read, or after a bound, so that a log
// that is never read to its end cannot keep it silent. Until then counters would rise from 0, or from the last
// checkpoint.
//
// IsOver may be called by any thread, Log by one.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/clock.h"

namespace qte::daemon {

class Startup {
 public:
  struct Progress {
    uint64_t read = 0;  // bytes since the start
    uint64_t left = 0;
  };

  // A bound of 0: answers at once.
  Startup(std::chrono::milliseconds bound, Clock::Time begin) : bound_(bound), begin_(begin) {}

  bool IsOver(bool is_caught_up, Clock::Time now) const {
    return is_caught_up || std::chrono::duration_cast<std::chrono::milliseconds>(now - begin_) >= bound_;
  }
  // "12.5 of 50.0 MB (25 %)"
  static std::string Show(const Progress& progress);
  // Called every few seconds: logs the progress every 10 s, and once when the wait is over.
  void Log(bool is_caught_up, const Progress& progress, Clock::Time now);
  // True once Log has nothing to say any more.
  bool is_told() const { return is_told_; }

 private:
  static constexpr std::chrono::seconds kInterval{10};
  static constexpr std::chrono::seconds kTolerance{1};  // calls are a little early or late

  const std::chrono::milliseconds bound_;
  const Clock::Time begin_;
  Clock::Time next_ = begin_ + kInterval - kTolerance;
  bool has_logged_ = false;
  bool is_told_ = false;
};

}  // namespace qte::daemon
