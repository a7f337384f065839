// How long a client may keep one of the server's threads, which is what there are few of.
//
// CivetWeb gives a thread to each connection for as long as it lasts, whether or not anything comes over it. So clients
// that connect and say nothing, send a byte a second or stop reading would soon keep all of them. While half of the
// threads are free, a client has five seconds to say what it wants, and five without reading anything of the answer.
// When fewer are, it has a twentieth of a second for the one (idle_sweeper.h sees to that) and a quarter for the other,
// and gets no second request on its connection. Who is in order notices nothing of it.
//
// Called on the server's threads.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string_view>

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

  // Sends all of `bytes`; false if the client has gone or takes too long, and the connection is then shut down.
  bool Send(int fd, std::string_view bytes) const;

  // Nobody is waited for any longer.
  void Stop();
  bool stopping() const { return stopping_.load(std::memory_order_relaxed); }

 private:
  using Clock = std::chrono::steady_clock;

  bool MayGoOnReading(Clock::time_point started, Clock::time_point progress, size_t sent) const;

  const int threads_;
  std::atomic<int> taken_ = 0;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace qte::http
