// Declared spans as a user would write them: what is open now, several kinds with one end, and what the start told.
#include <string>

#include "guests/guests_for_test.h"

using namespace qte;
using guests::GuestsForTest;
using guests::Problems;

namespace {

const std::string kElements = R"(
spans: {element: {start: virtqueue_pop, end: virtqueue_fill, key: [vq, elem], timeout: 10s}}
limits: {max_open_spans: 3, max_series_per_metric: 2}
metrics:
  - {name: queue_elements, type: gauge, event: element, value: in_flight, labels: {queue: vq}}
  - {name: large_elements, type: gauge, event: element, value: in_flight, where: {in_num: {min: 2}}}
)";

std::string Line(double second, const std::string& text) {
  return "1@" + std::to_string(1795408732 + second) + ':' + text + '\n';
}

std::string Pop(double second, const std::string& queue, int element, int buffers = 1) {
  return Line(second, "virtqueue_pop vq " + queue + " elem 0x" + std::to_string(element) + " in_num " +
                          std::to_string(buffers) + " out_num 0");
}

std::string Fill(double second, const std::string& queue, int element) {
  return Line(second, "virtqueue_fill vq " + queue + " elem 0x" + std::to_string(element) + " len 1 idx 0");
}

}  // namespace

TEST_CASE("In flight: spans that are open, by what their start told") {
  GuestsForTest guests(kElements);
  guests.Feed(Pop(0, "0x1", 1) + Pop(0, "0x1", 2, 2) + Pop(0, "0x2", 1));
  CHECK(guests.Value("queue_elements{queue=0x1}") == 2);
  CHECK(guests.Value("queue_elements{queue=0x2}") == 1);
  CHECK(guests.Value("large_elements") == 1);
  guests.Feed(Fill(1, "0x1", 2) + Fill(1, "0x1", 3));
  CHECK(guests.Value("queue_elements{queue=0x1}") == 1);
  CHECK(guests.Value("large_elements") == 0);
  guests.Feed(Fill(1, "0x1", 1) + Fill(1, "0x2", 1));
  CHECK(guests.Value("queue_elements{queue=0x1}") == 0);
  CHECK(guests.Value("queue_elements{queue=0x2}") == 0);
}

TEST_CASE("In flight: abandoned spans are not open") {
  GuestsForTest guests(kElements);
  SECTION("replaced by one of the same key") {
    guests.Feed(Pop(0, "0x1", 1) + Pop(1, "0x1", 1));
    CHECK(guests.Value("queue_elements{queue=0x1}") == 1);
  }
  SECTION("too old, by the time of the trace") {
    guests.Feed(Pop(0, "0x1", 1) + Pop(9, "0x1", 2) + Pop(11, "0x1", 3));
    CHECK(guests.Value("queue_elements{queue=0x1}") == 2);
    CHECK(guests.Value("qemu_trace_exporter_spans_abandoned_total{span=element}") == 1);
  }
  SECTION("above the bound") {
    for (int i = 0; i < 10; ++i) guests.Feed(Pop(0, "0x1", i));
    CHECK(guests.Value("queue_elements{queue=0x1}") == 3);
  }
  SECTION("QEMU started anew") {
    guests.Feed(Pop(0, "0x1", 1) + Pop(0, "0x2", 1));
    guests->BeginProcess(0);
    CHECK(guests.Value("queue_elements{queue=0x1}") == 0);
    guests.Feed(Pop(0, "0x1", 1));
    CHECK(guests.Value("queue_elements{queue=0x1}") == 1);
  }
  SECTION("the log is gone") {
    guests.Feed(Pop(0, "0x1", 1));
    guests->OnClose(0);
    CHECK(guests.Value("queue_elements{queue=0x1}") == 0);
  }
}

TEST_CASE("In flight: a series is there once a span of it began, and folds beyond the limit") {
  GuestsForTest guests(kElements);
  guests.Feed(Pop(0, "0x1", 1) + Fill(0, "0x1", 1));
  CHECK(guests->series_count() == 2);  // one of each gauge; without labels it is there from the start
  guests.Feed(Pop(0, "0x2", 1) + Pop(0, "0x3", 1));
  for (int looks = 0; looks < 3; ++looks) {
    CHECK(guests.Value("queue_elements{queue=_other_}") == 1);
    CHECK(guests.Value("qemu_trace_exporter_series_overflow_total{metric=queue_elements}") == 1);
  }
}

TEST_CASE("Spans: one end event for several kinds, and starts of several names for one") {
  // An SCSI request of QEMU's is allocated, then parsed, and gone at its dequeue, whatever it was.
  GuestsForTest guests(R"(
spans:
  waiting: {start: scsi_req_alloc, end: scsi_req_dequeue, key: [target, lun, tag]}
  parsed: {start: [scsi_req_parsed, scsi_req_parsed_lba], end: scsi_req_dequeue, key: [target, lun, tag]}
metrics:
  - {name: waited_total, type: counter, event: waiting, labels: {target: target}}
  - {name: commands_total, type: counter, event: parsed, labels: {command: cmd}}
  - {name: sizes, type: histogram, event: parsed, value: xfer, buckets: [512]}
  - {name: seconds, type: histogram, event: parsed, value: duration, buckets: [1]}
  - {name: commands, type: gauge, event: parsed, value: in_flight}
)");
  guests.Feed(Line(0, "scsi_req_alloc target 0 lun 1 tag 7") + Line(0, "scsi_req_alloc target 0 lun 1 tag 8") +
                Line(0.25, "scsi_req_parsed target 0 lun 1 tag 7 command 42 dir 2 length 1024"));
  CHECK(guests.Value("commands") == 1);
  guests.Feed(Line(0.5, "scsi_req_dequeue target 0 lun 1 tag 7") +
                Line(0.6, "scsi_req_dequeue target 0 lun 1 tag 8"));
  CHECK(guests.Value("waited_total{target=0}") == 2);
  CHECK(guests.Value("commands_total{command=42}") == 1);
  CHECK(guests.Value("sizes_sum") == 1024);
  CHECK(guests.Value("seconds_sum") == 0.25);
  CHECK(guests.Value("commands") == 0);
}

TEST_CASE("In flight: what is wrong is told") {
  struct Case {
    std::string metric, want;
  };
  const std::string head = "spans: {s: {start: virtqueue_pop, end: virtqueue_fill, key: [vq, elem]}}\nmetrics:\n";
  for (const Case& c : {
           Case{"- {name: x, type: gauge, event: s, value: in_flight, labels: {q: vq}}", ""},
           Case{"- {name: x_total, type: counter, event: s, value: in_flight}",
                "test.yaml:3:51: in_flight goes up and down, so it needs `type: gauge`\n"},
           Case{
               "- {name: x, type: gauge, event: s, value: in_flight, labels: {l: len}}",
               "test.yaml:3:66: argument \"len\" is not known while a span s is open; in_flight takes arguments of its "
               "start alone\n"},
           Case{"- {name: x, type: gauge, event: s, value: in_flight, where: {duration: {min: 1}}}",
                "test.yaml:3:62: argument \"duration\" is not known while a span s is open; in_flight takes arguments "
                "of "
                "its start alone\n"},
           Case{"- {name: x, type: gauge, event: virtqueue_pop, value: in_flight}",
                "test.yaml:3:55: unknown argument \"in_flight\" of virtqueue_pop; it has vq, elem, in_num, out_num\n"},
           Case{"- {name: x, type: gauge, event: [s, virtqueue_pop], value: in_flight}",
                "test.yaml:3:60: in_flight belongs to spans, but virtqueue_pop is not a span\n"},
           Case{"- {name: x_total, type: counter, event: s, labels: {l: in_flight}}",
                "test.yaml:3:56: in_flight can only be the value of a gauge\n"},
       }) {
    CAPTURE(c.metric);
    CHECK(Problems(head + c.metric + "\n") == c.want);
  }
}
