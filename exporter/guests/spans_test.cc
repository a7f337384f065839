// Spans that a config declares, from lines to series: what their rules see, gauges of the open ones, and what becomes
// of these when spans are abandoned, a daemon restarts, a config is reloaded or a source expires.
#include <chrono>

#include "base/clock.h"
#include "guests/checkpoint.h"
#include "guests/guests_for_test.h"
#include "guests/checkpoint_file.h"

namespace qte::guests {
namespace {

constexpr const char* kElements = R"(
spans: {element: {start: virtqueue_pop, end: virtqueue_fill, key: [vq, elem], timeout: 10s}}
metrics:
  - {name: elements, type: gauge, event: element, value: in_flight, labels: {queue: vq}}
  - {name: big_elements, type: gauge, event: element, value: in_flight, where: {in_num: {min: 5}}}
)";

std::string Pop(int second, const std::string& queue, const std::string& element, int in_num = 1) {
  return "1@" + std::to_string(second) + ".000000:virtqueue_pop vq " + queue + " elem " + element + " in_num " +
         std::to_string(in_num) + " out_num 1\n";
}

std::string Fill(int second, const std::string& queue, const std::string& element) {
  return "1@" + std::to_string(second) + ".000000:virtqueue_fill vq " + queue + " elem " + element + " len 7 idx 0\n";
}

// "0x1:2 0x2:0 big:1", without what has no series.
std::string InFlight(GuestsForTest& guests) {
  std::string text;
  metrics::Snapshot snapshot = guests->TakeSnapshot();
  for (const metrics::FamilySnapshot& family : snapshot.families) {
    for (size_t i = 0; i < family.series_count(); ++i) {
      std::string name = family.spec->label_names.empty() ? "big" : std::string(family.LabelsOf(i)[0]);
      text += (text.empty() ? "" : " ") + name + ":" + std::to_string(static_cast<int>(family.values[i]));
    }
  }
  return text;
}

TEST_CASE("Sources with the same labels add up, and each takes back its own") {
  GuestsForTest p(kElements);
  p->OnOpen(1, 0, "/log/vm1.log", 0);
  p.Feed(Pop(1, "0x1", "0xa"));
  p.Feed(Pop(1, "0x1", "0xa") + Pop(1, "0x1", "0xb"), std::string::npos, 1);
  CHECK(InFlight(p) == "0x1:3 big:0");
  p->OnClose(1);
  CHECK(InFlight(p) == "0x1:1 big:0");
}

TEST_CASE("A reload counts what is still open under the new config") {
  GuestsForTest guests(kElements);
  guests.Feed(Pop(1, "0x1", "0xa") + Pop(1, "0x1", "0xb") + Pop(1, "0x2", "0xa"));
  SECTION("the same config") {
    guests.Reload(kElements);
    CHECK(InFlight(guests) == "0x1:2 0x2:1 big:0");
    guests.Feed(Fill(2, "0x1", "0xa"));
    CHECK(InFlight(guests) == "0x1:1 0x2:1 big:0");
  }
  SECTION("a span that means something else") {
    CHECK(InFlight(guests) == "0x1:2 0x2:1 big:0");
    std::string changed = kElements;
    changed.replace(changed.find("[vq, elem]"), 10, "elem");
    guests.Reload(changed);
    CHECK(guests.Value("elements{queue=0x1}") == 0);
    guests.Feed(Pop(2, "0x1", "0xa"));
    CHECK(guests.Value("elements{queue=0x1}") == 1);
    CHECK(guests.Value("elements{queue=0x2}") == 0);
  }
}

TEST_CASE("A restart counts what the checkpoint has open") {
  GuestsForTest first(kElements);
  first.Feed(Pop(1, "0x1", "0xa") + Pop(1, "0x1", "0xb", 6));
  auto second = first.Resume(kElements);
  CHECK(InFlight(*second) == "0x1:2 big:1");
  (*second)->OnOpen(0, 0, "/log/vm1.log", 0);
  second->Feed(Fill(2, "0x1", "0xa"));
  CHECK(InFlight(*second) == "0x1:1 big:1");
}

TEST_CASE("A source that expired and comes back counts what is open, others go on") {
  GuestsForTest p(std::string("sources: [{path: /log/*}]\n") + kElements + "limits: {expire_after: 10m}\n");
  p->OnOpen(1, 0, "/log/vm2.log", 0);
  p.Feed(Pop(1, "0x1", "0xa"));
  p.Feed(Pop(1, "0x2", "0xa"), std::string::npos, 1);
  FakeClock clock;
  p->ExpireIdle(clock.Now());
  clock.Advance(std::chrono::minutes(10));
  p.Feed(Pop(1, "0x2", "0xb"), std::string::npos, 1);
  p->ExpireIdle(clock.Now());
  CHECK(InFlight(p) == "0x2:2 big:0");
  SECTION("with a line") {
    p.Feed(Pop(2, "0x1", "0xb"));
    CHECK(p.Value("elements{queue=0x1}") == 2);
  }
  SECTION("as another process") {
    p->OnRestart(0, source::Restart::kWriterEnded);
    p.Feed(Pop(2, "0x1", "0xb"));
    CHECK(p.Value("elements{queue=0x1}") == 1);
  }
  CHECK(p.Value("elements{queue=0x2}") == 2);
}

TEST_CASE("Several kinds of spans end by one event, and one kind begins by several") {
  GuestsForTest p(R"(
spans:
  read: {start: virtio_blk_handle_read, end: virtio_blk_req_complete, key: [vdev, req]}
  write: {start: virtio_blk_handle_write, end: virtio_blk_req_complete, key: [vdev, req]}
  request: {start: [virtio_blk_handle_read, virtio_blk_handle_write], end: virtio_blk_req_complete, key: [vdev, req]}
metrics:
  - {name: read_seconds, type: histogram, event: read, value: duration, buckets: [1]}
  - {name: write_seconds, type: histogram, event: write, value: duration, buckets: [1]}
  - {name: request_sectors, type: histogram, event: request, value: nsectors, buckets: [1], labels: {status: status}}
  - {name: requests, type: gauge, event: [read, write], value: in_flight, labels: {device: vdev}}
)");
  p.Feed(
      "1@1.000000:virtio_blk_handle_read vdev 0x1 req 0xa sector 0 nsectors 8\n"
      "1@1.000000:virtio_blk_handle_write vdev 0x1 req 0xb sector 0 nsectors 16\n"
      "1@1.000000:virtio_blk_handle_write vdev 0x2 req 0xa sector 0 nsectors 32\n");
  CHECK(p.Value("requests{device=0x1}") == 2);
  p.Feed(
      "1@3.000000:virtio_blk_req_complete vdev 0x1 req 0xa status 0\n"
      "1@5.000000:virtio_blk_req_complete vdev 0x1 req 0xb status 1\n");
  CHECK(p.Value("requests{device=0x1}") == 0);
  CHECK(p.Value("requests{device=0x2}") == 1);
  CHECK(p.Value("read_seconds_count") == 1);
  CHECK(p.Value("read_seconds_sum") == 2);
  CHECK(p.Value("write_seconds_count") == 1);
  CHECK(p.Value("write_seconds_sum") == 4);
  CHECK(p.Value("request_sectors_sum{status=0}") == 8);
  CHECK(p.Value("request_sectors_sum{status=1}") == 16);
}

TEST_CASE("What only one of several starts has is there for the spans that it began") {
  GuestsForTest p(R"(
spans: {io: {start: [dma_map_wait, dma_blk_io], end: dma_complete, key: dbs}}
metrics:
  - {name: ios_total, type: counter, event: io, labels: {offset: offset, result: ret}}
)");
  p.Feed(
      "dma_blk_io dbs=0x1 bs=0x9 offset=512 to_dev=0\n"
      "dma_complete dbs=0x1 ret=0 cb=0x1\n"
      "dma_map_wait dbs=0x1\n"
      "dma_complete dbs=0x1 ret=-5 cb=0x1\n");
  CHECK(p.Value("ios_total{offset=512,result=0}") == 1);
  CHECK(p.Value("ios_total{offset=,result=-5}") == 1);
}

TEST_CASE("A lookup may give names in the config") {
  GuestsForTest p(R"(
lookups: {code: {names: {0x1c: a, 0xf0: release, pointer: never}}}
metrics:
  - {name: codes_total, type: counter, event: ps2_put_keycode, labels: {code: {lookup: code, key: keycode}}}
  - {name: other_total, type: counter, event: ps2_put_keycode, labels: {code: "0x{keycode}"}}
)");
  p.Feed("ps2_put_keycode 0x55 keycode 0x1c\nps2_put_keycode 0x55 keycode 0xf0\nps2_put_keycode 0x55 keycode 0x1d\n");
  p->OnRestart(0, source::Restart::kWriterEnded);
  p.Feed("ps2_put_keycode 0x55 keycode 0x1c\n");
  CHECK(p.Value("codes_total{code=a}") == 2);
  CHECK(p.Value("codes_total{code=release}") == 1);
  CHECK(p.Value("codes_total{code=1d}") == 1);
}

}  // namespace
}  // namespace qte::guests
