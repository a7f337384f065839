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
