// qemu_block_requests_in_flight: the requests that are open when somebody looks, whatever became of their disk.
#include <string>

#include "guests/guests_for_test.h"

using namespace qte;
using guests::GuestsForTest;
using guests::Problems;

namespace {

const std::string kConfig = R"(
metrics:
  - {name: in_flight, type: gauge, event: block_requests_in_flight, value: requests,
     labels: {interface: interface, device: device}}
  - {name: busy, type: gauge, event: block_requests_in_flight, value: requests, where: {requests: {min: 2}}}
)";

const std::string kDisk =
    "5@100.000000:bdrv_open_common bs 0xb1 filename \"/a.img\" flags 0x0 format_name \"raw\"\n"
    "5@100.000000:blk_root_attach child 0xc1 blk 0xa1 bs 0xb1\n";
const std::string kOtherDriveOfIt =
    "5@100.000000:bdrv_open_common bs 0xb2 filename \"/a.img\" flags 0x0 format_name \"raw\"\n"
    "5@100.000000:blk_root_attach child 0xc2 blk 0xa2 bs 0xb2\n";

std::string Handle(int device, int request, int sector) {
  return "5@101.000000:virtio_blk_handle_read vdev 0x" + std::to_string(device) + " req 0x" + std::to_string(request) +
         " sector " + std::to_string(sector) + " nsectors 8\n";
}

std::string Read(int drive, int sector) {
  std::string number = std::to_string(drive);
  return "5@101.000000:blk_co_preadv blk 0xa" + number + " bs 0xb" + number + " offset " +
         std::to_string(sector * 512) + " bytes 4096 flags 0x0\n";
}

std::string Complete(int device, int request) {
  return "5@101.100000:virtio_blk_req_complete vdev 0x" + std::to_string(device) + " req 0x" + std::to_string(request) +
         " status 0\n";
}

const std::string kThreeOpen = kDisk + Handle(1, 10, 8) + Read(1, 8) + Handle(1, 11, 16) + Handle(1, 12, 32);
const std::string kSeries = "in_flight{interface=virtio-blk,device=/a.img}";

}  // namespace

TEST_CASE("Block requests in flight: what is open, and of how many disks") {
  GuestsForTest guests(kConfig);
  guests.Feed(kThreeOpen);
  CHECK(guests.Value(kSeries) == 3);
  CHECK(guests.Value("busy") == 3);
  guests.Feed(Complete(1, 10) + Complete(1, 11));
  CHECK(guests.Value(kSeries) == 1);
  CHECK(guests.Value("busy") == 0);
  guests.Feed(Complete(1, 12));
  CHECK(guests.Value(kSeries) == 0);
}

TEST_CASE("Block requests in flight: none of a QEMU that is gone") {
  GuestsForTest guests(kConfig);
  guests.Feed(kThreeOpen);
  CHECK(guests.Value(kSeries) == 3);
  SECTION("another one writes to its log") {
    guests->BeginProcess(0);
    CHECK(guests.Value(kSeries) == 0);
  }
  SECTION("libvirt says so") {
    guests.Feed("2026-11-23 04:41:06.310+0000: shutting down, reason=crashed\n");
    CHECK(guests.Value(kSeries) == 0);
  }
  SECTION("its log was removed") {
    guests->OnClose(0);
    CHECK(guests.Value(kSeries) == 0);
  }
}

TEST_CASE("Block requests in flight: two drives of one image have a series each") {
  const std::string other = "in_flight{interface=virtio-blk,device=/a.img#2}";
  GuestsForTest guests(kConfig);
  guests.Feed(kThreeOpen + kOtherDriveOfIt + Handle(2, 20, 8) + Read(2, 8));
  CHECK(guests.Value(kSeries) == 3);
  CHECK(guests.Value(other) == 1);
  guests.Feed(Complete(2, 20));
  CHECK(guests.Value(kSeries) == 3);
  CHECK(guests.Value(other) == 0);
}

TEST_CASE("Block requests in flight: a name that comes late takes them along") {
  GuestsForTest guests(kConfig);
  std::string read = R"(
10@100.100001:pci_nvme_io_cmd cid 1 nsid 0x1 sqid 1 opc 0x2 opname 'NVME_NVM_CMD_READ'
10@100.100002:dma_blk_io dbs=0xd2 bs=0xa2 offset=0 to_dev=0
10@100.100003:dma_blk_cb dbs=0xd2 ret=0
10@100.100004:blk_co_preadv blk 0xa2 bs 0xb2 offset 0 bytes 4096 flags 0x0
)";
  std::string end = R"(
10@100.100005:dma_blk_cb dbs=0xd2 ret=0
10@100.100006:dma_complete dbs=0xd2 ret=0 cb=0x1
10@100.100007:pci_nvme_rw_cb cid 1 blk 'nvme0'
)";
  guests.Feed(read);
  CHECK(guests.Value("in_flight{interface=nvme,device=0xa2}") == 1);
  guests.Feed(end);
  CHECK(guests.Value("in_flight{interface=nvme,device=0xa2}") == 0);
  guests.Feed(read);
  CHECK(guests.Value("in_flight{interface=nvme,device=0xa2}") == 0);
  CHECK(guests.Value("in_flight{interface=nvme,device=nvme0}") == 1);
}

TEST_CASE("Block requests in flight: they are a gauge's") {
  const std::string head = "metrics:\n";
  CHECK(Problems(head + "- {name: x_total, type: counter, event: block_requests_in_flight, value: requests}\n") ==
        "test.yaml:2:41: block_requests_in_flight goes up and down, so it needs `type: gauge`\n");
  CHECK(
      Problems(head + "- {name: x, type: gauge, event: [block_requests_in_flight, block_request], value: bytes}\n") ==
      "test.yaml:2:34: block_requests_in_flight is counted at each scrape; its gauge must have no other event\n");
}
