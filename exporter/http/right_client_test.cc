// An answer reaches the connection that asked, and no other, whatever ports and addresses the clients use.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "catch.h"
#include "http/server_for_test.h"

namespace qte::http {
namespace {

// A server on one port of two addresses, whose answer to /secret waits until it is released.
class Fixture {
 public:
  Fixture() {
    for (int tries = 0; tries < 20 && server_ == nullptr; ++tries) {
      auto first = StartOn({"127.0.0.1:0"}, {});
      REQUIRE(first.ok());
      port = PortOf(**first);
      first->reset();
      auto both = StartOn({"127.0.0.1:" + std::to_string(port), "127.0.0.2:" + std::to_string(port)}, Routes());
      if (both.ok()) server_ = std::move(*both);
    }
    REQUIRE(server_ != nullptr);
  }
  ~Fixture() { Release(); }

  // Until `count` requests wait in the handlers.
  void AwaitAsked(int count) {
    std::unique_lock lock(mutex_);
    CHECK(changed_.wait_for(lock, std::chrono::seconds(10), [&] { return asked_ >= count; }));
  }
  void Release() {
    std::lock_guard lock(mutex_);
    released_ = true;
    changed_.notify_all();
  }

  int port = 0;

 private:
  std::map<std::string, Route> Routes() {
    return {{"/secret", {"POST", [this](const Request&) {
                           std::unique_lock lock(mutex_);
                           ++asked_;
                           changed_.notify_all();
                           changed_.wait(lock, [this] { return released_; });
                           return Response{200, "text/plain", "secret"};
                         }}}};
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  int asked_ = 0;          // guarded by mutex_
  bool released_ = false;  // guarded by mutex_
  std::unique_ptr<Server> server_;
};

sockaddr_in Address(const char* host, int port) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(static_cast<uint16_t>(port));
  ::inet_pton(AF_INET, host, &name.sin_addr);
  return name;
}

// In place of REQUIRE, which other threads may not use.
void Must(bool condition) {
  if (!condition) throw std::runtime_error("no connection");
}

// A client of 127.0.0.1 with a local port of its choice.
class Client {
 public:
  explicit Client(int local_port = 0) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    int on = 1;
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    timeval limit{5, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    sockaddr_in local = Address("127.0.0.1", local_port);
    Must(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&local), sizeof local) == 0);
  }
  void Connect(const char* host, int port) const {
    sockaddr_in server = Address(host, port);
    Must(::connect(fd_.get(), reinterpret_cast<sockaddr*>(&server), sizeof server) == 0);
  }
  int LocalPort() const {
    sockaddr_in name{};
    socklen_t size = sizeof name;
    ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&name), &size);
    return ntohs(name.sin_port);
  }
  void Ask() const {
    const std::string request = "POST /secret HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    Must(::send(fd_.get(), request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size()));
  }
  // What comes until the server ends the connection or is silent for `limit_ms`.
  std::string ReadFor(int limit_ms) const {
    timeval limit{limit_ms / 1000, (limit_ms % 1000) * 1000};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    std::string all;
    char chunk[4096];
    for (ssize_t n; (n = ::recv(fd_.get(), chunk, sizeof chunk, 0)) > 0;) all.append(chunk, static_cast<size_t>(n));
    return all;
  }
  bool IsAnswered() const { return ReadFor(2000).find("secret") != std::string::npos; }
  // Ends the connection so that both ends forget it at once.
  void Reset() {
    linger at_once{1, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    fd_ = UniqueFd();
  }

 private:
  UniqueFd fd_;
};

}  // namespace

TEST_CASE("The same local port to two addresses are two clients") {
  for (bool thief_is_first : {true, false}) {
    CAPTURE(thief_is_first);
    Fixture fixture;
    Client client;
    Client thief(client.LocalPort());
    if (thief_is_first) thief.Connect("127.0.0.1", fixture.port);
    client.Connect("127.0.0.2", fixture.port);
    if (!thief_is_first) thief.Connect("127.0.0.1", fixture.port);
    client.Ask();
    fixture.AwaitAsked(1);
    fixture.Release();
    CHECK(client.IsAnswered());
    CHECK(thief.ReadFor(300).empty());
  }
}

TEST_CASE("Whoever takes over the port of a client that has gone does not get its answer") {
  for (const char* host : {"127.0.0.1", "127.0.0.2"}) {
    CAPTURE(host);
    Fixture fixture;
    Client client;
    client.Connect("127.0.0.1", fixture.port);
    client.Ask();
    fixture.AwaitAsked(1);
    const int port = client.LocalPort();
    client.Reset();
    Client thief(port);
    thief.Connect(host, fixture.port);
    fixture.Release();
    CHECK(thief.ReadFor(500).empty());
  }
}

TEST_CASE("Clients that come and go in any order get their own answers or none") {
  Fixture fixture;
  fixture.Release();
  std::vector<std::thread> threads;
  std::atomic<int> answered = 0;
  std::atomic<int> stolen = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        Client client;
        Client thief(client.LocalPort());
        client.Connect("127.0.0.1", fixture.port);
        thief.Connect("127.0.0.2", fixture.port);
        client.Ask();
        if (i % 3 == 0) {
          client.Reset();
        } else {
          answered += client.ReadFor(2000).find("secret") != std::string::npos;
        }
        stolen += !thief.ReadFor(1).empty();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(stolen == 0);
  CHECK(answered > 100);  // of 132; a busy machine may lose some to the sweeper
}

}  // namespace qte::http
