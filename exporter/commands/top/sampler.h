// Asks a feed at a fixed pace, on a thread of its own, so that keys work while an answer is waited for.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <thread>

#include "base/wake_event.h"
#include "commands/top/feed.h"

namespace qte::commands::top {

class Sampler {
 public:
  // The feed has to outlive it. `first` is the state of the answer that the caller has had.
  Sampler(Feed& feed, std::chrono::milliseconds interval, Scrape::State first);
  // Cancels a request that is under way.
  ~Sampler();
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  // Readable while there is something to take.
  int fd() const { return arrived_.fd(); }
  // The newest; one that was not taken in time is lost.
  std::optional<Scrape> Take();

 private:
  void Run(Scrape::State last);
  // From one request to the next.
  std::chrono::milliseconds PauseAfter(Scrape::State state) const;

  Feed& feed_;
  const std::chrono::milliseconds interval_;
  WakeEvent arrived_;
  WakeEvent stop_;
  std::mutex mutex_;
  std::optional<Scrape> newest_;  // guarded by mutex_
  std::thread thread_;
};

// Waits until a time, or until a descriptor is readable: then false.
bool SleepUntil(std::chrono::steady_clock::time_point time, int fd);

}  // namespace qte::commands::top
