// Ends connections that wait for nothing but their client, while the server's threads are few.
//
// CivetWeb knows only one time limit for a request, and a connection that waits in its queue is not looked at by
// anyone. So a thread of our own goes over all connections, served and queued, as long as threads are short: one over
// which nothing has come in a twentieth of a second, or only a part of a request for as long, is shut down. CivetWeb
// then sees its end and goes on to the next within microseconds, so that thousands of idle connections hold up a scrape
// for a tenth of a second. A whole request that waits in the queue stays, however long it takes, and so does one that
// is being answered. While threads are ample this thread sleeps.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <set>
#include <string_view>
#include <thread>

#include "http/client_patience.h"
#include "http/socket_finder.h"

namespace qte::http {

class IdleSweeper {
 public:
  explicit IdleSweeper(ClientPatience& patience) : patience_(patience) {}
  // After patience.Stop().
  ~IdleSweeper();
  IdleSweeper(const IdleSweeper&) = delete;
  IdleSweeper& operator=(const IdleSweeper&) = delete;

  // Begins to look after the connections from these ports.
  void Start(std::set<int> local_ports);

  // Between these two a connection's request is being answered.
  void BeginAnswer(Peer peer);
  void EndAnswer(Peer peer);

 private:
  using Clock = std::chrono::steady_clock;
  using Suspects = std::map<Peer, Clock::time_point>;  // of whom a part of a request has come, and since when

  void Run();
  void Sweep();
  // Whether to shut down the connection. Notes in `still` who is to be looked at again.
  bool IsIdle(int fd, Peer peer, Suspects& still) const;

  ClientPatience& patience_;
  std::set<int> local_ports_;  // of the sweeping thread
  Suspects suspects_;          // of the sweeping thread
  std::mutex mutex_;
  std::multiset<Peer> answered_;  // guarded by mutex_
  std::thread thread_;            // last, so that all it uses is there
};

// Whether the head of a request is whole, or can never be, so that CivetWeb deals with it at once.
bool IsWholeOrHopeless(std::string_view head);

}  // namespace qte::http
