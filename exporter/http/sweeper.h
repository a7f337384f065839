// Ends connections that keep a thread waiting for their client, while the server's threads are few.
//
// CivetWeb knows one time limit of whole seconds for a client that sends nothing or reads nothing, and looks at no
// connection in its queue. So as long as threads are few, a thread of our own goes over all connections, served and
// queued, every 20 ms. It shuts down a connection
//   - over which nothing, or only a part of a request, has come for 50 ms;
//   - whose client has not read for 250 ms, or reads more slowly than ClientPatience allows.
// CivetWeb sees the end and serves the next connection at once, so thousands of idle connections delay a scrape by
// about 100 ms. A whole request that waits in the queue stays, however long it waits, and so does one that is being
// answered. While threads are ample, this thread sleeps.
//
// What is judged and what is shut down is the same socket, known by a cookie that the kernel never gives again.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string_view>
#include <thread>

#include "http/client_patience.h"
#include "http/socket_finder.h"

namespace qte::http {

class Sweeper {
 public:
  explicit Sweeper(ClientPatience& patience) : patience_(patience) {}
  // After patience.Stop(), and after the server's threads: until they end they may wait for a client.
  ~Sweeper();
  Sweeper(const Sweeper&) = delete;
  Sweeper& operator=(const Sweeper&) = delete;

  // Begins to look after the connections from these ports.
  void Start(std::set<int> local_ports);

  // Between these two a connection's request is being answered, so nothing is expected of its client. Where two
  // connections share a Peer, the other one is spared for as long.
  void BeginAnswer(Peer peer);
  void EndAnswer(Peer peer);

 private:
  using Clock = std::chrono::steady_clock;
  using Cookie = uint64_t;
  // What is remembered of a connection from one sweep to the next.
  struct Watched {
    Clock::time_point waits_since;  // for the rest of a request
    Clock::time_point reads_since;  // what is on its way to the client
    Clock::time_point read_last;
    uint64_t acked_then = 0;  // bytes, at reads_since
    uint64_t acked = 0;       // bytes, at read_last
  };
  struct Look;  // what the kernel says of a connection

  void Run();
  void Sweep();
  // Both note in `now` what the next sweep needs to know; `before` is null for a connection that is new to them.
  static bool IsIdle(const Look& look, const Watched* before, Watched& now);
  bool ReadsTooSlowly(const Look& look, const Watched* before, Watched& now) const;

  ClientPatience& patience_;
  std::set<int> local_ports_;          // of the sweeping thread
  std::map<Cookie, Watched> watched_;  // of the sweeping thread
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  std::multiset<Peer> answered_;  // guarded by mutex_
  std::thread thread_;            // last, so that all it uses is there
};

// Whether the head of a request is whole, or can never be, so that CivetWeb deals with it at once.
bool IsWholeOrHopeless(std::string_view head);

}  // namespace qte::http
