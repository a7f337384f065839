// CivetWeb, for the front door alone: it parses a request's head, and its threads make the answer.
//
// It listens on loopback and takes no connection but the front door's own, which it knows by their ports. The front
// door sends a head with the number of an exchange in front of its headers. The answer goes back through the exchange;
// over the connection there come only 38 bytes, which say that it is there. So a client that reads slowly, or sends
// half a request, never has a thread of CivetWeb's.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "http/parsed_request.h"
#include "http/reply.h"

struct mg_connection;
struct mg_context;

namespace qte::http {

// A request on its way to its answer.
struct Exchange {
  std::string client;  // the address that asks
  Reply reply;         // to be read once `answered` is true
  std::atomic<bool> answered = false;
};

class Backend {
 public:
  // How many requests are answered at a time.
  static constexpr int kThreads = 32;
  // The longest head that CivetWeb takes, with what the front door adds to it.
  static constexpr size_t kMostHeadBytes = 16384;

  using Handler = std::function<Reply(const ParsedRequest&)>;

  // `handler` is called on CivetWeb's threads, several at once, which have small stacks: no YAML, no regexes. What it
  // throws becomes a 500.
  static Result<std::unique_ptr<Backend>> Start(Handler handler);
  // Ends the connections to it and waits for the handlers.
  ~Backend();
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  // One of the front door's connections. Its socket does not block, and may not be connected yet.
  class Connection {
   public:
    Connection(Connection&&) noexcept;
    Connection& operator=(Connection&&) = delete;
    ~Connection();
    int fd() const { return fd_.get(); }

   private:
    friend class Backend;
    Connection(UniqueFd fd, int server_port, int port);

    UniqueFd fd_;
    int server_port_ = 0;
    int port_ = 0;
  };
  Result<Connection> Connect() const;

  // Expects a request for the exchange. Returns its head as CivetWeb is to have it.
  std::string Announce(const std::string& head, std::shared_ptr<Exchange> exchange);
  // For a head that CivetWeb could not parse: its exchange will never be asked for.
  void Forget(const Exchange& exchange);

 private:
  using Number = uint64_t;  // random, so that it cannot be guessed

  explicit Backend(Handler handler) : handler_(std::move(handler)) {}
  Status StartCivetWeb();
  int Handle(mg_connection* connection) noexcept;
  std::shared_ptr<Exchange> Take(const char* number);

  const Handler handler_;
  mg_context* context_ = nullptr;
  int port_ = 0;
  std::mutex mutex_;
  std::map<Number, std::shared_ptr<Exchange>> announced_;  // guarded by mutex_
  std::string last_message_;                               // of CivetWeb; guarded by mutex_
};

}  // namespace qte::http
