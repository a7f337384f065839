#include "http/idle_sweeper.h"

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
  IdleSweeper sweeper{patience};

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

TEST_CASE("While threads are ample nothing is swept away") {
  Fixture fixture;
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  CHECK_FALSE(fixture.silent.IsShut());
  CHECK_FALSE(fixture.partial.IsShut());
}

}  // namespace qte::http
