// Series of VMs that are gone: what expires, what stays, and what happens when a VM comes back.
#include <chrono>

#include "base/clock.h"
#include "guests/guests_for_test.h"

namespace qte::guests {
namespace {

using std::chrono::minutes;

constexpr const char* kConfig = R"(
sources: [{path: /log/vm*.log, path_pattern: '/(?P<vm>[^/]+)\.log$'}]
metrics:
  - {name: keys_total, type: counter, help: Keys., event: ps2_put_keycode}
  - {name: codes_total, type: counter, help: Codes., event: ps2_put_keycode, labels: {code: keycode}}
  - {name: codes, type: histogram, help: Codes., event: ps2_put_keycode, value: keycode, buckets: [10, 100],
     labels: {code: keycode}}
limits: {expire_after: 10m}
)";
constexpr const char* kKey = "ps2_put_keycode 0x55 keycode 0x1c\n";

size_t SeriesOf(const std::string& vm, const metrics::Snapshot& snapshot) {
  size_t count = 0;
  for (const metrics::FamilySnapshot& family : snapshot.families) {
    if (family.base->at(0).second == vm) count += family.series_count();
  }
  for (const metrics::CountsByName& counts : snapshot.counts) {
    for (const metrics::CountsSnapshot& guest : counts.guests) {
      if (guest.base->at(0).second == vm) count += guest.counts.size();
    }
  }
  return count;
}

TEST_CASE("Series of a VM that is silent expire, others stay") {
  GuestsForTest p(kConfig, "/log/vm0.log");
  p->OnOpen(1, 0, "/log/vm1.log", 0);
  p.Feed(kKey);
  p.Feed(kKey, std::string::npos, 1);
  FakeClock clock;
  CHECK(p->ExpireIdle(clock.Now()) == 0);
  clock.Advance(minutes(9));
  p.Feed(kKey, std::string::npos, 1);
  CHECK(p->ExpireIdle(clock.Now()) == 0);
  clock.Advance(minutes(1));
  CHECK(p->ExpireIdle(clock.Now()) == 3);
  metrics::Snapshot snapshot = p->TakeSnapshot();
  CHECK(SeriesOf("vm0", snapshot) == 0);
  CHECK(SeriesOf("vm1", snapshot) == 4);
  CHECK(p.Value("qemu_trace_exporter_series_expired_total") == 3);
  CHECK(p.Value("keys_total") == 2);
}

TEST_CASE("A VM that comes back begins at 0, with what was learned") {
  GuestsForTest p(kConfig, "/log/vm0.log");
  p.Feed(kKey);
  p.Feed(kKey);
  FakeClock clock;
  p->ExpireIdle(clock.Now());
  clock.Advance(minutes(10));
  REQUIRE(p->ExpireIdle(clock.Now()) == 3);
  CHECK(p->ExpireIdle(clock.Now()) == 0);
  p.Feed(kKey);
  CHECK(p.Value("keys_total") == 1);
  CHECK(p.Value("qemu_trace_events_total{event=ps2_put_keycode}") == 1);
}

TEST_CASE("Nothing expires unless the config says so") {
  std::string config = kConfig;
  config.erase(config.find("limits:"));
  GuestsForTest p(config, "/log/vm0.log");
  p.Feed(kKey);
  FakeClock clock;
  p->ExpireIdle(clock.Now());
  clock.Advance(std::chrono::hours(1000));
  CHECK(p->ExpireIdle(clock.Now()) == 0);
}

}  // namespace
}  // namespace qte::guests
