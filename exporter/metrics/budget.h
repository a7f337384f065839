// How much of something all guests together may hold, shared so that none takes another's part.
//
// A guest may hold at most as much as it leaves free. So one greedy guest gets half of the whole, n of them get a part of
// n + 1 each, and a guest that comes later always finds room. Asked when something new is made, never on the way of a line
// to what is there already. Any thread.
#pragma once

#include <atomic>
#include <cstddef>

namespace qte::metrics {

class Budget {
 public:
  explicit Budget(size_t max) : max_(max) {}

  // One more for a guest that holds `held`.
  bool TryTake(size_t held) {
    const size_t max = max_.load(std::memory_order_relaxed);
    size_t used = used_.load(std::memory_order_relaxed);
    while (used < max && held < max - used) {
      if (used_.compare_exchange_weak(used, used + 1, std::memory_order_relaxed)) return true;
    }
    return false;
  }
  // In any case.
  void Take(size_t count) { used_.fetch_add(count, std::memory_order_relaxed); }
  void GiveBack(size_t count) { used_.fetch_sub(count, std::memory_order_relaxed); }
  void set_max(size_t max) { max_.store(max, std::memory_order_relaxed); }

 private:
  std::atomic<size_t> max_;
  std::atomic<size_t> used_ = 0;
};

// What one guest holds of a budget; given back when it goes. Of the guest's thread.
class Share {
 public:
  explicit Share(Budget& budget) : budget_(budget) {}
  ~Share() { GiveBack(held_); }
  Share(const Share&) = delete;
  Share& operator=(const Share&) = delete;

  bool TryTake() {
    if (!budget_.TryTake(held_)) return false;
    ++held_;
    return true;
  }
  void Take(size_t count) {
    budget_.Take(count);
    held_ += count;
  }
  void GiveBack(size_t count) {
    budget_.GiveBack(count);
    held_ -= count;
  }
  size_t held() const { return held_; }

 private:
  Budget& budget_;
  size_t held_ = 0;
};

}  // namespace qte::metrics
