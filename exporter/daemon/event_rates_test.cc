#include "daemon/event_rates.h"

#include "catch.h"

namespace qte::daemon {
namespace {

EventRates::Clock::time_point At(int second) {
  return EventRates::Clock::time_point() + std::chrono::seconds(1000 + second);
}

guests::SeenEvent Event(uint64_t count) {
  guests::SeenEvent event;
  event.name = "ps2_put_keycode";
  event.count = count;
  return event;
}

TEST_CASE("The rate of an event is of the last minute") {
  EventRates rates;
  CHECK(rates.RateOf(Event(5), At(0)) == 0);
  for (int second = 0; second <= 120; second += 5) rates.Sample(At(second), {Event(static_cast<uint64_t>(second) * 2)});
  CHECK(rates.RateOf(Event(240), At(120)) == 2);
}

TEST_CASE("An event that was not there before began at zero") {
  EventRates rates;
  rates.Sample(At(0), {});
  CHECK(rates.RateOf(Event(30), At(10)) == 3);
}

TEST_CASE("After a rest, rates are of the last minute still") {
  EventRates rates;
  rates.Repeat(At(0));  // of nothing
  rates.Sample(At(0), {Event(100)});
  rates.Repeat(At(30));
  CHECK(rates.RateOf(Event(100), At(30)) == 0);
  rates.Repeat(At(1000));
  CHECK(rates.RateOf(Event(160), At(1000)) == 1);
}

}  // namespace
}  // namespace qte::daemon
