// State that Save() cannot have made: Restore rejects it or accepts it within the limits, and never crashes.
#include <functional>
#include <limits>
#include <memory>

#include "decoders/replay_for_test.h"
#include "joins/lookup_table.h"
#include "joins/saved_for_test.h"
#include "joins/span_table.h"

using namespace qte::decoders;
using namespace qte::joins;
using nlohmann::json;
using qte::trace::Value;

namespace {

// A decoder or table with at least one entry of every kind.
struct Subject {
  std::function<json()> save;
  std::function<void(const json&)> restore;
  std::function<void()> reset;
  std::function<void()> use;  // calls every operation and checks the limits
};

const DecoderLimits kLimits = {.max_open = 3, .max_names = 3};

Subject OfReplay(const char* kind, const std::vector<std::string>& lines) {
  auto replay = std::make_shared<Replay>(kind, kLimits);
  replay->Play(lines);
  return {[=] { return replay->decoder().Save(); }, [=](const json& state) { replay->decoder().Restore(state); },
          [=] { replay->decoder().Reset(); },
          [=] {
            CHECK(replay->open() <= kLimits.max_open);
            replay->Play(lines);
            CHECK(replay->open() <= kLimits.max_open);
            replay->decoder().Reset();
          }};
}

Subject MakeDma() {
  return OfReplay(
      "dma_request",
      {"7@1.000000:bdrv_open_common bs 0xb1 filename \"/a.img\" flags 0x0 format_name \"raw\"",
       "7@1.000000:bdrv_open_common bs 0xb2 filename \"/b.img\" flags 0x0 format_name \"raw\"",
       "7@1.000000:blk_root_attach child 0xc1 blk 0xa1 bs 0xb1",
       "7@1.000000:dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=0", "7@1.000001:dma_blk_cb dbs=0xd1 ret=0",
       "7@1.000002:blk_co_preadv blk 0xa1 bs 0xb1 offset 0 bytes 512 flags 0x0",
       "7@1.000003:dma_complete dbs=0xd1 ret=0 cb=0x1", "7@1.000004:dma_blk_io dbs=0xd2 bs=0xa1 offset=0 to_dev=0",
       "7@1.000004:dma_blk_io dbs=0xd3 bs=0xa2 offset=512 to_dev=1", "dma_blk_cb dbs=0xd2 ret=0",
       "7@1.000005:dma_blk_cb dbs=0xd3 ret=0"});
}

// The decoder of block requests bounds each of its tables by itself.
Subject MakeBlock() {
  const std::vector<std::string> lines = {
      "7@1.000000:bdrv_open_common bs 0xb1 filename \"/a.img\" flags 0x0 format_name \"raw\"",
      "7@1.000000:blk_root_attach child 0xc1 blk 0xa1 bs 0xb1",
      "7@1.000000:ide_dma_cb IDEState 0x5; sector_num=0 n=1 cmd=DMA READ",
      "7@1.000000:dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=0",
      "7@1.000001:dma_blk_cb dbs=0xd1 ret=0",
      "7@1.000001:virtqueue_pop vq 0x5 elem 0x11 in_num 1 out_num 1",
      "7@1.000001:virtio_blk_handle_read vdev 0x1 req 0x10 sector 8 nsectors 1",
      "7@1.000002:blk_co_preadv blk 0xa2 bs 0xb2 offset 4096 bytes 512 flags 0x0",
      "7@1.000002:virtio_blk_handle_read vdev 0x2 req 0x12 sector 0 nsectors 1",
      "7@1.000003:scsi_req_parsed target 1 lun 0 tag 1 command 40 dir 1 length 512",
      "7@1.000003:scsi_req_continue target 1 lun 0 tag 1",
      "7@1.000004:ide_exec_cmd IDE exec cmd: bus 0x7; state 0x5; cmd 0xec",
      "7@1.000005:pci_nvme_enqueue_req_completion cid 0 cqid 0 dw0 0x0 dw1 0x0 status 0x0",
      "7@1.000005:pci_nvme_read cid 7 nsid 1 nlb 1 count 512 lba 0x99",
      "7@1.000005:pci_nvme_read cid 7 nsid 1 nlb 1 count 512 lba 0x98",
      "7@1.000006:pci_nvme_read cid 8 nsid 1 nlb 1 count 512 lba 0x97",
      "7@1.000007:pci_nvme_rw_complete_cb cid 7 blk 'd0'"};
  auto replay = std::make_shared<Replay>("block_request", kLimits);
  replay->Play(lines);
  return {[=] { return replay->decoder().Save(); }, [=](const json& state) { replay->decoder().Restore(state); },
          [=] { replay->decoder().Reset(); },
          [=] {
            CHECK(replay->open() <= 4 * kLimits.max_open);
            replay->Play(lines);
            CHECK(replay->open() <= 4 * kLimits.max_open);
            replay->decoder().Reset();
          }};
}

Subject MakeKeystroke() {
  return OfReplay("keystroke", {"ps2_put_keycode 0x1 keycode 0x1c", "ps2_put_keycode 0x1 keycode 0xe0",
                                "ps2_put_keycode 0x2 keycode 0x1e", "ps2_put_keycode 0x2 keycode 0x9e",
                                "ps2_put_keycode 0x2 keycode 0xe1", "ps2_put_keycode 0x2 keycode 0x1d"});
}

Subject MakeKeyPress() {
  return OfReplay("key_press", {"input_event_key_qcode con 0, key qcode a, down 1",
                                "input_event_key_qcode con 0, key qcode b, down 1",
                                "input_event_key_number con -1, key number 0x1e [a], down 1"});
}

Subject MakeLookup() {
  auto table = std::make_shared<LookupTable>(2);
  for (const char* key : {"a", "b", "c"}) table->Learn(key, "of \xff");
  return {[=] { return table->Save(); }, [=](const json& state) { table->Restore(state); }, [=] { table->Clear(); },
          [=] {
            for (const char* key : {"b", "d", "e", "f"}) {
              CHECK(table->size() <= 2);
              table->Find(key);
              table->Learn(key, "x");
            }
          }};
}

Subject MakeSpans() {
  auto table = std::make_shared<SpanTable>(SpanLimits{.max_open = 3, .max_age_us = 100});
  std::array<Value, 4> saved = {Value::Text("disk"), Value::Signed(-5, "-5"), Value::Real(0.5), Value()};
  for (const char* key : {"a", "b", "b", "c"}) table->Start(key, 10, saved);
  return {[=] { return table->Save(); }, [=](const json& state) { table->Restore(state); }, [=] { table->Clear(); },
          [=] {
            std::array<Value, 4> ended;
            Value duration;
            CHECK(table->open() <= 3);
            if (table->End("b", 20, ended, duration)) {
              for (const Value& value : ended) CHECK(std::string(value.text()).size() == value.size);
            }
            for (const char* key : {"a", "d", "e"}) table->Start(key, 1'000, {});
            CHECK(table->open() <= 3);
          }};
}

struct SubjectKind {
  const char* name;
  Subject (*make)();
};

SubjectKind AnyKind() {
  return GENERATE(SubjectKind{"dma_request", MakeDma}, SubjectKind{"block_request", MakeBlock},
                  SubjectKind{"keystroke", MakeKeystroke}, SubjectKind{"key_press", MakeKeyPress},
                  SubjectKind{"lookup", MakeLookup}, SubjectKind{"spans", MakeSpans});
}

// True if `state` was rejected; the subject is then as after a reset. In any case it can still be used.
bool Refuses(const SubjectKind& kind, const json& state) {
  Subject subject = kind.make();
  bool refused = false;
  try {
    subject.restore(state);
  } catch (const json::exception&) {
    refused = true;
  } catch (const std::runtime_error&) {
    refused = true;
  }
  if (refused) {
    Subject reset = kind.make();
    reset.reset();
    REQUIRE(subject.save() == reset.save());
  } else {
    // The accepted state is valid: it can be saved and restored again.
    Subject again = kind.make();
    again.restore(ThroughCbor(subject.save()));
    REQUIRE(again.save() == subject.save());
  }
  subject.use();
  return refused;
}

std::vector<json::json_pointer> PlacesIn(const json& state) {
  std::vector<json::json_pointer> places = {json::json_pointer()};
  for (size_t i = 0; i < places.size(); ++i) {
    const json::json_pointer parent = places[i];
    const json& at = state.at(parent);
    if (at.is_object()) {
      for (const auto& [key, value] : at.items()) places.push_back(parent / key);
    }
    for (size_t row = 0; at.is_array() && row < at.size(); ++row) places.push_back(parent / row);
  }
  return places;
}

bool SameType(const json& a, const json& b) {
  return (a.is_number_integer() && b.is_number_integer()) || a.type() == b.type();
}

}  // namespace

TEST_CASE("Every field refuses every other type, and takes or refuses any value of its own") {
  SubjectKind kind = AnyKind();
  const json saved = ThroughCbor(kind.make().save());
  json nested = json::array();
  for (int depth = 0; depth < 100; ++depth) nested = json::array({nested});
  const std::vector<json> values = {nullptr,
                                    true,
                                    0,
                                    1,
                                    -1,
                                    4,
                                    128,
                                    256,
                                    UINT64_MAX,
                                    INT64_MAX,
                                    INT64_MIN,
                                    1.0,
                                    1e300,
                                    std::numeric_limits<double>::quiet_NaN(),
                                    "",
                                    "0x1",
                                    std::string(100'000, '\xff'),
                                    json::array(),
                                    json::object(),
                                    json::binary({1, 2}),
                                    nested,
                                    std::vector<int>(10'000, 1),
                                    std::vector<std::string>(4, "x")};
  CAPTURE(kind.name);
  for (const json::json_pointer& place : PlacesIn(saved)) {
    for (const json& value : values) {
      json state = saved;
      state[place] = value;
      bool refused = Refuses(kind, state);
      CAPTURE(place.to_string(), value.dump(-1, ' ', false, json::error_handler_t::replace).substr(0, 50));
      if (!SameType(value, saved.at(place))) CHECK(refused);
    }
  }
}

TEST_CASE("A missing field is refused; rows that are missing or doubled do no harm") {
  SubjectKind kind = AnyKind();
  const json saved = ThroughCbor(kind.make().save());
  CAPTURE(kind.name);
  for (const json::json_pointer& place : PlacesIn(saved)) {
    if (place.empty()) continue;
    CAPTURE(place.to_string());
    json without = saved;
    json& parent = without[place.parent_pointer()];
    if (parent.is_object()) {
      parent.erase(place.back());
      CHECK(Refuses(kind, without));
      continue;
    }
    parent.erase(std::stoul(place.back()));
    Refuses(kind, without);
    json doubled = saved;
    doubled[place.parent_pointer()].push_back(saved.at(place));
    Refuses(kind, doubled);
  }
}

TEST_CASE("Rows with the key of another are refused") {
  struct Case {
    SubjectKind kind;
    const char* list;
  };
  auto c = GENERATE(
      Case{{"dma_request", MakeDma}, "/devices/names/nodes"}, Case{{"dma_request", MakeDma}, "/devices/names/attached"},
      Case{{"dma_request", MakeDma}, "/dma/dma/requests"}, Case{{"dma_request", MakeDma}, "/dma/dma/awaiting"},
      Case{{"keystroke", MakeKeystroke}, "/keyboards"}, Case{{"key_press", MakeKeyPress}, "/down"},
      Case{{"lookup", MakeLookup}, "/entries"},
      Case{{"spans", MakeSpans}, "/spans"});
  CAPTURE(c.kind.name, c.list);
  json saved = c.kind.make().save();
  json& list = saved.at(json::json_pointer(c.list));
  REQUIRE(list.is_array());
  json last = list.back();
  list.push_back(last);
  CHECK(Refuses(c.kind, saved));
}

TEST_CASE("A request that awaits and is not open is refused") {
  json saved = MakeDma().save();
  saved.at("dma").at("dma").at("awaiting").push_back(0xdddd);
  CHECK(Refuses({"dma_request", MakeDma}, saved));
}

TEST_CASE("Far more than the limits allow is cut to them") {
  json lookup = MakeLookup().save();
  json spans = MakeSpans().save();
  json dma = MakeDma().save();
  json keys = MakeKeystroke().save();
  const json request = dma["dma"]["dma"]["requests"][0];
  for (uint64_t i = 0; i < 20'000; ++i) {
    std::string key = "k" + std::to_string(i);
    lookup["entries"].push_back(json::array({key, "x"}));
    spans["spans"].push_back(json::array({key, 10, json::array()}));
    keys["keyboards"].push_back({i + 0x1000, keys["keyboards"][0][1]});
    dma["devices"]["names"]["files"].push_back({i + 0x1000, "x"});
    dma["dma"]["dma"]["requests"].push_back(request);
    dma["dma"]["dma"]["requests"].back()[0] = i + 0x1000;
    dma["dma"]["dma"]["awaiting"].push_back(i + 0x1000);
  }
  CHECK_FALSE(Refuses({"lookup", MakeLookup}, lookup));
  CHECK_FALSE(Refuses({"spans", MakeSpans}, spans));
  CHECK_FALSE(Refuses({"keystroke", MakeKeystroke}, keys));
  CHECK_FALSE(Refuses({"dma_request", MakeDma}, dma));
}

TEST_CASE("Bytes that are cut off, changed or doubled do no harm") {
  SubjectKind kind = AnyKind();
  CAPTURE(kind.name);
  const std::vector<uint8_t> bytes = json::to_cbor(kind.make().save());
  size_t read = 0;
  auto try_bytes = [&](const std::vector<uint8_t>& changed) {
    json state;
    try {
      state = json::from_cbor(changed);
    } catch (const json::exception&) {
      return;
    }
    ++read;
    Refuses(kind, state);
  };
  for (size_t size = 0; size < bytes.size(); ++size) {
    try_bytes({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)});
  }
  CHECK(read == 0);  // no part of it is whole
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::vector<uint8_t> changed = bytes;
      changed[i] ^= static_cast<uint8_t>(1 << bit);
      try_bytes(changed);
    }
  }
  CHECK(read > bytes.size());
}

TEST_CASE("Of a key that stands twice in the bytes, one is read") {
  SubjectKind kind = AnyKind();
  CAPTURE(kind.name);
  const json saved = kind.make().save();
  std::vector<uint8_t> bytes = json::to_cbor(saved);
  ++bytes[0];  // a map of one more
  for (const json& part : {json(saved.begin().key()), saved.begin().value()}) {
    std::vector<uint8_t> more = json::to_cbor(part);
    bytes.insert(bytes.end(), more.begin(), more.end());
  }
  const json doubled = json::from_cbor(bytes);
  CHECK(doubled == saved);
  CHECK_FALSE(Refuses(kind, doubled));
}
