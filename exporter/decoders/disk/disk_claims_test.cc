// Whose a read or write is where several could have asked for it.
#include "decoders/disk/block_cases_for_test.h"

using namespace qte::decoders;

namespace {

const Lines kScsiRead = {"10@100.100000:scsi_req_parsed target 0 lun 0 tag 1 command 40 dir 1 length 4096",
                         "10@100.100001:scsi_req_continue target 0 lun 0 tag 1",
                         "10@100.100002:dma_blk_io dbs=0xd1 bs=0x51 offset=0 to_dev=0",
                         "10@100.100003:dma_blk_cb dbs=0xd1 ret=0"};
const Lines kScsiPart = {"10@100.100006:" + ReadOf("0xa1", "0xb1", "offset 0 bytes 4096")};
const Lines kScsiEnd = {"10@100.100007:dma_blk_cb dbs=0xd1 ret=0", "10@100.100008:dma_complete dbs=0xd1 ret=0 cb=0x1",
                        "10@100.100008:scsi_req_dequeue target 0 lun 0 tag 1"};
const Lines kScsi = kScsiRead + kScsiPart + kScsiEnd;
const Lines kScsiFlush = {"10@100.400000:scsi_req_parsed target 0 lun 0 tag 1 command 53 dir 0 length 0",
                          "10@100.400000:scsi_req_dequeue target 0 lun 0 tag 1"};

const Lines kVirtioRead = {"20@100.100004:virtio_blk_handle_read vdev 0x1 req 0x10 sector 0 nsectors 16"};
const Lines kVirtioPart = {"20@100.100005:" + ReadOf("0xa2", "0xb2", "offset 0 bytes 8192")};
const Lines kVirtioEnd = {"20@100.100005:virtio_blk_req_complete vdev 0x1 req 0x10 status 0"};
const Lines kVirtio = kVirtioRead + kVirtioPart + kVirtioEnd;

Lines WithoutThreads(Lines lines) {
  for (std::string& line : lines) {
    size_t prefix = line.find(':');
    if (line.find('@') < prefix) line = line.substr(prefix + 1);
  }
  return lines;
}

Lines SameThreads(Lines lines) {
  for (std::string& line : lines) {
    if (size_t at = line.find('@'); at == 2) line.replace(0, 2, "10");
  }
  return lines;
}

// The requests of SCSI and of virtio as they end, without times.
Lines Requests(const Lines& lines, const char* part = "block_request") {
  Replay replay(part);
  replay.Play(lines);
  Lines requests;
  for (const std::string& text : replay.emitted) {
    std::istringstream words(text);
    std::string event, interface, device, more;
    words >> event >> interface >> device;
    if (interface == "scsi" && device == "target") words >> more >> more >> more;
    std::string direction, bytes;
    words >> direction >> bytes;
    requests.push_back(interface + " " + device + " " + direction + " " + bytes);
  }
  return requests;
}

}  // namespace

TEST_CASE("A SCSI transfer that awaits its part leaves a virtio disk's alone") {
  const Lines want = {"scsi /a.img read 4096", "virtio-blk /b read 8192"};
  const Lines disks = kDiskA + Lines{"bdrv_open_common bs 0xb2 filename \"/b\" flags 0x0 format_name \"raw\"",
                                     "blk_root_attach child 0xc2 blk 0xa2 bs 0xb2"};
  const Lines later = kScsi + kVirtio + kScsiFlush;
  const Lines want_later = {"scsi /a.img read 4096", "virtio-blk /b read 8192", "scsi /a.img flush -"};
  struct Order {
    const char* name;
    Lines lines;
  };
  for (const Order& order : {
           Order{"theirs first", kScsiRead + kVirtioRead + kVirtioPart + kScsiPart + kScsiEnd + kVirtioEnd},
           Order{"ours first", kScsiRead + kVirtioRead + kScsiPart + kVirtioPart + kScsiEnd + kVirtioEnd},
           Order{"announced first", kVirtioRead + kScsiRead + kVirtioPart + kScsiPart + kScsiEnd + kVirtioEnd},
           Order{"between", kVirtioRead + kScsiRead + kScsiPart + kVirtioPart + kScsiEnd + kVirtioEnd},
       }) {
    CAPTURE(order.name);
    CHECK(Requests(disks + order.lines + later) == want + want_later);
  }
  // One thread makes a request of the block layer before it turns to another, unless that is held back.
  CHECK(Requests(disks + SameThreads(kScsiRead + kVirtioRead + kVirtioPart + kScsiPart + kScsiEnd + kVirtioEnd)) ==
        want);
  CHECK(Requests(disks + SameThreads(kVirtio + kScsi)) == Lines{want[1], want[0]});
}

TEST_CASE("Without threads, a SCSI transfer and a virtio disk at one offset teach nothing wrong") {
  const Lines disks = kDiskA + Lines{"bdrv_open_common bs 0xb2 filename \"/b\" flags 0x0 format_name \"raw\"",
                                     "blk_root_attach child 0xc2 blk 0xa2 bs 0xb2"};
  for (const Lines& lines : {kScsiRead + kVirtioRead + kVirtioPart + kScsiPart + kScsiEnd + kVirtioEnd,
                             kVirtioRead + kScsiRead + kVirtioPart + kScsiPart + kScsiEnd + kVirtioEnd}) {
    Lines requests = Requests(WithoutThreads(disks + lines + kScsi + kVirtio + kScsiFlush));
    REQUIRE(requests.size() == 5);
    CHECK(requests[0].find("/b ") == std::string::npos);
    CHECK(requests[1].find("/a.img ") == std::string::npos);
    CHECK(requests[2] == "scsi /a.img read 4096");
    CHECK(requests[3] == "virtio-blk /b read 8192");
    CHECK(requests[4] == "scsi /a.img flush -");
  }
}

TEST_CASE("A transfer that names its backend comes before one that names none") {
  Lines lines = kDiskA + kDiskB +
                Lines{"pci_nvme_io_cmd cid 1 nsid 0x1 sqid 1 opc 0x2 opname 'NVME_NVM_CMD_READ'",
                      "dma_blk_io dbs=0xd2 bs=0xa2 offset=0 to_dev=0", "dma_blk_cb dbs=0xd2 ret=0"} +
                WithoutThreads(kScsiRead) + Lines{ReadOf("0xa2", "0xb2", "offset 0 bytes 131072")} +
                WithoutThreads(kScsiPart) + Lines{"dma_complete dbs=0xd2 ret=0 cb=0x1"} + WithoutThreads(kScsiEnd);
  Check({"NVMe and SCSI", lines, {"nvme /b c.img read 131072 - ok", "scsi /a.img read 4096 - ok"}});
  Replay replay("dma_request");
  replay.Play(lines);
  CHECK(replay.emitted == Lines{"dma_request_start /b c.img read", "dma_request_start /a.img read",
                                "dma_request /b c.img read 131072 -", "dma_request /a.img read 4096 -"});
}

TEST_CASE("A backend that transfers name is no SCSI disk's, be no front end traced") {
  Replay replay("dma_request");
  replay.Play(kDiskA + kDiskB + Dma("0xa2", "0xb2", 512, 512) + WithoutThreads(kScsiRead) +
              Lines{ReadOf("0xa2", "0xb2", "offset 0 bytes 512")} + WithoutThreads(kScsiPart + kScsiEnd));
  CHECK(replay.emitted.back() == "dma_request /a.img read 4096 -");
}

TEST_CASE("TRIM leaves programmed I/O at its offset alone") {
  const Lines kTrim = {"5@101.000000:dma_blk_io dbs=0xd1 bs=0x51 offset=4096 to_dev=1",
                       "5@101.000001:dma_blk_cb dbs=0xd1 ret=0"};
  const Lines kPio = {"5@101.100000:ide_sector_write sector=8 nsectors=1",
                      "5@101.100001:blk_co_pwritev blk 0xa1 bs 0xb1 offset 4096 bytes 512 flags 0x0"};
  const Lines kRest = {"5@101.200001:dma_blk_cb dbs=0xd1 ret=0",
                       "5@101.300000:dma_complete dbs=0xd1 ret=0 cb=0x1",
                       "5@102.000000:ide_dma_cb IDEState 0x5; sector_num=16 n=8 cmd=DMA READ",
                       "5@102.000000:dma_blk_io dbs=0xd1 bs=0xa1 offset=8192 to_dev=0",
                       "5@102.000000:dma_blk_cb dbs=0xd1 ret=0",
                       "5@102.000000:" + ReadOf("0xa1", "0xb1", "offset 8192 bytes 4096"),
                       "5@102.000000:dma_complete dbs=0xd1 ret=0 cb=0x1"};
  Check(
      {"with the LBA bit", kDiskA + kTrim + kPio + kRest, {"ide /a.img write 512 - ok", "ide /a.img read 4096 0 ok"}});
  // What is written there without announcement is none of its parts either.
  const Lines kAnnounced = {"5@100.900000:ide_dma_cb IDEState 0x51; sector_num=8 n=1 cmd=DMA TRIM"};
  const Lines kOther = {"5@101.100001:blk_co_pwritev blk 0xa1 bs 0xb1 offset 4096 bytes 512 flags 0x0"};
  Check({"announced", kDiskA + kAnnounced + kTrim + kOther + kRest, {"ide 0x51 unmap - - ok", "ide /a.img read 4096 0 ok"}});
}

TEST_CASE("Names of any length keep drives apart") {
  Lines lines;
  for (const char* drive : {"1", "2"}) {
    std::string backend = std::string("0xa") + drive;
    lines = lines + Lines{"pci_nvme_io_cmd cid 1 nsid 0x1 sqid 1 opc 0x2 opname 'NVME_NVM_CMD_READ'"} +
            Dma(backend, "0xb2", 0, 4096) +
            Lines{"pci_nvme_rw_cb cid 1 blk 'production-database-volume-0" + std::string(drive) + "'"};
  }
  Check({"NVMe",
         lines,
         {"nvme production-database-volume-01 read 4096 - ok", "nvme production-database-volume-02 read 4096 - ok"}});
}

TEST_CASE("A log that begins late with a SCSI transfer knows the unit's disk from its part") {
  Check({"the first line is a transfer's",
         kScsi + kScsiFlush,
         {"scsi 0xa1 read 4096 6e-06 ok", "scsi 0xa1 flush - 0 ok"}});
  Check({"nothing of the block layer is traced",
         kScsiRead + kScsiEnd + kScsiFlush,
         {"scsi target 0 lun 0 read - 6e-06 ok", "scsi target 0 lun 0 flush - 0 ok"}});
}

TEST_CASE("A log that begins late: a disk plugged in since makes no SCSI disks of those before") {
  const Lines kIde = {"ide_dma_cb IDEState 0x5; sector_num=8 n=8 cmd=DMA READ"};
  Check({"IDE", kDiskB + kIde + Dma("0xa1", "0xb1", 4096, 4096), {"ide 0xa1 read 4096 - ok"}});
}

TEST_CASE("The end of a late log of virtio-scsi has one disk") {
  Lines lines = ReadTrace("virtio-scsi-7.2.log");
  lines.erase(lines.begin(), lines.end() - 600);
  Replay replay("block_request");
  replay.Play(lines);
  REQUIRE(replay.emitted.size() > 2);
  std::string backend;
  for (const std::string& text : replay.emitted) {
    std::istringstream words(text);
    std::string event, interface, device;
    words >> event >> interface >> device;
    CHECK(interface == "scsi");
    if (backend.empty()) backend = device;
    CHECK(device == backend);
  }
}

TEST_CASE("What a backend's interface is known to be stays so until it is detached") {
  const Lines kVirtioRequest = {"virtio_blk_handle_read vdev 0x1 req 0x10 sector 0 nsectors 1",
                                ReadOf("0xa1", "0xb1", "offset 0 bytes 512"),
                                "virtio_blk_req_complete vdev 0x1 req 0x10 status 0"};
  const Lines kPio = {"ide_sector_read sector=0 nsectors=1", ReadOf("0xa1", "0xb1", "offset 0 bytes 512")};
  Check({"not by programmed I/O at the same place",
         kDiskA + kVirtioRequest + kPio + kVirtioRequest,
         {"virtio-blk /a.img read 512 - ok", "virtio-blk /a.img read 512 - ok"}});
  Check({"but another device may have it then",
         kDiskA + kVirtioRequest + Lines{"blk_root_detach child 0xc1 blk 0xa1 bs 0xb1"} + kDiskA + kPio,
         {"virtio-blk /a.img read 512 - ok", "ide /a.img read 512 - ok"}});
}
