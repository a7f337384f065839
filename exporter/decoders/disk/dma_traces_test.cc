// The DMA decoder on logs of QEMU itself, against counts that are made another way: from the events of the device
// models, which say what the guest asked for.
#include "decoders/disk/device_models_for_test.h"

using namespace qte::decoders;

namespace {

Totals Decoded(const std::vector<std::string>& lines) {
  Replay replay("dma_request");
  replay.Play(lines);
  CHECK(replay.open() == 0);
  CHECK(replay.abandoned() == 0);
  Totals totals;
  std::map<std::string, size_t> starts;
  for (const std::string& text : replay.emitted) {
    char device[64];
    char direction[8];
    unsigned long bytes = 0;
    double seconds = -1;
    if (std::sscanf(text.c_str(), "dma_request %63s %7s %lu %lf", device, direction, &bytes, &seconds) == 4) {
      Total& total = totals[std::string(device) + " " + direction];
      ++total.requests;
      total.bytes += bytes;
      CHECK(seconds >= 0);
      CHECK(seconds < 1);
    } else {
      REQUIRE(std::sscanf(text.c_str(), "dma_request_start %63s %7s", device, direction) == 2);
      ++starts[std::string(device) + " " + direction];
    }
  }
  for (const auto& [key, total] : totals) CHECK(starts[key] == total.requests);
  CHECK(starts.size() == totals.size());
  return totals;
}

}  // namespace

TEST_CASE("DMA totals are what the device models were asked for") {
  struct Case {
    const char* trace;
    Totals (*count)(const std::vector<std::string>& lines);
    size_t requests;  // as `grep -c 'dma_blk_io.*offset=[0-9]'` says
  };
  auto c = GENERATE(Case{"ide-raw-5.2.log", OfIde, 15}, Case{"ide-raw-7.2.log", OfIde, 15},
                    Case{"ide-raw-11.1.log", OfIde, 13}, Case{"ide-trim-7.2.log", OfIde, 3},
                    Case{"nvme-7.2.log", OfNvme, 18}, Case{"virtio-scsi-7.2.log", OfScsi, 14},
                    Case{"ahci-2disk-parallel-7.2.log", OfAhci, 46});
  CAPTURE(c.trace);
  std::vector<std::string> lines = ReadTrace(c.trace);
  Totals decoded = Decoded(lines);
  Totals want = c.count(lines);
  size_t requests = 0;
  for (const auto& [key, total] : decoded) {
    CAPTURE(key);
    CHECK(total.requests == want[key].requests);
    CHECK(total.bytes == want[key].bytes);
    requests += total.requests;
  }
  CHECK(decoded == want);
  CHECK(requests == c.requests);
}

TEST_CASE("Without thread ids and times the bytes stay the same") {
  for (const char* trace : {"ide-raw-7.2.log", "nvme-7.2.log", "virtio-scsi-7.2.log", "ahci-2disk-parallel-7.2.log"}) {
    CAPTURE(trace);
    std::vector<std::string> lines = ReadTrace(trace);
    Replay with("dma_request");
    Replay without("dma_request");
    with.Play(lines);
    for (const std::string& line : lines) {
      size_t prefix = line.find(':');
      without.Play(prefix == line.npos ? line : line.substr(prefix + 1));
    }
    REQUIRE(with.emitted.size() == without.emitted.size());
    auto but_last = [](const std::string& text) { return text.substr(0, text.rfind(' ')); };
    for (size_t i = 0; i < with.emitted.size(); ++i) {
      bool has_duration = with.emitted[i].starts_with("dma_request ");
      if (has_duration) CHECK(without.emitted[i] == but_last(with.emitted[i]) + " -");
      if (!has_duration) CHECK(without.emitted[i] == with.emitted[i]);
    }
  }
}

// The log of snapshot, medium change and hot-plug has no DMA of its own, so one is slipped in after a line of it.
TEST_CASE("Backends keep the right name through snapshot, medium change and hot-plug") {
  struct Case {
    const char* name;
    const char* after;
    const char* backend;
    const char* want;
  };
  const Case cases[] = {
      {"throttle filter over the drive", "blk_root_attach child 0x557782a9cb90", "0x557782aab4c0", "/images/a.qcow2"},
      {"drive after the snapshot", "qmp_exit_blockdev_snapshot_sync", "0x557782aab4c0", "/images/a.qcow2"},
      {"changed medium", "blk_root_attach child 0x557781fc5040 blk 0x557781fddba0", "0x557781fddba0",
       "/images/cd2.raw"},
      {"file node of a snapshot, node pointer reused", "blk_root_attach child 0x557782de5550 blk 0x557782905c00",
       "0x557782905c00", "/images/snap.qcow2"},
      {"hot-plugged null-co has no file", "blk_root_attach child 0x557781fa7050", "0x557782905c00", "0x557782905c00"},
  };
  std::vector<std::string> lines = ReadTrace("graph-changes-7.2.log");
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Replay replay("dma_request");
    for (const std::string& line : lines) {
      replay.Play(line);
      if (line.find(c.after) == line.npos) continue;
      replay.Play("dma_blk_io dbs=0x1 bs=" + std::string(c.backend) + " offset=0 to_dev=0");
      replay.Play("dma_complete dbs=0x1 ret=0 cb=0x1");
      break;
    }
    CHECK(replay.emitted == std::vector<std::string>{"dma_request_start " + std::string(c.want) + " read",
                                                     "dma_request " + std::string(c.want) + " read - -"});
  }
}

TEST_CASE("A log of graph changes and PIO alone has no DMA") {
  Replay replay("dma_request");
  replay.Play(ReadTrace("graph-changes-7.2.log"));
  CHECK(replay.emitted.empty());
}
