#include "pipeline/pipeline.h"

#include "pipeline/pipeline_for_test.h"

using namespace qte;
using namespace qte::pipeline;

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
  PipelineForTest pipeline(kPciRule);
  pipeline.Feed(
      "pci_cfg_read i440FX 00:00.0 @0x0 -> 0x12378086\n"
      "26638@1795408732.182800:pci_cfg_read i440FX 00:00.0 @0x0 -> 0x12378086\n"
      "2026-11-23T04:41:06.310976Z pci_cfg_read i440FX 00:00.0 @0x0 -> 0x12378086\n"
      "2026-11-23T04:41:06Z pci_cfg_read i440FX 00:00.0 @0x0 -> 0x12378086\n");
  CHECK(pipeline.Value("reads_total{device=i440FX,address=00:00.0}") == 4);
  CHECK(pipeline.Value("qemu_trace_events_total{event=pci_cfg_read}") == 4);
  CHECK(pipeline.Value("qemu_trace_exporter_last_event_timestamp_seconds") == 1795408866);
}

TEST_CASE("An argument that a variant lacks makes an empty label, and a condition on it never holds") {
  PipelineForTest pipeline(kPciRule);
  pipeline.Feed("pci_cfg_read i440FX 00:0 @0x0 -> 0x12378086\npci_cfg_read i440FX 00:0 @0x0 -> 0xffffffff\n");
  CHECK(pipeline.Value("reads_total{device=i440FX,address=}") == 1);
}

TEST_CASE("Every line that is not used is counted by reason") {
  PipelineForTest pipeline(std::string(kPciRule) + "limits: {max_line_bytes: 100}\n");
  pipeline.Feed("pci_cfg_read i440FX 00:00.0 @0x0 -> 0x1\n" + std::string("pci_cfg_read torn\n") +
                "qemu-system-x86_64: terminating on signal 15\n" + "\n" + "IN: \n" + "0x000fff0:  90  nop\n" +
                "new_event_of_qemu_12 a=1\n" + "new_event_of_qemu_12\n" + std::string(101, 'x') + "\n" +
                "bdrv_open_common whatever\n" + "half a li");
  pipeline->OnRestart(0, source::Restart::kTruncated);
  pipeline.Feed("ne\n");
  auto unparsed = [&](const std::string& reason) {
    return pipeline.Value("qemu_trace_exporter_unparsed_lines_total{reason=" + reason + "}");
  };
  CHECK(unparsed("not_an_event") == 5);  // signal, empty, IN:, disassembly, "ne"
  CHECK(unparsed("undeclared_event") == 2);
  CHECK(unparsed("format_mismatch") == 1);  // bdrv_open_common has no rule here, so nobody reads its arguments
  CHECK(unparsed("line_too_long") == 1);
  CHECK(unparsed("partial_line") == 1);
  CHECK(pipeline.Value("qemu_trace_exporter_lines_total") == 11);
  CHECK(pipeline.Value("qemu_trace_events_total{event=new_event_of_qemu_12}") == 2);
  CHECK(pipeline.Value("qemu_trace_events_total{event=pci_cfg_read}") == 2);
  CHECK(pipeline.Value("reads_total{device=i440FX,address=00:00.0}") == 1);
}

TEST_CASE("Undeclared names beyond the cap count as _other_") {
  PipelineForTest pipeline("metrics: []\n");
  std::string text;
  for (int i = 0; i < 10100; ++i) text += "event_" + std::to_string(i) + " x\n";
  pipeline.Feed(text + text);
  CHECK(pipeline.Value("qemu_trace_events_total{event=event_9999}") == 2);
  CHECK(pipeline.Value("qemu_trace_events_total{event=event_10000}") == 0);
  CHECK(pipeline.Value("qemu_trace_events_total{event=_other_}") == 200);
}

TEST_CASE("Results do not depend on where chunks are cut") {
  std::string text = ReadFile("tests/data/traces/ide-raw-7.2.log").substr(0, 20000);
  std::map<std::string, double> whole;
  {
    PipelineForTest pipeline(DefaultConfig());
    pipeline.Feed(text);
    whole = pipeline.Values();
  }
  CHECK(whole.size() > 10);
  for (size_t chunk : {1, 2, 7, 64, 1000, 4096}) {
    CAPTURE(chunk);
    PipelineForTest pipeline(DefaultConfig());
    pipeline.Feed(text, chunk);
    CHECK(pipeline.Values() == whole);
  }
}

TEST_CASE("Counters add values, gauges keep the last, histograms observe; scale applies") {
  PipelineForTest pipeline(R"(
metrics:
  - {name: bytes_total, type: counter, event: [blk_co_preadv, blk_co_pwritev], value: bytes}
  - {name: sectors, type: gauge, event: blk_co_preadv, value: offset, scale: 0.5}
  - {name: size_bytes, type: histogram, event: blk_co_preadv, value: bytes, buckets: [512, 4096]}
  - {name: offsets_total, type: counter, event: blk_co_preadv, value: offset}
)");
  pipeline.Feed(
      "blk_co_preadv blk 0x1 bs 0x2 offset 1024 bytes 512 flags 0x0\n"
      "blk_co_pwritev blk 0x1 bs 0x2 offset 0 bytes 100 flags 0x0\n"
      "blk_co_preadv blk 0x1 bs 0x2 offset 3 bytes 8192 flags 0x0\n"
      "blk_co_preadv blk 0x1 bs 0x2 offset -3 bytes 1 flags 0x0\n");
  CHECK(pipeline.Value("bytes_total") == 512 + 100 + 8192 + 1);
  CHECK(pipeline.Value("sectors") == -1.5);
  CHECK(pipeline.Value("size_bytes_count") == 3);
  CHECK(pipeline.Value("size_bytes_sum") == 8705);
  CHECK(pipeline.Value("offsets_total") == 1027);  // a counter never goes down
  CHECK(pipeline.Value("qemu_trace_exporter_unparsed_lines_total{reason=negative_value}") == 1);
}

TEST_CASE("What is no finite number never gets into a sum, and is counted") {
  PipelineForTest pipeline(R"(
metrics:
  - {name: took_total, type: counter, match: 'took (?P<n>\S+) ms', value: n}
  - {name: took_ms, type: histogram, match: 'took (?P<n>\S+) ms', value: n, buckets: [1, 10]}
)");
  pipeline.Feed("took 2 ms\ntook nan ms\ntook inf ms\ntook -inf ms\ntook ages ms\ntook 1e999 ms\ntook 3x ms\ntook 4 ms\n");
  CHECK(pipeline.Value("took_total") == 6);
  CHECK(pipeline.Value("took_ms_sum") == 6);
  CHECK(pipeline.Value("took_ms_count") == 2);
  CHECK(pipeline.Value("qemu_trace_exporter_unparsed_lines_total{reason=not_a_number}") == 6);
  pipeline.Feed("took -1 ms\n");
  CHECK(pipeline.Value("took_total") == 6);
  CHECK(pipeline.Value("took_ms_count") == 3);
  CHECK(pipeline.Value("qemu_trace_exporter_unparsed_lines_total{reason=negative_value}") == 1);
  CHECK(pipeline.Value("qemu_trace_exporter_unparsed_lines_total{reason=not_an_event}") == 0);
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
    PipelineForTest pipeline(
        "metrics: [{name: x_total, type: counter, event: migrate_transferred, value: " + argument + "}]\n", "/log/vm1.log",
        catalog);
    pipeline.Feed("migrate_transferred transferred 5 time_spent 1 bandwidth 2 max_size 3\n");
    CHECK(pipeline.Value("x_total") == 5);
  }
}

TEST_CASE("An event's own argument may be called in_flight") {
  trace::Catalog catalog;
  REQUIRE(catalog.Add("mirror_yield(void *s, int in_flight) \"s %p in_flight %d\"\n").empty());
  PipelineForTest pipeline("metrics: [{name: x, type: gauge, event: mirror_yield, value: in_flight}]\n", "/log/vm1.log",
                           catalog);
  pipeline.Feed("mirror_yield s 0x1 in_flight 3\n");
  CHECK(pipeline.Value("x") == 3);
}

TEST_CASE("Lookups name what was learned, the key itself until then") {
  PipelineForTest pipeline(R"(
lookups: {image: {event: bdrv_open_common, key: bs, value: filename}}
metrics:
  - name: reads_total
    type: counter
    event: blk_co_preadv
    labels: {device: {lookup: image, key: bs}}
)");
  std::string read = "blk_co_preadv blk 0x1 bs 0x2 offset 0 bytes 512 flags 0x0\n";
  pipeline.Feed(read + "bdrv_open_common bs 0x2 filename \"/a.img\" flags 0x2 format_name \"raw\"\n" + read + read +
                "bdrv_open_common bs 0x2 filename \"/b.img\" flags 0x2 format_name \"raw\"\n" + read);
  CHECK(pipeline.Value("reads_total{device=0x2}") == 1);
  CHECK(pipeline.Value("reads_total{device=/a.img}") == 2);
  CHECK(pipeline.Value("reads_total{device=/b.img}") == 1);
  pipeline->OnRestart(0, source::Restart::kTruncated);
  pipeline.Feed(read);
  CHECK(pipeline.Value("reads_total{device=0x2}") == 2);
}

TEST_CASE("Spans join start and end into an event of their own") {
  PipelineForTest pipeline(R"(
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
  pipeline.Feed(
      "1@10.000000:virtqueue_pop vq 0x1 elem 0x2 in_num 3 out_num 1\n"
      "1@10.000100:virtqueue_pop vq 0x1 elem 0x3 in_num 5 out_num 1\n"
      "1@10.000500:virtqueue_fill vq 0x1 elem 0x2 len 77 idx 0\n"
      "1@10.000600:virtqueue_fill vq 0x1 elem 0x9 len 1000 idx 0\n");
  CHECK(pipeline.Value("element_duration_seconds_count{queue=0x1}") == 1);
  CHECK(pipeline.Value("element_duration_seconds_sum{queue=0x1}") == 0.0005);
  CHECK(pipeline.Value("element_bytes_total") == 77);
  CHECK(pipeline.Value("element_in_total") == 3);
  CHECK(pipeline.Value("qemu_trace_exporter_open_spans{span=element}") == 1);
  CHECK(pipeline.Value("qemu_trace_events_total{event=element}") == 0);
  pipeline->OnClose(0);
  CHECK(pipeline.Value("qemu_trace_exporter_open_spans{span=element}") == 0);
  CHECK(pipeline.Value("qemu_trace_exporter_spans_abandoned_total{span=element}") == 1);
}

TEST_CASE("Without timestamps durations stay empty and the source is told once") {
  PipelineForTest pipeline(DefaultConfig());
  pipeline.Feed("dma_blk_io dbs=0x1 bs=0x2 offset=0 to_dev=0\n");
  CHECK(pipeline->TakePathWithoutTime() == "/log/vm1.log");
  CHECK(pipeline->TakePathWithoutTime().empty());
}

TEST_CASE("match rules take lines that are no trace event") {
  PipelineForTest pipeline(R"(
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
  pipeline.Feed("guest panicked: oops now\nqemu: warning: lost 17 bytes\nother text\n");
  CHECK(pipeline.Value("panics_total{reason=oops}") == 1);
  CHECK(pipeline.Value("warned_bytes_total") == 17);
  CHECK(pipeline.Value("qemu_trace_exporter_unparsed_lines_total{reason=not_an_event}") == 1);
}

TEST_CASE("The series limit folds, and sums stay right") {
  PipelineForTest pipeline(R"(
metrics:
  - {name: reads_total, type: counter, event: pci_cfg_read, labels: {device: dev}}
limits: {max_series_per_metric: 3}
)");
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 10; ++i) {
      pipeline.Feed("pci_cfg_read dev" + std::to_string(i) + " 00:00.0 @0x0 -> 0x1\n");
    }
  }
  CHECK(pipeline.Value("reads_total{device=dev2}") == 2);
  CHECK(pipeline.Value("reads_total{device=_other_}") == 14);
  CHECK(pipeline.Value("qemu_trace_exporter_series_overflow_total{metric=reads_total}") == 14);
}

TEST_CASE("A reload keeps what its config still means") {
  const std::string spans = R"(
spans: {element: {start: virtqueue_pop, end: virtqueue_fill, key: [vq, elem]}}
lookups: {image: {event: bdrv_open_common, key: bs, value: filename}}
metrics:
  - {name: element_duration_seconds, type: histogram, event: element, value: duration, buckets: [1]}
  - {name: reads_total, type: counter, event: blk_co_preadv, labels: {device: {lookup: image, key: bs}}}
)";
  PipelineForTest pipeline(spans);
  std::string read = "1@2.000000:blk_co_preadv blk 0x1 bs 0x2 offset 0 bytes 512 flags 0x0\n";
  pipeline.Feed("1@1.000000:virtqueue_pop vq 0x1 elem 0x2 in_num 3 out_num 1\n" +
                std::string("bdrv_open_common bs 0x2 filename \"/a.img\" flags 0x2 format_name \"raw\"\n") + read +
                "un_known x\n1@3.0000");
  PipelineForTest next(spans + "  - {name: extra_total, type: counter, event: blk_co_preadv}\n");
  next->OnClose(0);
  next->Adopt(std::move(*pipeline), {{0, 0}});
  next.Feed("00:virtqueue_fill vq 0x1 elem 0x2 len 77 idx 0\n" + read);
  CHECK(next.Value("element_duration_seconds_sum") == 2);
  CHECK(next.Value("reads_total{device=/a.img}") == 2);
  CHECK(next.Value("extra_total") == 1);
  CHECK(next.Value("qemu_trace_events_total{event=un_known}") == 1);
  CHECK(next.Value("qemu_trace_exporter_lines_total") == 6);
}

TEST_CASE("A reload that gives a source other labels leaves its old series as they were, and makes no others") {
  const std::string metrics = "metrics:\n  - {name: keys_total, type: counter, event: ps2_put_keycode}\n";
  PipelineForTest pipeline("sources: [{path: /log/*, labels: {host: a}}]\n" + metrics);
  pipeline.Feed("ps2_put_keycode 0x1 keycode 0x1c\n");
  PipelineForTest next("sources: [{path: /log/*, labels: {host: b}}]\n" + metrics + R"(
  - {name: more_total, type: counter, event: ps2_put_keycode}
)");
  next->OnClose(0);
  next->Adopt(std::move(*pipeline), {{0, 0}});
  next.Feed("ps2_put_keycode 0x1 keycode 0x1c\n");
  std::vector<std::string> hosts;
  metrics::Snapshot snapshot = next->TakeSnapshot();
  for (const metrics::FamilySnapshot& family : snapshot.families) {
    for (size_t i = 0; i < family.series_count(); ++i) {
      hosts.push_back(family.spec->name + " " + family.LabelsOf(i).base->at(0).second + " " +
                      std::to_string(static_cast<int>(family.values[i])));
    }
  }
  CHECK(hosts == std::vector<std::string>{"keys_total b 1", "keys_total a 1", "more_total b 1"});
}

TEST_CASE("Seen events tell whether a rule uses them") {
  PipelineForTest pipeline(kPciRule);
  pipeline.Feed("pci_cfg_read i440FX 00:00.0 @0x0 -> 0x1\npci_cfg_write x\nun_known 1\n");
  std::vector<SeenEvent> events = pipeline->SeenEvents();
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
  PipelineForTest pipeline(
      "metrics: [{name: reads_total, type: counter, event: pci_cfg_read, labels: {device: dev}}]\n");
  for (const std::string& name : {std::string("\xff"), std::string("\xfe"), std::string(5000, 'x')}) {
    pipeline.Feed("pci_cfg_read " + name + " 00:00.0 @0x0 -> 0x1\n");
  }
  CHECK(pipeline.Value("reads_total{device=\xEF\xBF\xBD}") == 2);
  CHECK(pipeline.Value("reads_total{device=" + std::string(1024, 'x') + "}") == 1);
}
