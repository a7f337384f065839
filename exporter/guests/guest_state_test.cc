// Guests that are saved at any byte and go on in another process end with the numbers of ones that never stopped.
#include "guests/guests_for_test.h"

namespace qte::guests {
namespace {

constexpr const char* kLog = "/log/vm1.log";

TEST_CASE("A recorded trace that is interrupted anywhere gives the same series") {
  for (const char* name : {"ide-raw-7.2.log", "keys-7.2.log", "nvme-7.2.log", "virtio-scsi-7.2.log"}) {
    std::string text = ReadFile(std::string("tests/data/traces/") + name);
    text.resize(std::min<size_t>(text.size(), 200'000));
    GuestsForTest whole(DefaultConfig());
    whole.Feed(text);
    std::map<std::string, double> want = whole.Values();
    for (size_t part = 1; part < 12; ++part) {
      size_t cut = text.size() * part / 12 + part;
      INFO(name << " cut at " << cut);
      GuestsForTest first(DefaultConfig());
      first.Feed(text.substr(0, cut));
      auto second = first.Resume(DefaultConfig());
      (*second)->OnOpen(0, 0, kLog, 0);
      second->Feed(text.substr(cut));
      CHECK(second->Values() == want);
    }
  }
}

TEST_CASE("State of decoders that another version had is left aside") {
  GuestsForTest first(DefaultConfig());
  first.Feed(ReadFile("tests/data/traces/nvme-7.2.log"));
  SavedState saved = ThroughFile(*first);
  nlohmann::json& decoders = saved.guests.at("guests").at(0).at("processes").at(0).at("decoders");
  REQUIRE(decoders.size() == 1);  // of those without an event nothing is saved
  decoders = {{"dma_request", {{"names", 5}}}, {"block_request", nlohmann::json::array()}};
  GuestsForTest next(DefaultConfig(), "");
  REQUIRE(next->Restore(saved.guests, {0}));
  std::string requests = "qemu_block_reads_total{interface=nvme,device=/images/disk.raw}";
  CHECK(next.Value(requests) > 0);
  CHECK(next.Value(requests) == first.Value(requests));
}

TEST_CASE("A log that does not come back keeps what it counted, and is saved again") {
  GuestsForTest first(DefaultConfig());
  first.Feed("ps2_put_keycode 0x55 keycode 0x1c\nps2_put_key");
  auto second = first.Resume(DefaultConfig());
  (*second)->OnOpen(5, 0, "/log/other.log", 0);
  auto third = second->Resume(DefaultConfig());
  (*third)->OnOpen(0, 0, kLog, 0);
  third->Feed("code 0x55 keycode 0xf0\n");
  CHECK(third->Value("qemu_trace_events_total{event=ps2_put_keycode}") == 2);
}

TEST_CASE("A log whose position is not known any more is closed, and what it had open is abandoned") {
  const std::string config =
      "spans: {element: {start: virtqueue_pop, end: virtqueue_fill, key: [vq, elem]}}\n"
      "metrics: [{name: elements, type: gauge, help: x, event: element, value: in_flight}]\n";
  GuestsForTest first(config);
  first.Feed("virtqueue_pop vq 0x1 elem 0x2 in_num 3 out_num 1\nvirtqueue_po");
  GuestsForTest next(config, "");
  REQUIRE(next->Restore(ThroughFile(*first).guests, {}));
  CHECK(next.Value("elements") == 0);
  CHECK(next.Value("qemu_trace_exporter_spans_abandoned_total{span=element}") == 1);
  CHECK(next.Value("qemu_trace_exporter_unparsed_lines_total{reason=partial_line}") == 1);
  CHECK(next.Value("qemu_trace_exporter_lines_total") == 1);
}

TEST_CASE("What the config no longer has is left out, what it has otherwise begins anew") {
  GuestsForTest first(DefaultConfig());
  first.Feed("ps2_put_keycode 0x55 keycode 0x1c\n");
  std::string config =
      "sources: [{path: /log/vm1.log}]\n"
      "metrics: [{name: qemu_keyboard_keycodes_total, type: counter, help: x, event: ps2_put_keycode,\n"
      "   labels: {code: keycode}}]\n";
  auto second = first.Resume(config);
  (*second)->OnOpen(0, 0, kLog, 0);
  CHECK(!second->Values().contains("qemu_keyboard_keycodes_total{code=1c}"));
  second->Feed("ps2_put_keycode 0x55 keycode 0x1c\n");
  CHECK(second->Value("qemu_keyboard_keycodes_total{code=1c}") == 1);
  CHECK(second->Value("qemu_trace_events_total{event=ps2_put_keycode}") == 2);
}

TEST_CASE("A payload that no Save made is an error") {
  GuestsForTest first(DefaultConfig());
  first.Feed(ReadFile("tests/data/traces/keys-7.2.log"));
  const nlohmann::json good = ThroughFile(*first).guests;
  auto is_refused = [](const nlohmann::json& broken) {
    GuestsForTest second(DefaultConfig(), "");
    return !second->Restore(broken, {0});
  };
  CHECK_FALSE(is_refused(good));
  for (const std::string where : {"/specs", "/guests", "/gone", "/samples", "/guests/0/labels", "/guests/0/families",
                                  "/guests/0/events", "/guests/0/counts", "/guests/0/processes", "/guests/0/logs",
                                  "/guests/0/counts/lines", "/guests/0/logs/0/id", "/guests/0/logs/0/process",
                                  "/guests/0/logs/0/partial", "/specs/0/name"}) {
    INFO(where);
    const nlohmann::json::json_pointer at(where);
    nlohmann::json broken = good;
    broken.at(at.parent_pointer()).erase(at.back());
    CHECK(is_refused(broken));
    if (where == "/guests/0/processes") continue;  // what one has told may be lost, but no count
    broken = good;
    broken[at] = {{"x", nullptr}};
    CHECK(is_refused(broken));
  }
  nlohmann::json broken = good;
  broken["guests"][0]["logs"][0]["process"] = 7;
  CHECK(is_refused(broken));
  broken = good;
  broken["guests"][0]["families"][0][0] = 99;
  CHECK(is_refused(broken));
  broken = good;
  broken["guests"][0]["logs"].push_back(broken["guests"][0]["logs"][0]);
  CHECK(is_refused(broken));
}

TEST_CASE("A reload right after a restart, before any log is open again, mixes no guests") {
  const char* config = "metrics: [{name: keys_total, type: counter, help: x, event: ps2_put_keycode}]\n";
  GuestsForTest first(config, "");
  for (source::StreamId id : {1U, 2U}) {
    first->OnOpen(id, 0, "/log/vm" + std::to_string(id) + ".log", 0);
    first.Feed("ps2_put_keycode 0x1 keycode 0x1c\n", std::string::npos, id);
  }
  auto second = first.Resume(config);
  second->Reload(config, {{1, 0}, {2, 0}});
  CHECK((*second)->guest_count() == 2);
  (*second)->OnOpen(1, 0, "/log/vm1.log", 0);
  (*second)->OnOpen(2, 0, "/log/vm2.log", 0);
  CHECK((*second)->guest_count() == 2);
  CHECK(second->Value("keys_total") == 2);
}

}  // namespace
}  // namespace qte::guests
