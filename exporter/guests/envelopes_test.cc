// Lines in every envelope, mixed and torn, on their whole way: what comes out depends neither on where chunks are cut
// nor on a restart between them.
#include <string>

#include "catch.h"
#include "guests/guests_for_test.h"

using namespace qte;
using guests::GuestsForTest;

namespace {

const std::string kRules = R"yaml(
metrics:
  - {name: reads_total, type: counter, event: pci_cfg_read, labels: {device: dev}}
  - {name: panics_total, type: counter, match: "panicked: (?P<why>.*)", labels: {why: why}}
limits: {max_line_bytes: 400}
)yaml";

std::string Utf16(std::string_view text) {
  std::string wide;
  for (char c : text) wide += {c, '\0'};
  return wide;
}

// 20 reads in all, and 2 panics.
std::string Mixed() {
  const std::string read = "pci_cfg_read i440FX 00:00.0 @0x0 -> 0x1";
  const std::string timed = "4711@1795408700.000001:" + read;
  return "\xef\xbb\xbf" + read + "\r\n" + timed + "\n" +                                                         //
         R"({"log":")" + timed + R"(\n","stream":"stderr","time":"2026-11-23T04:38:20.000000000Z"})" + "\n" +    //
         R"({"log":"pci_cfg_read i44","stream":"stderr"})" + "\n" +                                              //
         R"({"log":"guest panicked: one\r\n","stream":"stdout","time":"2026-11-23T04:38:20Z"})" + "\n" +         //
         R"({"log":"0FX 00:00.0 @0x0 -\u003e 0x1\n","stream":"stderr","time":"2026-11-23T04:38:20Z"})" + "\n" +  //
         R"({"log":"4711@17)" + R"({"log":")" + timed + R"(\n"})" + "\n" +                                       //
         R"({"__REALTIME_TIMESTAMP":"1795408700000123","MESSAGE":")" + read + R"("})" + "\n" +                   //
         R"({"component":"virt-launcher","msg":")" + read + R"(","timestamp":"2026-11-23T04:38:20.1Z"})" + "\n" +
         "2026-11-23T04:38:20.000001000Z stderr P pci_cfg_read i440FX 0\n" +
         "2026-11-23T04:38:20.000001000Z stdout F guest panicked: two\n" +
         "2026-11-23T04:38:20.000002000Z stderr F 0:00.0 @0x0 -> 0x1\n" +   //
         "2026-11-23T04:38:20.123456789Z " + read + "\n" +                  //
         "vm-1  | " + timed + "\n" +                                        //
         "[pod/vm/compute] 2026-11-23T04:38:20Z " + read + "\n" +           //
         "Nov 23 04:38:20 host1 qemu[4711]: " + timed + "\n" +              //
         "<14>1 2026-11-23T04:38:20Z host1 qemu 4711 - - " + read + "\n" +  //
         "4711@1795408700000000123 " + read + "\n" +                        //
         "qemu-4711 [002] .... 12.345678: tracing_mark_write: " + read + "\n" +
         "2026-11-23T04:38:20Z vm qemu-system-x86_64(4711:CPU 0/KVM): " + read + "\n" +  //
         "login: " + timed + "\n" + "\x1b[1mpci_cfg\x1b[0m_read i440FX 00:00.0 @0x0 -> 0x1\x1b[K\r\n" +
         "[    3.5] half a line" + timed + "\n" +  //
         "2026-11-23T04:38:20Z stderr P " + std::string(300, 'x') + "\n2026-11-23T04:38:20Z stderr F " +
         std::string(300, 'x') + "\n" + Utf16(read + "\n") + Utf16("text\n");
}

}  // namespace

TEST_CASE("Wrapped and dirty lines are read, whatever the size of chunks") {
  GuestsForTest whole(kRules);
  whole.Feed(Mixed());
  whole->EndOfRecording(0);
  CHECK(whole.Value("reads_total{device=i440FX}") == 20);
  CHECK(whole.Value("panics_total{why=one}") == 1);
  CHECK(whole.Value("panics_total{why=two}") == 1);
  auto unparsed = [&](const std::string& reason) {
    return whole.Value("qemu_trace_exporter_unparsed_lines_total{reason=" + reason + "}");
  };
  CHECK(unparsed("line_too_long") == 1);
  CHECK(unparsed("not_an_event") == 1);
  CHECK(unparsed("format_mismatch") == 0);
  CHECK(unparsed("partial_line") == 0);
  for (size_t chunk = 1; chunk < 300; ++chunk) {
    CAPTURE(chunk);
    GuestsForTest pieces(kRules);
    pieces.Feed(Mixed(), chunk);
    pieces->EndOfRecording(0);
    REQUIRE(pieces.Values() == whole.Values());
  }
}

TEST_CASE("A restart between any two bytes changes nothing of wrapped lines") {
  GuestsForTest whole(kRules);
  const std::string text = Mixed();
  whole.Feed(text);
  for (size_t cut = 0; cut < text.size(); cut += 13) {
    CAPTURE(cut);
    GuestsForTest before(kRules);
    before.Feed(text.substr(0, cut));
    std::unique_ptr<GuestsForTest> after = before.Resume(kRules);
    after->Feed(text.substr(cut));
    REQUIRE(after->Values() == whole.Values());
  }
}

TEST_CASE("Names that nothing proves are confined until they recur") {
  GuestsForTest guests(kRules);
  auto feed = [&](int first, int end) {
    for (int i = first; i < end; ++i) guests.Feed("guest_word_" + std::to_string(i) + " said\n");
  };
  auto count = [&](int i) {
    return guests.Value("qemu_trace_events_total{event=guest_word_" + std::to_string(i) + "}");
  };
  feed(0, 1000);
  CHECK(count(15) == 1);
  CHECK(count(16) == 0);
  CHECK(guests.Value("qemu_trace_exporter_unparsed_lines_total{reason=undeclared_event}") == 16);
  // One that comes again counts with its first line.
  feed(990, 1000);
  CHECK(count(995) == 2);
  feed(995, 996);
  CHECK(count(995) == 3);
  // A prefix proves an event.
  guests.Feed("1@1.000001:new_event_1 x\n");
  CHECK(guests.Value("qemu_trace_events_total{event=new_event_1}") == 1);
  for (const char* text : {"check_exception old: 0xffffffff new 0xd\n", "_keycode 0x1\n", "foo_ bar\n"}) {
    guests.Feed(text);
    guests.Feed(text);
  }
  CHECK(guests.Value("qemu_trace_events_total{event=check_exception}") == 0);
}
