// How many of something there may be in the whole process, however many threads make them.
//
// Asked when something new is made, never on the way of a line to what is there already.
#pragma once

#include <atomic>
#include <cstddef>

namespace qte::metrics {

class Budget {
 public:
  explicit Budget(size_t max) : max_(max) {}

  // One more, if the budget has one left.
  bool TryTake() {
    size_t used = used_.load(std::memory_order_relaxed);
    while (used < max_) {
      if (used_.compare_exchange_weak(used, used + 1, std::memory_order_relaxed)) return true;
    }
    return false;
  }
  // One more in any case.
  void Take() { used_.fetch_add(1, std::memory_order_relaxed); }
  void GiveBack(size_t count) { used_.fetch_sub(count, std::memory_order_relaxed); }

 private:
  const size_t max_;
  std::atomic<size_t> used_ = 0;
};

}  // namespace qte::metrics
