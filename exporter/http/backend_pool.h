// The front door's connections to CivetWeb, and the requests that wait for one. Each serves one request at a time, and
// there are at most as many as CivetWeb has threads. On the front door's thread.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "http/backend.h"
#include "http/poller.h"
#include "http/reply.h"

namespace qte::http {

class BackendPool {
 public:
  using Id = Poller::Id;
  // The result of a request: a reply, or the status of an error (400) if CivetWeb could not parse it.
  struct Outcome {
    Reply reply;
    int error = 0;
  };
  using OnOutcome = std::function<void(Id client, Outcome outcome)>;

  // `make_room` gives a descriptor back if it can.
  BackendPool(Backend& backend, Poller& poller, OnOutcome on_outcome, std::function<bool()> make_room);

  // Has the request answered, now or once a connection is free. The client may go away meanwhile.
  void Ask(Id client, std::string head, std::string address);
  // Whether the event was that of a connection to CivetWeb, which has been dealt with then.
  bool OnReady(Id id);

 private:
  struct Request {
    Id client = 0;
    std::string head;
    std::string address;
    bool is_second_try = false;
  };
  struct Link {
    Backend::Connection connection;
    Poller::Watch watch;
    Request request;
    std::shared_ptr<Exchange> exchange;  // null: free
    std::string to_send;
    std::string received;
    bool has_served = false;
  };

  void AskNext();
  Link* FreeLink();
  Result<Backend::Connection> Connect() const;
  void Begin(Link& link, Request request);
  void Send(Link& link);
  // False once CivetWeb has ended the connection.
  static bool Receive(Link& link);
  void Finish(Link& link, bool is_open);
  void Lose(Link& link);

  Backend& backend_;
  Poller& poller_;
  const OnOutcome on_outcome_;
  const std::function<bool()> make_room_;
  const size_t most_links_;
  std::map<Id, Link> links_;
  std::deque<Request> waiting_;
};

}  // namespace qte::http
