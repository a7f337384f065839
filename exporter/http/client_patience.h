// How long a client may keep one of the server's threads, of which there are few.
//
// CivetWeb gives a thread to each connection for as long as it lasts, whether or not anything comes over it. So clients
// that connect and say nothing, send a byte a second or stop reading would soon keep all of them. While half of the
// threads are free, a client has 5 s to send its request, and 5 s more than a slow network needs to read the answer. If
// fewer are free, it has 50 ms to send its request and 250 ms to go on reading (sweeper.h sees to both), and its
// connection serves no second request. A well-behaved client notices none of this.
//
// Called on the server's threads.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace qte::http {

class ClientPatience {
 public:
  explicit ClientPatience(int threads) : threads_(threads) {}

  // A thread begins and ends a connection.
  void Enter();
  void Leave() { taken_.fetch_sub(1, std::memory_order_relaxed); }
  // True while more than half of the threads are taken, and while the server ends.
  bool IsShort() const;
  // Returns once IsShort.
  void AwaitShortage();

  // Whether a client that has read `sent` bytes of an answer in this time may go on.
  bool MayGoOnReading(std::chrono::steady_clock::duration taken, size_t sent) const;

  // From now on patience is short.
  void Stop();

 private:
  const int threads_;
  std::atomic<int> taken_ = 0;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace qte::http
