#include "http/client_patience.h"

#include <chrono>
#include <thread>

#include "catch.h"

namespace qte::http {
namespace {

constexpr int kThreads = 4;

}  // namespace

TEST_CASE("Patience is short while more than half of the threads are taken") {
  ClientPatience patience(kThreads);
  for (int i = 0; i < kThreads / 2; ++i) patience.Enter();
  CHECK_FALSE(patience.IsShort());
  std::thread waiting([&] { patience.AwaitShortage(); });
  patience.Enter();
  CHECK(patience.IsShort());
  waiting.join();
  patience.Leave();
  CHECK_FALSE(patience.IsShort());
  patience.Stop();
  CHECK(patience.IsShort());
}

TEST_CASE("How slowly a client may read") {
  using std::chrono::milliseconds;
  struct Case {
    bool is_short;
    milliseconds taken;
    size_t sent;
    bool may_go_on;
  };
  for (const Case& c :
       {Case{false, milliseconds(4900), 0, true}, Case{false, milliseconds(5100), 0, false},
        Case{false, milliseconds(14900), 160000, true}, Case{false, milliseconds(15100), 160000, false},
        Case{true, milliseconds(240), 0, true}, Case{true, milliseconds(260), 0, false},
        Case{true, milliseconds(2200), 8000000, true}, Case{true, milliseconds(2300), 8000000, false}}) {
    CAPTURE(c.is_short, c.taken.count(), c.sent);
    ClientPatience patience(1);
    if (c.is_short) patience.Enter();
    CHECK(patience.MayGoOnReading(c.taken, c.sent) == c.may_go_on);
  }
}

}  // namespace qte::http
