#include "guests/guest.h"

#include <cstdio>

#include "guests/guests_for_test.h"

using namespace qte;
using namespace qte::guests;

namespace {

constexpr const char* kPciRule = R"(
metrics:
  - name: reads_total
    type: counter
    event: pci_cfg_read
    where: {val: {not: 0xffffffff}}
    labels: {device: dev, address: "{bus}:{slot}.{func}"}
)";

}  // namespace

TEST_CASE("Lines of all three prefixes, mixed and unannounced, move the same series") {
  GuestsForTest guests(kPciRule);
  guests.Feed(
      "pci_cfg_read i440FX 00:00.0 @0x0 -> 0x12378086\n"
      "26638@1795408732.182800:pci_cfg_read i440FX 00:00.0 @0x0 -> 0x12378086\n"
      "2026-11-23T04:41:06.310976Z pci_cfg_read i440FX 00:00.0 @0x0 -> 0x12378086\n"
      "2026-11-23T04:41:06Z pci_cfg_read i440FX 00:00.0 @0x0 -> 0x12378086\n");
  CHECK(guests.Value("reads_total{device=i440FX,address=00:00.0}") == 4);
  CHECK(guests.Value("qemu_trace_events_total{event=pci_cfg_read}") == 4);
  CHECK(guests.Value("qemu_trace_exporter_last_event_timestamp_seconds") == 1795408866);
}

TEST_CASE("An argument that a variant lacks makes an empty label, and a condition on it never holds") {
  GuestsForTest guests(kPciRule);
  guests.Feed("pci_cfg_read i440FX 00:0 @0x0 -> 0x12378086\npci_cfg_read i440FX 00:0 @0x0 -> 0xffffffff\n");
  CHECK(guests.Value("reads_total{device=i440FX,address=}") == 1);
}

TEST_CASE("A label under conditions is empty unless they hold") {
  // QEMU 10 logs a read of a slot without a device as one of device "empty": one series, however many slots there are.
  GuestsForTest guests(R"(
metrics:
  - name: reads_total
    type: counter
    event: pci_cfg_read
    labels: {device: dev, address: {template: ["{bus}:{slot}.{func}", "{devid}:{fnid}"], where: {dev: {not: empty}}}}
  - name: high_total
    type: counter
    event: pci_cfg_read
    labels: {bus: {template: bus, where: {dev: [i440FX, PIIX3], offs: {min: 0x10}}}}
limits: {max_series_per_metric: 4}
)");
  for (int i = 0; i < 3000; ++i) {
    char line[80];
    std::snprintf(line, sizeof line, "pci_cfg_read empty %02x:%02x.0 @0x0 -> 0xffffffff\n", i / 32 % 256, i % 32);
    guests.Feed(line);
  }
  guests.Feed(
      "pci_cfg_read i440FX 00:00.0 @0x0 -> 0x1\npci_cfg_read empty 00:00.0 @0x10 -> 0x1\n"
      "pci_cfg_read i440FX 00:01.0 @0x10 -> 0x1\npci_cfg_read i440FX 00:01.0 @0x20 -> 0x1\n"
      "pci_cfg_read i440FX 01:0 @0x20 -> 0x1\npci_cfg_read empty 01:0 @0x20 -> 0x1\n");
  CHECK(guests.Value("reads_total{device=empty,address=}") == 3002);
  CHECK(guests.Value("reads_total{device=i440FX,address=00:00.0}") == 1);
  CHECK(guests.Value("reads_total{device=i440FX,address=00:01.0}") == 2);
  CHECK(guests.Value("reads_total{device=i440FX,address=01:0}") == 1);
  CHECK(guests.Value("qemu_trace_exporter_series_overflow_total{metric=reads_total}") == 0);
  CHECK(guests.Value("high_total{bus=00}") == 2);
  CHECK(guests.Value("high_total{bus=}") == 3004);
}

TEST_CASE("Every line that is not used is counted by reason") {
  GuestsForTest guests(std::string(kPciRule) + "limits: {max_line_bytes: 100}\n");
  guests.Feed("pci_cfg_read i440FX 00:00.0 @0x0 -> 0x1\n" + std::string("pci_cfg_read torn\n") +
                "qemu-system-x86_64: terminating on signal 15\n" + "\n" + "IN: \n" + "0x000fff0:  90  nop\n" +
                "new_event_of_qemu_12 a=1\n" + "new_event_of_qemu_12\n" + std::string(101, 'x') + "\n" +
                "bdrv_open_common whatever\n" + "half a li");
  guests->OnRestart(0, source::Restart::kTruncated);
  guests.Feed("ne\n");
  auto unparsed = [&](const std::string& reason) {
    return guests.Value("qemu_trace_exporter_unparsed_lines_total{reason=" + reason + "}");
  };
  CHECK(unparsed("not_an_event") == 5);  // signal, empty, IN:, disassembly, "ne"
  CHECK(unparsed("undeclared_event") == 2);
  CHECK(unparsed("format_mismatch") == 1);  // bdrv_open_common has no rule here, so nobody reads its arguments
  CHECK(unparsed("line_too_long") == 1);
  CHECK(unparsed("partial_line") == 1);
  CHECK(guests.Value("qemu_trace_exporter_lines_total") == 11);
  CHECK(guests.Value("qemu_trace_events_total{event=new_event_of_qemu_12}") == 2);
  CHECK(guests.Value("qemu_trace_events_total{event=pci_cfg_read}") == 2);
  CHECK(guests.Value("reads_total{device=i440FX,address=00:00.0}") == 1);
}

TEST_CASE("Undeclared names beyond the cap count as _other_") {
  GuestsForTest guests("metrics: []\n");
  std::string text;
  for (int i = 0; i < 10100; ++i) text += "1@17.123456:event_" + std::to_string(i) + " x\n";
  guests.Feed(text + text);
  CHECK(guests.Value("qemu_trace_events_total{event=event_9999}") == 2);
  CHECK(guests.Value("qemu_trace_events_total{event=event_10000}") == 0);
  CHECK(guests.Value("qemu_trace_events_total{event=_other_}") == 200);
}

TEST_CASE("Results do not depend on where chunks are cut") {
  std::string text = ReadFile("tests/data/traces/ide-raw-7.2.log").substr(0, 20000);
  std::map<std::string, double> whole;
  {
    GuestsForTest guests(DefaultConfig());
    guests.Feed(text);
    whole = guests.Values();
  }
  CHECK(whole.size() > 10);
  for (size_t chunk : {1, 2, 7, 64, 1000, 4096}) {
    CAPTURE(chunk);
    GuestsForTest guests(DefaultConfig());
    guests.Feed(text, chunk);
    CHECK(guests.Values() == whole);
  }
}

TEST_CASE("Counters add values, gauges keep the last, histograms observe; scale applies") {
  GuestsForTest guests(R"(
metrics:
  - {name: bytes_total, type: counter, event: [blk_co_preadv, blk_co_pwritev], value: bytes}
  - {name: sectors, type: gauge, event: blk_co_preadv, value: offset, scale: 0.5}
  - {name: size_bytes, type: histogram, event: blk_co_preadv, value: bytes, buckets: [512, 4096]}
  - {name: offsets_total, type: counter, event: blk_co_preadv, value: offset}
)");
  guests.Feed(
      "blk_co_preadv blk 0x1 bs 0x2 offset 1024 bytes 512 flags 0x0\n"
      "blk_co_pwritev blk 0x1 bs 0x2 offset 0 bytes 100 flags 0x0\n"
      "blk_co_preadv blk 0x1 bs 0x2 offset 3 bytes 8192 flags 0x0\n"
      "blk_co_preadv blk 0x1 bs 0x2 offset -3 bytes 1 flags 0x0\n");
  CHECK(guests.Value("bytes_total") == 512 + 100 + 8192 + 1);
  CHECK(guests.Value("sectors") == -1.5);
  CHECK(guests.Value("size_bytes_count") == 3);
  CHECK(guests.Value("size_bytes_sum") == 8705);
  CHECK(guests.Value("offsets_total") == 1027);  // a counter never goes down
  CHECK(guests.Value("qemu_trace_exporter_unparsed_lines_total{reason=negative_value}") == 1);
}

TEST_CASE("What is no finite number never gets into a sum, and is counted") {
  GuestsForTest guests(R"(
metrics:
  - {name: took_total, type: counter, match: 'took (?P<n>\S+) ms', value: n}
  - {name: took_ms, type: histogram, match: 'took (?P<n>\S+) ms', value: n, buckets: [1, 10]}
)");
  guests.Feed("took 2 ms\ntook nan ms\ntook inf ms\ntook -inf ms\ntook ages ms\ntook 1e999 ms\ntook 3x ms\ntook 4 ms\n");
  CHECK(guests.Value("took_total") == 6);
  CHECK(guests.Value("took_ms_sum") == 6);
  CHECK(guests.Value("took_ms_count") == 2);
  CHECK(guests.Value("qemu_trace_exporter_unparsed_lines_total{reason=not_a_number}") == 6);
  guests.Feed("took -1 ms\n");
  CHECK(guests.Value("took_total") == 6);
  CHECK(guests.Value("took_ms_count") == 3);
  CHECK(guests.Value("qemu_trace_exporter_unparsed_lines_total{reason=negative_value}") == 1);
  CHECK(guests.Value("qemu_trace_exporter_unparsed_lines_total{reason=not_an_event}") == 0);
}

TEST_CASE("An argument has the name of any declaration that prints it alike") {
  trace::Catalog catalog;
  // As QEMU 7.2 has it, whose own declarations come before the bundled ones.
  REQUIRE(catalog
              .Add("migrate_transferred(uint64_t tranferred, uint64_t time_spent, uint64_t bandwidth, uint64_t size) "
                   "\"transferred %\" PRIu64 \" time_spent %\" PRIu64 \" bandwidth %\" PRIu64 \" max_size %\" PRId64\n")
              .empty());
  REQUIRE(catalog.Add(ReadFile("config/trace-events")).empty());
  for (std::string argument : {"transferred", "tranferred"}) {
    GuestsForTest guests(
        "metrics: [{name: x_total, type: counter, event: migrate_transferred, value: " + argument + "}]\n", "/log/vm1.log",
        catalog);
    guests.Feed("migrate_transferred transferred 5 time_spent 1 bandwidth 2 max_size 3\n");
    CHECK(guests.Value("x_total") == 5);
  }
}

TEST_CASE("An event's own argument may be called in_flight") {
  trace::Catalog catalog;
  REQUIRE(catalog.Add("mirror_yield(void *s, int in_flight) \"s %p in_flight %d\"\n").empty());
  GuestsForTest guests("metrics: [{name: x, type: gauge, event: mirror_yield, value: in_flight}]\n", "/log/vm1.log",
                           catalog);
  guests.Feed("mirror_yield s 0x1 in_flight 3\n");
  CHECK(guests.Value("x") == 3);
}

TEST_CASE("Lookups name what was learned, the key itself until then") {
  GuestsForTest guests(R"(
lookups: {image: {event: bdrv_open_common, key: bs, value: filename}}
metrics:
  - name: reads_total
    type: counter
    event: blk_co_preadv
    labels: {device: {lookup: image, key: bs}}
)");
  std::string read = "blk_co_preadv blk 0x1 bs 0x2 offset 0 bytes 512 flags 0x0\n";
  guests.Feed(read + "bdrv_open_common bs 0x2 filename \"/a.img\" flags 0x2 format_name \"raw\"\n" + read + read +
                "bdrv_open_common bs 0x2 filename \"/b.img\" flags 0x2 format_name \"raw\"\n" + read);
  CHECK(guests.Value("reads_total{device=0x2}") == 1);
  CHECK(guests.Value("reads_total{device=/a.img}") == 2);
  CHECK(guests.Value("reads_total{device=/b.img}") == 1);
  guests->OnRestart(0, source::Restart::kTruncated);
  guests.Feed(read);
  CHECK(guests.Value("reads_total{device=/b.img}") == 2);
  guests->OnRestart(0, source::Restart::kWriterEnded);
  guests.Feed(read);
  CHECK(guests.Value("reads_total{device=0x2}") == 2);
}

TEST_CASE("Spans join start and end into an event of their own") {
  GuestsForTest guests(R"(
spans: {element: {start: virtqueue_pop, end: virtqueue_fill, key: [vq, elem]}}
metrics:
  - name: element_duration_seconds
    type: histogram
    event: element
    value: duration
    buckets: {start: 0.000001, factor: 4, count: 14}
    labels: {queue: vq}
  - {name: element_bytes_total, type: counter, event: element, value: len}
  - {name: element_in_total, type: counter, event: element, value: in_num}
)");
  guests.Feed(
      "1@10.000000:virtqueue_pop vq 0x1 elem 0x2 in_num 3 out_num 1\n"
      "1@10.000100:virtqueue_pop vq 0x1 elem 0x3 in_num 5 out_num 1\n"
      "1@10.000500:virtqueue_fill vq 0x1 elem 0x2 len 77 idx 0\n"
      "1@10.000600:virtqueue_fill vq 0x1 elem 0x9 len 1000 idx 0\n");
  CHECK(guests.Value("element_duration_seconds_count{queue=0x1}") == 1);
  CHECK(guests.Value("element_duration_seconds_sum{queue=0x1}") == 0.0005);
  CHECK(guests.Value("element_bytes_total") == 77);
  CHECK(guests.Value("element_in_total") == 3);
  CHECK(guests.Value("qemu_trace_exporter_open_spans{span=element}") == 1);
  CHECK(guests.Value("qemu_trace_events_total{event=element}") == 0);
  guests->OnClose(0);
  CHECK(guests.Value("qemu_trace_exporter_open_spans{span=element}") == 0);
  CHECK(guests.Value("qemu_trace_exporter_spans_abandoned_total{span=element}") == 1);
}

TEST_CASE("Without timestamps durations stay empty and the source is told once") {
  GuestsForTest guests(DefaultConfig());
  guests.Feed("dma_blk_io dbs=0x1 bs=0x2 offset=0 to_dev=0\n");
  CHECK(guests->TakePathWithoutTime() == "/log/vm1.log");
  CHECK(guests->TakePathWithoutTime().empty());
}

TEST_CASE("match rules take lines that are no trace event") {
  GuestsForTest guests(R"(
metrics:
  - name: panics_total
    type: counter
    match: '^guest panicked: (?P<reason>\w+)'
    labels: {reason: reason}
  - name: warned_bytes_total
    type: counter
    match: 'warning: lost (?P<n>\d+) bytes'
    value: n
)");
  guests.Feed("guest panicked: oops now\nqemu: warning: lost 17 bytes\nother text\n");
  CHECK(guests.Value("panics_total{reason=oops}") == 1);
  CHECK(guests.Value("warned_bytes_total") == 17);
  CHECK(guests.Value("qemu_trace_exporter_unparsed_lines_total{reason=not_an_event}") == 1);
}

TEST_CASE("The series limit folds, and sums stay right") {
  GuestsForTest guests(R"(
metrics:
  - {name: reads_total, type: counter, event: pci_cfg_read, labels: {device: dev}}
limits: {max_series_per_metric: 3}
)");
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 10; ++i) {
      guests.Feed("pci_cfg_read dev" + std::to_string(i) + " 00:00.0 @0x0 -> 0x1\n");
    }
  }
  CHECK(guests.Value("reads_total{device=dev2}") == 2);
  CHECK(guests.Value("reads_total{device=_other_}") == 14);
  CHECK(guests.Value("qemu_trace_exporter_series_overflow_total{metric=reads_total}") == 14);
}

TEST_CASE("A reload keeps what its config still means") {
  const std::string spans = R"(
spans: {element: {start: virtqueue_pop, end: virtqueue_fill, key: [vq, elem]}}
lookups: {image: {event: bdrv_open_common, key: bs, value: filename}}
metrics:
  - {name: element_duration_seconds, type: histogram, event: element, value: duration, buckets: [1]}
  - {name: reads_total, type: counter, event: blk_co_preadv, labels: {device: {lookup: image, key: bs}}}
)";
  GuestsForTest guests(spans);
  std::string read = "1@2.000000:blk_co_preadv blk 0x1 bs 0x2 offset 0 bytes 512 flags 0x0\n";
  guests.Feed("1@1.000000:virtqueue_pop vq 0x1 elem 0x2 in_num 3 out_num 1\n" +
                std::string("bdrv_open_common bs 0x2 filename \"/a.img\" flags 0x2 format_name \"raw\"\n") + read +
                "un_known x\n1@3.0000");
  guests.Reload(spans + "  - {name: extra_total, type: counter, event: blk_co_preadv}\n");
  guests.Feed("00:virtqueue_fill vq 0x1 elem 0x2 len 77 idx 0\n" + read);
  CHECK(guests.Value("element_duration_seconds_sum") == 2);
  CHECK(guests.Value("reads_total{device=/a.img}") == 2);
  CHECK(guests.Value("extra_total") == 1);
  CHECK(guests.Value("qemu_trace_events_total{event=un_known}") == 1);
  CHECK(guests.Value("qemu_trace_exporter_lines_total") == 6);
}

// Every series as "name host value".
std::vector<std::string> SeriesByHost(GuestsForTest& guests) {
  std::vector<std::string> hosts;
  metrics::Snapshot snapshot = guests->TakeSnapshot();
  for (const metrics::FamilySnapshot& family : snapshot.families) {
    for (size_t i = 0; i < family.series_count(); ++i) {
      hosts.push_back(family.spec->name + " " + family.base->at(0).second + " " +
                      std::to_string(static_cast<int>(family.values[i])));
    }
  }
  return hosts;
}

TEST_CASE("A guest whose sources get other labels goes on under these, and leaves nothing under the old ones") {
  const std::string metrics = "metrics:\n  - {name: keys_total, type: counter, event: ps2_put_keycode}\n";
  auto source = [](const std::string& host) { return "sources: [{path: /log/*, labels: {host: " + host + "}}]\n"; };
  const std::string key = "ps2_put_keycode 0x1 keycode 0x1c\n";
  GuestsForTest guests(source("a") + metrics);
  guests.Feed(key);
  SECTION("at a reload") {
    guests.Reload(source("b") + metrics + "  - {name: more_total, type: counter, event: ps2_put_keycode}\n");
    guests.Feed(key);
    CHECK(SeriesByHost(guests) == std::vector<std::string>{"keys_total b 2", "more_total b 1"});
  }
  SECTION("at a restart") {
    auto next = guests.Resume(source("b") + metrics);
    (*next)->OnOpen(0, 0, "/log/vm1.log", 0);
    next->Feed(key);
    CHECK(SeriesByHost(*next) == std::vector<std::string>{"keys_total b 2"});
  }
  SECTION("at a reload that takes the source out, and one that puts another there") {
    guests.Reload("sources: [{path: /other/*}]\n" + metrics, {});
    CHECK(SeriesByHost(guests) == std::vector<std::string>{"keys_total a 1"});
    guests.Reload(source("b") + metrics, {});
    guests->OnOpen(0, 0, "/log/vm1.log", 0);
    guests.Feed(key);
    CHECK(SeriesByHost(guests) == std::vector<std::string>{"keys_total b 2"});
  }
}

TEST_CASE("Two guests may exchange their labels, and two may become one") {
  const std::string metrics = "metrics:\n  - {name: keys_total, type: counter, event: ps2_put_keycode}\n";
  auto sources = [](const std::string& first, const std::string& second) {
    return "sources: [{path: /a, labels: {host: " + first + ", vm: v}}, {path: /b, labels: {host: " + second +
           ", vm: v}}]\n";
  };
  GuestsForTest guests(sources("x", "y") + metrics, "");
  guests->OnOpen(1, 0, "/a", 0);
  guests->OnOpen(2, 1, "/b", 0);
  const std::string key = "ps2_put_keycode 0x1 keycode 0x1c\n";
  guests.Feed(key, std::string::npos, 1);
  guests.Feed(key + key, std::string::npos, 2);
  guests.Reload(sources("y", "x") + metrics, {{1, 0}, {2, 1}});
  CHECK(SeriesByHost(guests) == std::vector<std::string>{"keys_total x 2", "keys_total y 1"});
  guests.Feed(key, std::string::npos, 1);
  guests.Reload(sources("y", "y") + metrics, {{1, 0}, {2, 1}});
  CHECK(guests->guest_count() == 1);
  for (source::StreamId id : {1U, 2U}) guests.Feed(key, std::string::npos, id);
  CHECK(SeriesByHost(guests) == std::vector<std::string>{"keys_total y 4"});
  CHECK(guests.Value("qemu_trace_exporter_lines_total") == 6);
  // One again becomes two.
  guests.Reload(sources("y", "z") + metrics, {{1, 0}, {2, 1}});
  for (source::StreamId id : {1U, 2U}) guests.Feed(key, std::string::npos, id);
  CHECK(SeriesByHost(guests) == std::vector<std::string>{"keys_total y 5", "keys_total z 1"});
}

TEST_CASE("Seen events tell whether a rule uses them") {
  GuestsForTest guests(kPciRule);
  guests.Feed("pci_cfg_read i440FX 00:00.0 @0x0 -> 0x1\npci_cfg_write x\nun_known 1\n");
  std::vector<SeenEvent> events = guests->SeenEvents();
  REQUIRE(events.size() == 3);
  for (const SeenEvent& event : events) {
    CAPTURE(event.name);
    CHECK(event.count == 1);
    CHECK(event.used == (event.name == "pci_cfg_read"));
    CHECK(event.declared == (event.name != "un_known"));
    CHECK(event.sample.starts_with(event.name));
  }
}

TEST_CASE("Label values are valid UTF-8 and bounded, and bad bytes never make two equal series") {
  GuestsForTest guests(
      "metrics: [{name: reads_total, type: counter, event: pci_cfg_read, labels: {device: dev}}]\n");
  for (const std::string& name : {std::string("\xff"), std::string("\xfe"), std::string(5000, 'x')}) {
    guests.Feed("pci_cfg_read " + name + " 00:00.0 @0x0 -> 0x1\n");
  }
  CHECK(guests.Value("reads_total{device=\xEF\xBF\xBD}") == 2);
  CHECK(guests.Value("reads_total{device=" + std::string(1024, 'x') + "}") == 1);
}
