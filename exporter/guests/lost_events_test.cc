#include <algorithm>

#include "guests/guests_for_test.h"

namespace qte::guests {
namespace {

uint64_t NotAnEvent(const Guests& guests) {
  return guests.unparsed(Unparsed::kNotAnEvent);
}

TEST_CASE("Events that a tracer has lost count for the guest, and are told of once") {
  GuestsForTest guests("metrics: []", "usdt:4711::vm1");
  REQUIRE(guests->LostEvents().size() == 1);
  CHECK(guests->LostEvents()[0].second == 0);
  guests.Feed("Lost 3146 events\n1@1.000001:dma_blk_cb dbs=0x1 ret=0\nLost 4 events\n");
  guests->CountLost(0, 50);
  CHECK(guests->LostEvents()[0].second == 3200);
  CHECK(NotAnEvent(*guests.operator->()) == 0);
  const std::vector<Warning> warnings = guests->TakeWarnings();
  CHECK(std::count_if(warnings.begin(), warnings.end(), [](const Warning& warning) {
          return warning.text.starts_with("bpftrace has lost events") && warning.about == "{vm=\"vm1\"}";
        }) == 1);
  CHECK(guests->TakeWarnings().empty());
  auto next = guests.Resume("metrics: []");
  CHECK((*next)->LostEvents()[0].second == 3200);
}

TEST_CASE("A line that only looks like one of lost events is text") {
  GuestsForTest guests("metrics: []");
  CHECK(guests->LostEvents().empty());
  guests.Feed("Lost events\nLost 3x events\nLost 99999999999999999999 events\nLost 3 events here\nLost -1 events\n");
  CHECK(guests->LostEvents().empty());
  CHECK(NotAnEvent(*guests.operator->()) == 5);
}

}  // namespace
}  // namespace qte::guests
