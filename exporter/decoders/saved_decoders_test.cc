// A decoder that is saved and restored at any point continues as if nothing had happened.
#include <algorithm>
#include <functional>
#include <random>

#include "decoders/replay_for_test.h"
#include "joins/saved_for_test.h"

using namespace qte::decoders;
using namespace qte::joins;
using qte::trace::Value;

namespace {

// Plays event `i` of a sequence.
using PlayEvent = std::function<void(Replay& replay, size_t i)>;

struct Sequence {
  const char* kind;
  size_t events;
  PlayEvent play;
  DecoderLimits limits = {};
};

// At every `step`-th event, passes the state to another decoder, which plays the rest.
void CheckSplits(const Sequence& sequence, size_t step) {
  Replay whole(sequence.kind, sequence.limits);
  for (size_t i = 0; i < sequence.events; ++i) sequence.play(whole, i);
  nlohmann::json end = whole.decoder().Save();

  Replay first(sequence.kind, sequence.limits);
  for (size_t split = 0; split <= sequence.events; ++split) {
    if (split % step == 0) {
      CAPTURE(sequence.kind, split);
      Replay second(sequence.kind, sequence.limits);
      second.decoder().Restore(ThroughCbor(first.decoder().Save()));
      REQUIRE(second.open() == first.open());
      REQUIRE(second.abandoned() == first.abandoned());
      second.emitted = first.emitted;
      for (size_t i = split; i < sequence.events; ++i) sequence.play(second, i);
      REQUIRE(second.emitted == whole.emitted);
      REQUIRE(second.open() == whole.open());
      REQUIRE(second.abandoned() == whole.abandoned());
      REQUIRE(second.decoder().Save() == end);
    }
    if (split < sequence.events) sequence.play(first, split);
  }
}

// The events of a log that the decoder reads.
std::vector<LogLine> EventsOf(const char* kind_name, const std::vector<std::string>& lines) {
  PartNamed part(kind_name);
  std::vector<LogLine> events;
  for (const std::string& text : lines) {
    LogLine line = ParseLogLine(text);
    bool reads = false;
    for (size_t which = 0; which < part.kind->inputs.size(); ++which) {
      reads = reads || (part.kind->inputs[which].event == line.event && part.Reads(which));
    }
    if (reads) events.push_back(std::move(line));
  }
  return events;
}

struct RandomEvent {
  size_t which = 0;
  std::vector<Value> args;
  int64_t time_us = kNoTime;
  uint64_t thread = kNoThread;
};

// A pointer, or another small number, with its own text.
Value SmallNumber(uint64_t number) {
  static constexpr std::array<std::string_view, 8> kTexts = {"(nil)", "0x1", "0x2", "0x3", "0x4", "0x5", "0x6", "0x7"};
  return Value::Unsigned(number, kTexts[number]);
}

std::vector<RandomEvent> RandomDmaEvents(size_t count) {
  std::mt19937 random(23);
  std::vector<RandomEvent> events(count);
  int64_t now = 1000;
  for (RandomEvent& event : events) {
    now += static_cast<int64_t>(random() % 8) - 1;  // sometimes goes back
    event.which = random() % 9;
    event.args = {SmallNumber(random() % 8), SmallNumber(random() % 8), SmallNumber(random() % 2),
                  SmallNumber(random() % 2), SmallNumber(random() % 4)};
    bool opens_node = event.which == 0;
    if (opens_node) event.args[1] = Value::Text(random() % 4 == 0 ? "" : "/\xff\xfe \"x\".img");
    if (random() % 8 != 0) event.time_us = now;
    event.thread = random() % 3;
  }
  return events;
}

}  // namespace

TEST_CASE("A restored decoder goes on as the saved one on QEMU's logs") {
  struct Case {
    const char* kind;
    const char* trace;
    size_t step;
  };
  auto c =
      GENERATE(Case{"dma_request", "nvme-7.2.log", 1}, Case{"dma_request", "ide-raw-5.2.log", 1},
               Case{"dma_request", "ide-raw-7.2.log", 1}, Case{"dma_request", "ide-raw-11.1.log", 1},
               Case{"dma_request", "ide-trim-7.2.log", 1}, Case{"dma_request", "ahci-2disk-parallel-7.2.log", 1},
               Case{"dma_request", "virtio-scsi-7.2.log", 1}, Case{"dma_request", "graph-changes-7.2.log", 1},
               Case{"block_request", "nvme-7.2.log", 1}, Case{"block_request", "ide-raw-5.2.log", 1},
               Case{"block_request", "ide-raw-7.2.log", 1}, Case{"block_request", "ide-raw-11.1.log", 1},
               Case{"block_request", "ide-trim-7.2.log", 1}, Case{"block_request", "ahci-2disk-parallel-7.2.log", 3},
               Case{"block_request", "virtio-scsi-7.2.log", 3}, Case{"block_request", "virtio-blk-7.2.log", 1},
               Case{"block_request", "graph-changes-7.2.log", 1}, Case{"keystroke", "keys-all-set1-7.2.log", 7},
               Case{"keystroke", "keys-all-set2-7.2.log", 7}, Case{"keystroke", "keys-all-set3-7.2.log", 7});
  CAPTURE(c.trace);
  std::vector<LogLine> events = EventsOf(c.kind, ReadTrace(c.trace));
  REQUIRE(events.size() > 20);
  CheckSplits({c.kind, events.size(), [&](Replay& replay, size_t i) { replay.Play(events[i]); }}, c.step);
}

TEST_CASE("A restored decoder goes on as the saved one on a log of NVMe alone") {
  std::vector<std::string> lines = ReadTrace("nvme-7.2.log");
  std::erase_if(lines, [](const std::string& line) { return line.find(":pci_nvme_") == line.npos; });
  std::vector<LogLine> events = EventsOf("block_request", lines);
  CheckSplits({"block_request", events.size(), [&](Replay& replay, size_t i) { replay.Play(events[i]); }}, 1);
}

TEST_CASE("A restored decoder goes on as the saved one when logs follow each other in one source") {
  std::vector<LogLine> events;
  for (const char* trace : {"ahci-2disk-parallel-7.2.log", "ide-raw-5.2.log", "virtio-scsi-7.2.log"}) {
    // Cut the end of each, so that requests stay open.
    std::vector<LogLine> more = EventsOf("dma_request", ReadTrace(trace));
    events.insert(events.end(), more.begin(), more.end() - 3);
  }
  DecoderLimits limits = {.max_open = 3, .max_names = 3};
  CheckSplits({"dma_request", events.size(), [&](Replay& replay, size_t i) { replay.Play(events[i]); }, limits}, 7);
}

TEST_CASE("A restored decoder goes on as the saved one under random DMA events") {
  std::vector<RandomEvent> events = RandomDmaEvents(1500);
  auto play = [&](Replay& replay, size_t i) {
    const RandomEvent& event = events[i];
    replay.decoder().OnEvent({event.which, event.args, event.time_us, event.thread}, replay);
    if (i % 400 == 399) replay.decoder().Reset();
  };
  CheckSplits({"dma_request", events.size(), play, {}}, 7);
  CheckSplits({"dma_request", events.size(), play, {.max_open = 3, .max_names = 3, .max_open_age_us = 40}}, 7);
}

TEST_CASE("A restored decoder goes on as the saved one under random block events") {
  std::mt19937 random(43);
  const DecoderKind& kind = *PartNamed("block_request").kind;
  std::vector<RandomEvent> events(1500);
  int64_t now = 1000;
  for (RandomEvent& event : events) {
    now += static_cast<int64_t>(random() % 8) - 1;
    event.which = random() % kind.inputs.size();
    for (std::string_view argument : kind.inputs[event.which].arguments) {
      Value value = SmallNumber(random() % 4);
      if (argument == "filename") value = Value::Text(random() % 4 == 0 ? "" : "/\xff\xfe \"x\".img");
      if (argument == "dma") value = Value::Text(random() % 2 == 0 ? "DMA READ" : "DMA WRITE");
      if (argument == "cmd") value = Value::Unsigned(std::array{40, 42, 53, 0x60, 0x61, 0xec}[random() % 6]);
      event.args.push_back(value);
    }
    if (random() % 8 != 0) event.time_us = now;
    event.thread = random() % 3;
  }
  auto play = [&](Replay& replay, size_t i) {
    const RandomEvent& event = events[i];
    replay.decoder().OnEvent({event.which, event.args, event.time_us, event.thread}, replay);
    if (i % 400 == 399) replay.decoder().Reset();
  };
  CheckSplits({"block_request", events.size(), play, {}}, 7);
  CheckSplits({"block_request", events.size(), play, {.max_open = 3, .max_names = 3, .max_open_age_us = 40}}, 7);
}

TEST_CASE("A restored decoder goes on as the saved one under random key codes") {
  std::mt19937 random(29);
  constexpr std::array<uint64_t, 12> kTelling = {0xe0, 0xe1, 0xf0, 0x14, 0x77, 0x1d,
                                                 0x45, 0x12, 0x2a, 0x70, 0xf2, 0x9d};
  std::vector<std::array<Value, 2>> events(1500);
  for (auto& event : events) {
    bool telling = random() % 2 == 0;
    uint64_t byte = telling ? kTelling[random() % kTelling.size()] : random() % 256;
    event = {SmallNumber(random() % 4), Value::Unsigned(byte, "0x1")};
  }
  auto play = [&](Replay& replay, size_t i) { replay.decoder().OnEvent({0, events[i], kNoTime, kNoThread}, replay); };
  CheckSplits({"keystroke", events.size(), play, {}}, 7);
  CheckSplits({"keystroke", events.size(), play, {.max_names = 2}}, 7);
}

TEST_CASE("Restore replaces what was there") {
  Replay used("dma_request");
  used.Play("bdrv_open_common bs 0xb9 filename \"/old.img\" flags 0x0 format_name \"raw\"");
  used.Play("dma_blk_io dbs=0xd9 bs=0xa9 offset=0 to_dev=0");
  nlohmann::json fresh = Replay("dma_request").decoder().Save();
  used.decoder().Restore(fresh);
  CHECK(used.decoder().Save() == fresh);
  CHECK(used.open() == 0);
  CHECK(used.abandoned() == 0);
}

TEST_CASE("What is restored above a limit is dropped as by events") {
  const std::vector<std::string> lines = {
      "7@1.000000:dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=0",
      "7@1.000001:dma_blk_cb dbs=0xd1 ret=0",
      "7@2.000000:dma_blk_io dbs=0xd2 bs=0xa1 offset=0 to_dev=0",
      "7@2.000001:dma_blk_cb dbs=0xd2 ret=0",
      "7@3.000000:dma_blk_io dbs=0xd3 bs=0xa1 offset=0 to_dev=1",
      "7@3.000000:bdrv_open_common bs 0xb1 filename \"/a.img\" flags 0x0 format_name \"raw\"",
      "7@3.000000:bdrv_open_common bs 0xb2 filename \"/b.img\" flags 0x0 format_name \"raw\"",
      "7@3.000000:blk_root_attach child 0xc1 blk 0xa1 bs 0xb1",
      "7@3.000000:blk_root_attach child 0xc2 blk 0xa2 bs 0xb2",
  };
  Replay wide("dma_request");
  wide.Play(lines);
  CHECK(wide.open() == 3);
  for (size_t limit = 1; limit <= 4; ++limit) {
    CAPTURE(limit);
    DecoderLimits limits = {.max_open = limit, .max_names = limit};
    Replay by_events("dma_request", limits);
    by_events.Play(lines);
    Replay restored("dma_request", limits);
    restored.decoder().Restore(ThroughCbor(wide.decoder().Save()));
    CHECK(restored.decoder().Save() == by_events.decoder().Save());
    CHECK(restored.open() == std::min<size_t>(limit, 3));
    CHECK(restored.abandoned() == 3 - std::min<size_t>(limit, 3));
  }
}

TEST_CASE("What is restored above an age is dropped at the next event") {
  Replay patient("dma_request");
  patient.Play("7@1.000000:dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=0");
  Replay hasty("dma_request", {.max_open_age_us = 1'000'000});
  hasty.decoder().Restore(ThroughCbor(patient.decoder().Save()));
  CHECK(hasty.open() == 1);
  hasty.Play("7@2.500000:dma_blk_cb dbs=0xd2 ret=0");
  CHECK(hasty.open() == 0);
  CHECK(hasty.abandoned() == 1);
}
