// A line on a terminal that shows how far long work is: [=====>     ]  43 %, 812 MB/s, 2 s left.
//
// If standard error is a terminal, the line appears there after 1 s of work and is removed at the end. Several threads
// can call Add.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>

namespace qte::commands {

class Progress {
 public:
  // `total` is the number of bytes to read; 0 if it is unknown.
  explicit Progress(uint64_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Add(uint64_t bytes) {
    uint64_t done = done_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    if (is_shown_) Show(done);
  }

 private:
  using Clock = std::chrono::steady_clock;

  void Show(uint64_t done);

  const uint64_t total_;
  const bool is_shown_;
  const Clock::time_point begin_ = Clock::now();
  std::atomic<uint64_t> done_ = 0;
  std::mutex mutex_;
  Clock::time_point next_;  // guarded by mutex_
  bool has_line_ = false;   // guarded by mutex_
};

}  // namespace qte::commands
