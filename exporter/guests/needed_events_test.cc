// A config switches on the events of what it uses, and of no more.
#include <algorithm>
#include <string>
#include <vector>

#include "guests/guests_for_test.h"

using namespace qte;

namespace {

std::vector<std::string> NeededBy(const std::string& metric) {
  config::Loaded loaded = config::Parse("metrics: [" + metric + "]\n", "test.yaml");
  REQUIRE(loaded.config.has_value());
  rules::Compiled compiled = rules::Compile(*loaded.config, guests::BundledCatalog());
  REQUIRE(compiled.program != nullptr);
  return compiled.program->NeededEvents();
}

const std::vector<std::string> kDma = {"bdrv_open_common", "blk_co_preadv",  "blk_co_pwritev", "blk_root_attach",
                                       "blk_root_detach",  "dma_aio_cancel", "dma_blk_cb",     "dma_blk_io",
                                       "dma_complete",     "dma_map_wait"};

}  // namespace

TEST_CASE("Needed events: transfers by DMA need no front end's") {
  CHECK(NeededBy("{name: a_total, type: counter, event: dma_request_start}") == kDma);
  CHECK(NeededBy("{name: a_total, type: counter, event: dma_request, value: bytes}") == kDma);
}

TEST_CASE("Needed events: block requests need both, whichever of their events is used") {
  std::vector<std::string> needed = NeededBy("{name: a_total, type: counter, event: block_request}");
  CHECK(std::includes(needed.begin(), needed.end(), kDma.begin(), kDma.end()));
  for (const char* event : {"virtio_blk_handle_read", "pci_nvme_io_cmd", "scsi_req_build_sense", "ide_dma_cb"}) {
    CAPTURE(event);
    CHECK(std::find(needed.begin(), needed.end(), event) != needed.end());
  }
  CHECK(NeededBy("{name: a, type: gauge, event: block_requests_in_flight, value: requests}") == needed);
}

// NVMe's own lines count its requests in a log that has no events of DMA, but QEMU is not asked for both.
TEST_CASE("Needed events: what a decoder reads where a log has it is needed only if a rule uses it") {
  const std::string kRequests = "{name: a_total, type: counter, event: block_request}";
  auto needs = [](const std::string& metrics, const char* event) {
    std::vector<std::string> needed = NeededBy(metrics);
    return std::find(needed.begin(), needed.end(), event) != needed.end();
  };
  for (const char* event :
       {"pci_nvme_read", "pci_nvme_write", "pci_nvme_rw_complete_cb", "pci_nvme_enqueue_req_completion"}) {
    CAPTURE(event);
    CHECK(!needs(kRequests, event));
    CHECK(needs(kRequests + ", {name: b_total, type: counter, event: " + event + "}", event));
  }
}

TEST_CASE("Needed events: a log that has only a part of the disks' events tells what else to trace") {
  auto warnings = [](const std::string& lines, int times, guests::FirstLines::Input input) {
    guests::GuestsForTest guests(guests::DefaultConfig());
    for (int i = 0; i < times; ++i) guests.Feed(lines);
    std::string texts;
    for (const Warning& warning : guests->TakeUnread(input)) texts += warning.text + "\n";
    return texts;
  };
  using Input = guests::FirstLines::Input;
  const std::string kIo = "blk_co_preadv blk 0x1 bs 0x2 offset 0 bytes 4096 flags 0x0\n";
  for (const std::string line :
       {"pci_nvme_read cid 7 nsid 1 nlb 8 count 4096 lba 0x0\n", "dma_blk_io dbs=0xd1 bs=0x51 offset=0 to_dev=0\n",
        "virtio_blk_handle_read vdev 0x1 req 0x10 sector 0 nsectors 16\n",
        "ide_dma_cb IDEState 0x5; sector_num=8 n=8 cmd=DMA READ\n"}) {
    CAPTURE(line);
    const std::string text = warnings(line, 10, Input::kGoesOn);
    CHECK(text == "only a part of the disks' events is traced: there is " + line.substr(0, line.find(' ')) +
                      ", but no blk_co_preadv or blk_co_pwritev, so names and sizes are missing; switch on the events "
                      "that `qemu-trace-exporter qemu-args` prints\n");
    CHECK(warnings(line, 9, Input::kGoesOn).empty());
    CHECK(warnings(line, 1, Input::kHasEnded) == text);
    CHECK(warnings(line + kIo, 10, Input::kHasEnded).empty());
  }
  // Of a drive without a medium, maybe.
  const std::string kCommand = "scsi_req_parsed target 0 lun 0 tag 1 command 0 dir 0 length 0\n";
  CHECK(warnings(kCommand, 100, Input::kGoesOn).empty());
  CHECK(warnings(kCommand, 1, Input::kHasEnded).find("there is scsi_req_parsed") != std::string::npos);
  CHECK(warnings("bdrv_open_common bs 0x2 filename \"/a.img\" flags 0x0 format_name \"raw\"\n", 100, Input::kHasEnded)
            .empty());
}
