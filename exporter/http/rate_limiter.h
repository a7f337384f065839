// Lets so many requests through at once, and one more in each interval. From any thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>

#include "config/web_config.h"

namespace qte::http {

class RateLimiter {
 public:
  using Clock = std::chrono::steady_clock;

  // Begins anew where the limit is another one.
  void Set(const std::optional<config::RateLimit>& limit) {
    std::lock_guard lock(mutex_);
    if (limit == limit_) return;
    limit_ = limit;
    tokens_ = limit ? limit->burst : 0;
    counted_at_ = Clock::now();
  }

  bool Allows(Clock::time_point now) {
    std::lock_guard lock(mutex_);
    if (!limit_) return true;
    const double passed = std::chrono::duration<double>(now - counted_at_) / limit_->interval;
    tokens_ = std::min<double>(limit_->burst, tokens_ + std::max(passed, 0.0));
    counted_at_ = now;
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }

 private:
  std::mutex mutex_;
  std::optional<config::RateLimit> limit_;  // guarded by mutex_
  double tokens_ = 0;               // guarded by mutex_
  Clock::time_point counted_at_;    // guarded by mutex_
};

}  // namespace qte::http
