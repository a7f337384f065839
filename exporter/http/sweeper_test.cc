#include "http/sweeper.h"

#include <cerrno>
#include <chrono>
#include <string>
#include <thread>

#include "catch.h"
#include "http/connection_for_test.h"

namespace qte::http {
namespace {

constexpr const char* kRequest = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

// A sweeper over the servers' ends of some connections.
struct Fixture {
  Connection silent, partial, whole, read, answered;
  ClientPatience patience{1};
  Sweeper sweeper{patience};

  Fixture() {
    partial.Say("GET / HT");
    whole.Say(kRequest);
    for (Connection* connection : {&read, &answered}) {
      connection->Say(kRequest);
      char byte;
      while (::recv(connection->server.get(), &byte, 1, MSG_DONTWAIT) > 0) {
      }
    }
    sweeper.BeginAnswer(answered.peer);
    sweeper.Start({silent.port, partial.port, whole.port, read.port, answered.port});
  }
  ~Fixture() { patience.Stop(); }
};

bool IsShutSoon(const Connection& connection) {
  for (int i = 0; i < 200 && !connection.IsShut(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return connection.IsShut();
}

}  // namespace

TEST_CASE("Heads that are whole, that may become so, that never will") {
  struct Case {
    std::string head;
    bool done;
  };
  for (const Case& c :
       {Case{"", false}, Case{"GET / HTTP/1.1\r\n", false}, Case{"GET / HTTP/1.1\r\n\r", false}, Case{kRequest, true},
        Case{"GET / HTTP/1.1\n\n", true}, Case{std::string("GE\0", 3), true}, Case{"\x16\x03\x01", true},
        Case{"GET /\xc3\xa4", false}, Case{"garbage", false}, Case{std::string(16384, 'x'), true}}) {
    CAPTURE(c.head);
    CHECK(IsWholeOrHopeless(c.head) == c.done);
  }
}

TEST_CASE("Connections that wait for their client are swept away when threads are few") {
  Fixture fixture;
  fixture.patience.Enter();
  CHECK(IsShutSoon(fixture.silent));
  CHECK(IsShutSoon(fixture.partial));
  CHECK(IsShutSoon(fixture.read));
  CHECK_FALSE(fixture.whole.IsShut());
  CHECK_FALSE(fixture.answered.IsShut());
  fixture.sweeper.EndAnswer(fixture.answered.peer);
  CHECK(IsShutSoon(fixture.answered));
}

namespace {

// The server's end as CivetWeb leaves it: writes as much as there is room for, until the connection ends.
size_t WriteUntilEnd(const Connection& connection, std::chrono::seconds longest) {
  const std::string piece(65536, 'x');
  size_t sent = 0;
  auto started = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - started < longest) {
    ssize_t n = ::send(connection.server.get(), piece.data(), piece.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) sent += static_cast<size_t>(n);
    if (n < 0 && errno != EAGAIN) break;
    if (n < 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return sent;
}

}  // namespace

TEST_CASE("A client that stops reading an answer is sent away when threads are few") {
  Connection connection;
  ClientPatience patience{1};
  patience.Enter();
  Sweeper sweeper(patience);
  sweeper.BeginAnswer(connection.peer);
  auto started = std::chrono::steady_clock::now();
  sweeper.Start({connection.port});
  CHECK(WriteUntilEnd(connection, std::chrono::seconds(10)) < size_t{64} << 20);
  CHECK(std::chrono::steady_clock::now() - started > std::chrono::milliseconds(240));
  CHECK(std::chrono::steady_clock::now() - started < std::chrono::seconds(3));
  patience.Stop();
}

TEST_CASE("A client that reads an answer gets all of it, however few threads there are") {
  Connection connection;
  ClientPatience patience{1};
  patience.Enter();
  Sweeper sweeper(patience);
  sweeper.BeginAnswer(connection.peer);
  sweeper.Start({connection.port});
  std::thread reader([&] {
    std::string chunk(65536, '\0');
    while (::recv(connection.client.get(), chunk.data(), chunk.size(), 0) > 0) {
    }
  });
  WriteUntilEnd(connection, std::chrono::seconds(1));
  CHECK(::send(connection.server.get(), "x", 1, MSG_NOSIGNAL) == 1);
  ::shutdown(connection.server.get(), SHUT_RDWR);
  reader.join();
  patience.Stop();
}

TEST_CASE("While threads are ample nothing is swept away") {
  Fixture fixture;
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  CHECK_FALSE(fixture.silent.IsShut());
  CHECK_FALSE(fixture.partial.IsShut());
}

}  // namespace qte::http
