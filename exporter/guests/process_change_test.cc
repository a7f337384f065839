// Which QEMU writes a log: what its process has told outlives rotations and truncations, and ends with the process.
#include <tuple>

#include "guests/guests_for_test.h"

namespace qte::guests {
namespace {

constexpr const char* kConfig = R"(
lookups: {image: {event: bdrv_open_common, key: bs, value: filename}}
spans: {element: {start: virtqueue_pop, end: virtqueue_fill, key: [vq, elem]}}
metrics:
  - {name: reads_total, type: counter, help: x, event: blk_co_preadv, labels: {device: {lookup: image, key: bs}}}
  - {name: open_elements, type: gauge, help: x, event: element, value: in_flight}
  - {name: elements_total, type: counter, help: x, event: element}
)";

std::string Open(const std::string& prefix, const std::string& node, const std::string& file) {
  return prefix + "bdrv_open_common bs " + node + " filename \"" + file + "\" flags 0x2 format_name \"raw\"\n";
}
std::string Read(const std::string& prefix, const std::string& node) {
  return prefix + "blk_co_preadv blk 0x1 bs " + node + " offset 0 bytes 512 flags 0x0\n";
}
std::string Pop(const std::string& prefix) {
  return prefix + "virtqueue_pop vq 0x1 elem 0x2 in_num 3 out_num 1\n";
}

constexpr const char* kHeap = "0x55b9d42ca2d0";
constexpr const char* kNear = "0x55b9d5000010";
constexpr const char* kFar = "0x5612a0001230";

TEST_CASE("After a rotation or a truncation the process goes on, unless a line tells otherwise") {
  struct Case {
    std::string name, before, after;
    bool goes_on;
  };
  const std::string main = "700@17.000001:";
  const std::string other = "707@17.000002:";
  const std::string fresh = "900@18.000000:";
  const std::string iso = "2026-11-23T04:41:06.310976Z ";
  for (const Case& c : {
           Case{"a line of the main thread", Open(main, kHeap, "/a"), Read(main, kHeap), true},
           Case{"a line of another thread", Open(main, kHeap, "/a"), Read(other, kHeap), true},
           Case{"a snapshot first", Open(main, kHeap, "/a"), Open(main, kNear, "/b") + Read(main, kHeap), true},
           Case{"a snapshot behind other threads", Open(main, kHeap, "/a"),
                Read(other, kHeap) + Open(main, kNear, "/b"), true},
           Case{"images opened by another main thread", Open(main, kHeap, "/a"), Open(fresh, kHeap, "/a"), false},
           Case{"not at once", Open(main, kHeap, "/a"), fresh + "object_new 0x1\n" + Open(fresh, kFar, "/a"), false},
           Case{"without threads, in the same heap", Open("", kHeap, "/a"), Open("", kNear, "/a"), true},
           Case{"without threads, in another heap", Open(iso, kHeap, "/a"), Open(iso, kFar, "/a"), false},
           Case{"without threads, in another heap, not at once", Open("", kHeap, "/a"),
                "object_new 0x1\n" + Open("", kFar, "/b"), false},
           Case{"at the same place as the first, without random addresses",
                Open("", kHeap, "/a") + Open("", kNear, "/b"), Open("", kHeap, "/a"), false},
           Case{"nothing known of its images", "", Open("", kHeap, "/a"), false},
           Case{"no sign at all", Open("", kHeap, "/a"), "un_known 1\nhello\n", true},
       }) {
    for (bool is_rotation : {true, false}) {
      CAPTURE(c.name, is_rotation);
      GuestsForTest guests(kConfig, "");
      guests->OnOpen(1, 0, "/log/vm1.log", 0);
      guests.Feed(c.before + Pop("700@17.000003:"), std::string::npos, 1);
      if (is_rotation) {
        guests->OnOpen(2, 0, "/log/vm1.log", 1);
      } else {
        guests->OnRestart(1, source::Restart::kTruncated);
      }
      CHECK(guests.Value("open_elements") == 1);
      guests.Feed(c.after, 7, is_rotation ? 2 : 1);
      CHECK(guests.Value("open_elements") == (c.goes_on ? 1 : 0));
      CHECK(guests.Value("qemu_trace_exporter_spans_abandoned_total{span=element}") == (c.goes_on ? 0 : 1));
      // Late lines of the old file change nothing for the new process.
      guests.Feed(Open(main, "0x77", "/late"), std::string::npos, 1);
      guests.Feed(Read(fresh, "0x77"), std::string::npos, is_rotation ? 2 : 1);
      bool knows_late = c.goes_on || !is_rotation;
      CHECK(guests.Value(knows_late ? "reads_total{device=/late}" : "reads_total{device=0x77}") == 1);
    }
  }
}

TEST_CASE("Without a rotation a log is not searched for signs, but libvirt's lines count at any time") {
  GuestsForTest guests(kConfig);
  guests.Feed(Open("", kHeap, "/a") + Pop("") + Open("", kFar, "/b"));
  CHECK(guests.Value("open_elements") == 1);
  guests.Feed("2026-11-23 04:41:06.310+0000: starting up libvirt version: 9.0.0, package: 9, qemu version: 7.2.22\n");
  CHECK(guests.Value("open_elements") == 0);
  guests.Feed(Read("", kHeap));
  CHECK(guests.Value("reads_total{device=" + std::string(kHeap) + "}") == 1);
  guests.Feed(Pop("") + "2026-11-23 05:00:00.001+0000: shutting down, reason=destroyed\n");
  CHECK(guests.Value("open_elements") == 0);
  CHECK(guests.Value("qemu_trace_exporter_spans_abandoned_total{span=element}") == 2);
  for (const char* text :
       {"2026-11-23 04:41:06.310+0000: starting something else\n", "starting up libvirt version: 9\n",
        "2026-11-23 04:41:06.310+0000: x: starting up libvirt version\n", "2026-\n"}) {
    guests.Feed(Pop("") + text);
    CHECK(guests.Value("open_elements") == 1);
  }
}

TEST_CASE("What QMP knows of a process counts once, whichever comes first") {
  GuestsForTest guests(kConfig);
  guests.Feed(Open("700@1.000000:", kHeap, "/a") + Pop(""));
  guests->OnRestart(0, source::Restart::kTruncated);
  guests.Feed(Open("900@2.000000:", kFar, "/b") + Pop(""));
  CHECK(guests.Value("qemu_trace_exporter_spans_abandoned_total{span=element}") == 1);
  guests->BeginProcess(0);  // the log has told so already
  CHECK(guests.Value("open_elements") == 1);
  guests->BeginProcess(0);
  CHECK(guests.Value("open_elements") == 0);
  guests.Feed(Pop(""));
  guests->EndProcess(0);
  CHECK(guests.Value("open_elements") == 0);
  // What comes after the end is the next one's, which QMP tells of later.
  guests.Feed(Pop(""));
  guests->EndProcess(0);
  guests->BeginProcess(0);
  CHECK(guests.Value("open_elements") == 1);
  guests->BeginProcess(0);
  CHECK(guests.Value("open_elements") == 0);
}

TEST_CASE("A line that a rotation cuts in two is put together") {
  struct Case {
    std::string head, tail;
    int events, torn;
  };
  const std::string line = "1@17.123456:ps2_put_keycode 0x1 keycode 0x1c";
  std::vector<Case> cases;
  for (size_t cut = 1; cut < line.size(); ++cut) cases.push_back({line.substr(0, cut), line.substr(cut) + "\n", 1, 0});
  const std::string bare = "ps2_put_keycode 0x1 keycode 0x1c";
  for (size_t cut = 1; cut < bare.size(); ++cut) cases.push_back({bare.substr(0, cut), bare.substr(cut) + "\n", 1, 0});
  cases.push_back({line.substr(0, 20), line + "\n", 1, 1});  // the rest never came
  cases.push_back({line.substr(0, 20), "un_known: x\n" + line + "\n", 1, 1});
  cases.push_back({"half a warning", line + "\n", 1, 1});
  cases.push_back({line, "\n" + line + "\n", 2, 0});  // its newline alone is in the next file
  cases.push_back({"", line + "\n", 1, 0});
  for (const Case& c : cases) {
    for (int way = 0; way < 3; ++way) {
      CAPTURE(c.head, c.tail, way);
      GuestsForTest guests("metrics: [{name: keys_total, type: counter, help: x, event: ps2_put_keycode}]\n", "");
      guests->OnOpen(1, 0, "/log/vm1.log", 0);
      guests.Feed(c.head, 3, 1);
      source::StreamId id = 1;
      if (way == 0) {
        guests->OnRestart(1, source::Restart::kTruncated);
      } else {
        guests->OnOpen(id = 2, 0, "/log/vm1.log", 1);
        if (way == 2) guests->OnClose(1);
      }
      guests.Feed(c.tail, 3, id);
      CHECK(guests.Value("keys_total") == c.events);
      if (id == 2) guests->OnClose(1);
      CHECK(guests.Value("qemu_trace_exporter_unparsed_lines_total{reason=partial_line}") == c.torn);
    }
  }
}

TEST_CASE("A late line completes what was torn in its own file") {
  GuestsForTest guests("metrics: [{name: keys_total, type: counter, help: x, event: ps2_put_keycode}]\n", "");
  guests->OnOpen(1, 0, "/log/vm1.log", 0);
  guests.Feed("1@17.123456:ps2_put_key", std::string::npos, 1);
  guests->OnOpen(2, 0, "/log/vm1.log", 1);
  guests.Feed("code 0x1 keycode 0x1c\n", std::string::npos, 1);
  guests.Feed("1@17.123457:ps2_put_keycode 0x1 keycode 0x1d\n", std::string::npos, 2);
  CHECK(guests.Value("keys_total") == 2);
  CHECK(guests.Value("qemu_trace_exporter_unparsed_lines_total{reason=partial_line}") == 0);
}

TEST_CASE("A line that several rotations cut in pieces is put together") {
  const std::string line = "1@17.123456:ps2_put_keycode 0x1 keycode 0x1c";
  // "cut" by a rotation, a truncation, or a rotation after which the old file is deleted.
  for (int ways = 0; ways < 27; ++ways) {
    for (bool is_saved : {false, true}) {
      CAPTURE(ways, is_saved);
      const char* config = "metrics: [{name: keys_total, type: counter, help: x, event: ps2_put_keycode}]\n";
      auto guests = std::make_unique<GuestsForTest>(config, "");
      source::StreamId id = 1;
      (*guests)->OnOpen(id, 0, "/log/vm1.log", 0);
      int rest = ways;
      for (size_t at = 0; at < line.size(); at += 12, rest /= 3) {
        guests->Feed(line.substr(at, 12), 5, id);
        if (is_saved) {
          guests = guests->Resume(config);
          (*guests)->OnOpen(id, 0, "/log/vm1.log", 0);
        }
        if (at + 12 >= line.size()) break;
        if (rest % 3 == 0) {
          (*guests)->OnRestart(id, source::Restart::kTruncated);
        } else {
          (*guests)->OnOpen(id + 1, 0, "/log/vm1.log", id);
          if (rest % 3 == 2) (*guests)->OnClose(id);
          ++id;
        }
      }
      guests->Feed("\n" + line + "\n", 5, id);
      for (source::StreamId closed = 1; closed <= id; ++closed) (*guests)->OnClose(closed);
      CHECK(guests->Value("keys_total") == 2);
      CHECK(guests->Value("qemu_trace_exporter_lines_total") == 2);
      CHECK(guests->Value("qemu_trace_exporter_unparsed_lines_total{reason=partial_line}") == 0);
    }
  }
}

TEST_CASE("Late lines may end in the middle of the line that goes on in the new file") {
  GuestsForTest guests("metrics: [{name: keys_total, type: counter, help: x, event: ps2_put_keycode}]\n", "");
  guests->OnOpen(1, 0, "/log/vm1.log", 0);
  guests.Feed("1@17.123456:ps2_put_key", std::string::npos, 1);
  guests->OnOpen(2, 0, "/log/vm1.log", 1);
  guests.Feed("code 0x1 keycode 0x1c\n1@17.123457:ps2_put_k", std::string::npos, 1);
  guests.Feed("eycode 0x1 keycode 0x1d\n", std::string::npos, 2);
  CHECK(guests.Value("keys_total") == 2);
  guests->OnClose(1);
  CHECK(guests.Value("qemu_trace_exporter_unparsed_lines_total{reason=partial_line}") == 0);
}

TEST_CASE("Behind a late line that is under way, a rotation may cut another line") {
  const std::string line = "1@17.123456:ps2_put_keycode 0x1 keycode 0x1c\n";
  for (size_t cut = 1; cut + 1 < line.size(); ++cut) {
    CAPTURE(cut);
    GuestsForTest guests("metrics: [{name: keys_total, type: counter, help: x, event: ps2_put_keycode}]\n", "");
    guests->OnOpen(1, 0, "/log/vm1.log", 0);
    guests.Feed(line + "2@17.123457:ps2_put_k", std::string::npos, 1);
    guests->OnOpen(2, 0, "/log/vm1.log", 1);
    guests.Feed(line.substr(0, cut), std::string::npos, 2);
    guests->OnOpen(3, 0, "/log/vm1.log", 2);
    guests.Feed(line.substr(cut), std::string::npos, 3);
    guests.Feed("eycode 0x1 keycode 0x1c\n", std::string::npos, 1);
    CHECK(guests.Value("keys_total") == 3);
    CHECK(guests.Value("qemu_trace_exporter_lines_total") == 3);
  }
}

TEST_CASE("Text and a broken event that a rotation cuts in two are one line each") {
  struct Case {
    std::string head, tail, reason;
    int torn;
  };
  const std::string event = "1@17.123456:ps2_put_keycode 0x1 keycode 0x1c\n";
  const std::vector<Case> cases = {
      {event + "qemu-system-x86_64: war", "ning: x\n", "not_an_event", 0},
      {event + "    \"time", "stamp\": {\n", "not_an_event", 0},
      {event + "a warn", "2026-11-23 04:41:06.310+0000: starting up libvirt version: 9\n", "not_an_event", 1},
      {"1@17.123457:vmstate_save_state_top a", "2026-11-23 04:41:06.310+0000: starting up libvirt version: 9\n",
       "not_an_event", 1},
      {"1@17.12", "3457:ps2_put_keycode what\n", "format_mismatch", 0},
      {"1@17.123457:ps2_put_k", "eycode what\n", "format_mismatch", 0},
      {"1@17.123457:ps2_put_keycode 0x1 key", "qemu-system-x86_64: warning\n", "not_an_event", 1},
  };
  for (const Case& c : cases) {
    CAPTURE(c.head, c.tail);
    GuestsForTest guests("metrics: [{name: keys_total, type: counter, help: x, event: ps2_put_keycode}]\n", "");
    guests->OnOpen(1, 0, "/log/vm1.log", 0);
    guests.Feed(c.head, std::string::npos, 1);
    guests->OnOpen(2, 0, "/log/vm1.log", 1);
    guests.Feed(c.tail, std::string::npos, 2);
    guests->OnClose(1);
    CHECK(guests.Value("qemu_trace_exporter_unparsed_lines_total{reason=" + c.reason + "}") == 1);
    CHECK(guests.Value("qemu_trace_exporter_unparsed_lines_total{reason=partial_line}") == c.torn);
  }
}

TEST_CASE("A late line that is under way is not completed by text in the new file") {
  for (const std::string head : {"1", "1@17", "1@17.1234", "1@17.123456", "1@17.123456:", "1@17.123456:ps2_p",
                                 "1@17.123456:ps2_put_keycode", "1@17.123456:ps2_put_keycode 0x1 k"}) {
    for (const std::string text : {"qemu-system-x86_64: warning: x\n", "\n", "x\n"}) {
      CAPTURE(head, text);
      const std::string line = "1@17.123456:ps2_put_keycode 0x1 keycode 0x1c\n";
      GuestsForTest guests("metrics: [{name: keys_total, type: counter, help: x, event: ps2_put_keycode}]\n", "");
      guests->OnOpen(1, 0, "/log/vm1.log", 0);
      guests.Feed(line + head, std::string::npos, 1);
      guests->OnOpen(2, 0, "/log/vm1.log", 1);
      guests.Feed(text, std::string::npos, 2);
      guests.Feed(line.substr(head.size()), std::string::npos, 1);
      CHECK(guests.Value("keys_total") == 2);
      CHECK(guests.Value("qemu_trace_exporter_unparsed_lines_total{reason=not_an_event}") == 1);
      CHECK(guests.Value("qemu_trace_exporter_lines_total") == 3);
    }
  }
}

TEST_CASE("A cut thread id makes no event of another thread") {
  for (const auto& [head, tail, torn] : {std::tuple{"266", "38@17.123457:ps2_put_keycode 0x1 keycode 0x1d\n", 0},
                                         std::tuple{"266", "26638@17.123457:ps2_put_keycode 0x1 keycode 0x1d\n", 1}}) {
    CAPTURE(head, tail);
    GuestsForTest guests("metrics: [{name: keys_total, type: counter, help: x, event: ps2_put_keycode}]\n", "");
    guests->OnOpen(1, 0, "/log/vm1.log", 0);
    guests.Feed("26638@17.123456:ps2_put_keycode 0x1 keycode 0x1c\n", std::string::npos, 1);
    guests.Feed(head, std::string::npos, 1);
    guests->OnOpen(2, 0, "/log/vm1.log", 1);
    guests.Feed(tail, std::string::npos, 2);
    guests->OnClose(1);
    CHECK(guests.Value("keys_total") == 2);
    CHECK(guests.Value("qemu_trace_exporter_unparsed_lines_total{reason=partial_line}") == torn);
  }
}

TEST_CASE("A torn line counts once, however many files its pieces are in") {
  GuestsForTest guests("metrics: [{name: keys_total, type: counter, help: x, event: ps2_put_keycode}]\n", "");
  guests->OnOpen(1, 0, "/log/vm1.log", 0);
  guests.Feed("1@17.123456:ps2_put_key", std::string::npos, 1);
  guests->OnOpen(2, 0, "/log/vm1.log", 1);
  guests.Feed("code", std::string::npos, 2);
  guests->OnOpen(3, 0, "/log/vm1.log", 2);
  guests.Feed("1@17.123457:ps2_put_keycode 0x1 keycode 0x1d\n", std::string::npos, 3);
  for (source::StreamId id : {1U, 2U, 3U}) guests->OnClose(id);
  CHECK(guests.Value("keys_total") == 1);
  CHECK(guests.Value("qemu_trace_exporter_unparsed_lines_total{reason=partial_line}") == 1);
}

TEST_CASE("A late line that is under way when the next file begins is not torn") {
  GuestsForTest guests("metrics: [{name: keys_total, type: counter, help: x, event: ps2_put_keycode}]\n", "");
  guests->OnOpen(1, 0, "/log/vm1.log", 0);
  guests.Feed("1@17.123456:ps2_put_key", std::string::npos, 1);
  guests->OnOpen(2, 0, "/log/vm1.log", 1);
  guests.Feed("1@17.123457:ps2_put_keycode 0x1 keycode 0x1d\n", std::string::npos, 2);
  guests.Feed("code 0x1 keycode 0x1c\n", std::string::npos, 1);
  guests->OnClose(1);
  CHECK(guests.Value("keys_total") == 2);
  CHECK(guests.Value("qemu_trace_exporter_unparsed_lines_total{reason=partial_line}") == 0);
}

TEST_CASE("The doubt and the torn line outlive a restart of the exporter") {
  GuestsForTest first(kConfig, "");
  first->OnOpen(1, 0, "/log/vm1.log", 0);
  first.Feed(Open("700@17.000001:", kHeap, "/a") + Pop("") + "707@17.000002:blk_co_pre", std::string::npos, 1);
  first->OnOpen(2, 0, "/log/vm1.log", 1);
  auto second = first.Resume(kConfig);
  for (source::StreamId id : {1U, 2U}) (*second)->OnOpen(id, 0, "/log/vm1.log", 0);
  second->Feed("adv blk 0x1 bs " + std::string(kHeap) + " offset 0 bytes 512 flags 0x0\n", std::string::npos, 2);
  CHECK(second->Value("reads_total{device=/a}") == 1);
  CHECK(second->Value("open_elements") == 1);
  auto third = second->Resume(kConfig);
  (*third)->OnOpen(2, 0, "/log/vm1.log", 0);
  third->Feed(Open("900@18.000001:", kFar, "/b"), std::string::npos, 2);
  CHECK(third->Value("open_elements") == 0);
}

}  // namespace
}  // namespace qte::guests
