// The one thread that owns every connection of a client.
//
// It takes connections, speaks TLS, waits for a request's whole head within a limit of time and size, and only then
// lets CivetWeb (backend.h) parse it and have it answered. It sends the answer itself, from what all who asked at the
// same time share. So clients that are slow or say nothing cost a descriptor and no thread's time. When there are too
// many connections, those are ended that have been quiet the longest; when clients hold too many large answers, the
// readers of the one that is read most slowly.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/unique_fd.h"
#include "base/wake_event.h"
#include "http/backend_pool.h"
#include "http/client.h"
#include "http/held_answers.h"
#include "http/listen_address.h"
#include "http/poller.h"
#include "http/tls.h"

namespace qte::http {

class FrontDoor {
 public:
  // Without `tls` it speaks plain HTTP. The backend outlives it.
  FrontDoor(std::vector<Listener> listeners, std::shared_ptr<Tls> tls, Backend& backend);
  // Takes no more connections, and gives answers that are on their way a second to arrive.
  ~FrontDoor();
  FrontDoor(const FrontDoor&) = delete;
  FrontDoor& operator=(const FrontDoor&) = delete;

  // For the connections that begin from now on; null for plain HTTP. From any thread.
  void SetTls(std::shared_ptr<Tls> tls);
  const std::vector<Listener>& listeners() const { return listeners_; }

 private:
  using Clock = Client::Clock;
  using Id = Poller::Id;
  struct Visitor {
    Client client;
    Poller::Watch watch;
  };
  struct Entrance {
    const Listener& listener;
    Poller::Watch watch;
  };

  void Run();
  bool IsStopping();
  int WaitMillis() const;
  void OnReady(Id id);
  // No client is being answered any more, or the time for that is up.
  bool IsDone() const;

  void Open();
  void CloseFor(std::chrono::milliseconds time);
  void Accept(const Listener& listener);
  // False if no client may be disconnected yet.
  bool MakeRoom();
  std::shared_ptr<Tls> tls();

  void Advance(Id id);
  void OnOutcome(Id id, BackendPool::Outcome outcome);
  void End(Id id);
  void LimitHeldAnswers();
  // The shared answer that is read most slowly, by the fastest of its readers; null without one.
  const Answer* SlowestAnswer() const;
  void EndReadersOf(const Answer* answer);
  void EndWhoIsLate();

  const std::vector<Listener> listeners_;
  const size_t most_visitors_;
  const WakeEvent wake_;
  Poller poller_;
  Poller::Watch wake_watch_;
  std::vector<Entrance> entrances_;
  std::unordered_map<Id, Visitor> visitors_;
  BackendPool pool_;
  HeldAnswers held_;
  Clock::time_point now_;              // as of the last event
  Clock::time_point opens_at_;         // again, when no connections are taken for a while
  bool is_open_ = false;               // connections are taken
  Clock::time_point next_deadline_;    // of a client, or earlier
  Clock::time_point ends_at_;          // while stopping
  bool is_stopping_ = false;           // as the thread has seen it

  std::mutex mutex_;
  std::shared_ptr<Tls> tls_;  // guarded by mutex_
  bool stop_ = false;         // guarded by mutex_
  std::thread thread_;        // last, so that all it uses is there
};

}  // namespace qte::http
