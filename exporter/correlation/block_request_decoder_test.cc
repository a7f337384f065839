#include "correlation/disk_decoder.h"

#include <algorithm>
#include <random>

#include "correlation/replay_for_test.h"

using namespace qte::correlation;

namespace {

const Lines kDiskA = {
    "bdrv_open_common bs 0xb1 filename \"/a.img\" flags 0x22002 format_name \"raw\"",
    "blk_root_attach child 0xc1 blk 0xa1 bs 0xb1",
};
const Lines kDiskB = {
    "bdrv_open_common bs 0xb2 filename \"/b c.img\" flags 0x22002 format_name \"qcow2\"",
    "blk_root_attach child 0xc2 blk 0xa2 bs 0xb2",
};

std::string ReadOf(const std::string& blk, const std::string& bs, const std::string& range) {
  return "blk_co_preadv blk " + blk + " bs " + bs + " " + range + " flags 0x0";
}

// A whole DMA transfer of backend K, from the line after the front end's.
Lines Dma(const std::string& backend, const std::string& node, uint64_t offset, uint64_t bytes) {
  std::string at = std::to_string(offset);
  return {"dma_blk_io dbs=0xd1 bs=" + backend + " offset=" + at + " to_dev=0", "dma_blk_cb dbs=0xd1 ret=0",
          ReadOf(backend, node, "offset " + at + " bytes " + std::to_string(bytes)), "dma_blk_cb dbs=0xd1 ret=0",
          "dma_complete dbs=0xd1 ret=0 cb=0x1"};
}

struct Case {
  std::string name;
  Lines lines;
  Lines want;
  Lines in_flight = {};  // not looked at if empty
  uint64_t abandoned = 0;
  size_t open = 0;
};

void Check(const Case& c, const DecoderLimits& limits = {}) {
  CAPTURE(c.name);
  Replay replay("block_request", limits);
  replay.looks = true;
  replay.Play(c.lines);
  Lines requests;
  for (const std::string& text : replay.emitted) {
    std::string rest = text.substr(text.find(' ') + 1);
    CHECK(rest.ends_with(rest.find(" error ") != rest.npos ? " 1" : " 0"));
    requests.push_back(rest.substr(0, rest.size() - 2));
  }
  CHECK(requests == c.want);
  if (!c.in_flight.empty()) CHECK(replay.changes == c.in_flight);
  CHECK(replay.abandoned() == c.abandoned);
  CHECK(replay.open() == c.open);
}

}  // namespace

TEST_CASE("virtio-blk: reads, writes, flushes and what is none of them") {
  Case c = GENERATE(
      Case{"a read and a write",
           kDiskA + Lines{"7@1.000000:virtio_blk_handle_read vdev 0x1 req 0x10 sector 8 nsectors 2",
                          "7@1.000001:" + ReadOf("0xa1", "0xb1", "offset 4096 bytes 1024"),
                          "7@1.000500:virtio_blk_req_complete vdev 0x1 req 0x10 status 0",
                          "7@1.001000:virtio_blk_handle_write vdev 0x1 req 0x10 sector 0 nsectors 1",
                          "7@1.003000:virtio_blk_req_complete vdev 0x1 req 0x10 status 0"},
           {"virtio-blk /a.img read 1024 0.0005 ok", "virtio-blk /a.img write 512 0.002 ok"},
           {"virtio-blk 0x1 1", "virtio-blk 0x1 0", "virtio-blk /a.img 1", "virtio-blk /a.img 0", "virtio-blk /a.img 1",
            "virtio-blk /a.img 0"}},
      Case{"merged requests count one by one",
           kDiskA +
               Lines{"virtio_blk_handle_read vdev 0x1 req 0x10 sector 8 nsectors 8",
                     "virtio_blk_handle_read vdev 0x1 req 0x11 sector 0 nsectors 8",
                     "virtio_blk_handle_read vdev 0x1 req 0x12 sector 16 nsectors 8",
                     "virtio_blk_submit_multireq vdev 0x1 mrb 0x2 start 0 num_reqs 3 offset 0 size 12288 is_write 0",
                     ReadOf("0xa1", "0xb1", "offset 0 bytes 12288"),
                     "virtio_blk_req_complete vdev 0x1 req 0x11 status 0",
                     "virtio_blk_req_complete vdev 0x1 req 0x10 status 0",
                     "virtio_blk_req_complete vdev 0x1 req 0x12 status 0"},
           {"virtio-blk /a.img read 4096 - ok", "virtio-blk /a.img read 4096 - ok", "virtio-blk /a.img read 4096 - ok"},
           {"virtio-blk 0x1 1", "virtio-blk 0x1 2", "virtio-blk 0x1 3", "virtio-blk 0x1 0", "virtio-blk /a.img 3",
            "virtio-blk /a.img 2", "virtio-blk /a.img 1", "virtio-blk /a.img 0"}},
      Case{"a flush, a question for the serial number, a discard",
           kDiskA + Lines{"virtio_blk_handle_read vdev 0x1 req 0x10 sector 0 nsectors 1",
                          ReadOf("0xa1", "0xb1", "offset 0 bytes 512"),
                          "virtio_blk_req_complete vdev 0x1 req 0x10 status 0",
                          "7@1.000000:virtqueue_pop vq 0x5 elem 0x10 in_num 1 out_num 1",
                          "7@1.250000:virtio_blk_req_complete vdev 0x1 req 0x10 status 0",
                          "virtqueue_pop vq 0x5 elem 0x10 in_num 2 out_num 1",
                          "virtio_blk_req_complete vdev 0x1 req 0x10 status 0",
                          "virtqueue_pop vq 0x5 elem 0x10 in_num 1 out_num 2",
                          "virtio_blk_req_complete vdev 0x1 req 0x10 status 0"},
           {"virtio-blk /a.img read 512 - ok", "virtio-blk /a.img flush - 0.25 ok"}},
      Case{"a pop of another device under the pointer of an old flush",
           {"virtqueue_pop vq 0x5 elem 0x10 in_num 1 out_num 1", "virtqueue_pop vq 0x6 elem 0x10 in_num 0 out_num 3",
            "virtio_blk_req_complete vdev 0x1 req 0x10 status 0"},
           {}},
      Case{"errors have no bytes",
           kDiskA + Lines{"virtio_blk_handle_read vdev 0x1 req 0x10 sector 0 nsectors 1",
                          ReadOf("0xa1", "0xb1", "offset 0 bytes 512"),
                          "virtio_blk_req_complete vdev 0x1 req 0x10 status 1",
                          "virtqueue_pop vq 0x5 elem 0x10 in_num 1 out_num 1",
                          "virtio_blk_req_complete vdev 0x1 req 0x10 status 1"},
           {"virtio-blk /a.img read - - error", "virtio-blk /a.img flush - - error"}},
      Case{"handled again after an error that stopped the guest",
           kDiskA + Lines{"7@1.000000:virtio_blk_handle_write vdev 0x1 req 0x10 sector 0 nsectors 1",
                          "7@9.000000:virtio_blk_handle_write vdev 0x1 req 0x10 sector 0 nsectors 1",
                          "7@9.500000:virtio_blk_req_complete vdev 0x1 req 0x10 status 0"},
           {"virtio-blk 0x1 write 512 8.5 ok"}},
      Case{"reused without end",
           {"virtio_blk_handle_write vdev 0x1 req 0x10 sector 0 nsectors 1",
            "virtio_blk_handle_write vdev 0x1 req 0x10 sector 8 nsectors 2",
            "virtio_blk_req_complete vdev 0x1 req 0x10 status 0"},
           {"virtio-blk 0x1 write 1024 - ok"},
           {},
           1},
      Case{"null pointers are pointers, too",
           {"virtio_blk_handle_read vdev (nil) req (nil) sector 0 nsectors 1",
            "virtio_blk_req_complete vdev (nil) req (nil) status 0"},
           {"virtio-blk (nil) read 512 - ok"}},
      Case{"the clock was set back",
           {"7@2.000000:virtio_blk_handle_read vdev 0x1 req 0x10 sector 0 nsectors 1",
            "7@1.000000:virtio_blk_req_complete vdev 0x1 req 0x10 status 0"},
           {"virtio-blk 0x1 read 512 - ok"}});
  Check(c);
}

TEST_CASE("virtio-blk: the right disk each time") {
  const Lines kLearn = kDiskA + Lines{"virtio_blk_handle_read vdev 0x1 req 0x10 sector 0 nsectors 1",
                                      ReadOf("0xa1", "0xb1", "offset 0 bytes 512"),
                                      "virtio_blk_req_complete vdev 0x1 req 0x10 status 0"};
  const Lines kBoth = {"7@1.000000:virtio_blk_handle_read vdev 0x1 req 0x10 sector 0 nsectors 1",
                       "8@1.000000:virtio_blk_handle_read vdev 0x2 req 0x20 sector 0 nsectors 1",
                       "7@1.000000:" + ReadOf("0xa1", "0xb1", "offset 0 bytes 512"),
                       "8@1.000000:" + ReadOf("0xa2", "0xb2", "offset 0 bytes 512"),
                       "7@1.000000:virtio_blk_req_complete vdev 0x1 req 0x10 status 0",
                       "8@1.000000:virtio_blk_req_complete vdev 0x2 req 0x20 status 0"};
  auto without_threads = [](Lines lines) {
    for (std::string& line : lines) line = line.substr(line.find(':') + 1);
    return lines;
  };
  Case c = GENERATE_COPY(
      Case{"two at one offset, told apart by thread",
           kDiskA + kDiskB + kBoth,
           {"virtio-blk /a.img read 512 0 ok", "virtio-blk /b c.img read 512 0 ok"}},
      Case{"two at one offset without threads: not guessed",
           kDiskA + kDiskB + without_threads(kBoth),
           {"virtio-blk 0x1 read 512 - ok", "virtio-blk 0x2 read 512 - ok"}},
      Case{"two at one offset without threads, one of them known",
           kLearn + kDiskB + without_threads(kBoth),
           {"virtio-blk /a.img read 512 - ok", "virtio-blk /a.img read 512 - ok", "virtio-blk /b c.img read 512 - ok"}},
      Case{"two at one offset without threads after a snapshot: as before, until one is learned again",
           kLearn + kDiskB +
               Lines{"blk_root_detach child 0xc1 blk 0xa1 bs 0xb1",
                     "bdrv_open_common bs 0xb3 filename \"/snap.img\" flags 0x0 format_name \"qcow2\"",
                     "blk_root_attach child 0xc1 blk 0xa1 bs 0xb3"} +
               without_threads(kBoth),
           {"virtio-blk /a.img read 512 - ok", "virtio-blk /snap.img read 512 - ok",
            "virtio-blk /b c.img read 512 - ok"}},
      Case{"a request open across a snapshot: its disk is the new image",
           kLearn + Lines{"virtio_blk_handle_read vdev 0x1 req 0x10 sector 0 nsectors 1",
                          "blk_root_detach child 0xc1 blk 0xa1 bs 0xb1",
                          "bdrv_open_common bs 0xb3 filename \"/snap.img\" flags 0x0 format_name \"qcow2\"",
                          "blk_root_attach child 0xc1 blk 0xa1 bs 0xb3",
                          "virtio_blk_req_complete vdev 0x1 req 0x10 status 0"},
           {"virtio-blk /a.img read 512 - ok", "virtio-blk /snap.img read 512 - ok"},
           {"virtio-blk 0x1 1", "virtio-blk 0x1 0", "virtio-blk /a.img 1", "virtio-blk /a.img 0", "virtio-blk /a.img 1",
            "virtio-blk /a.img 0", "virtio-blk /snap.img 1", "virtio-blk /snap.img 0"}},
      Case{
          "unplugged, and its pointer another disk's",
          kLearn + Lines{"blk_root_detach child 0xc1 blk 0xa1 bs 0xb1"} + kDiskB +
              Lines{"virtio_blk_handle_read vdev 0x1 req 0x10 sector 0 nsectors 1",
                    ReadOf("0xa2", "0xb2", "offset 0 bytes 512"), "virtio_blk_req_complete vdev 0x1 req 0x10 status 0"},
          {"virtio-blk /a.img read 512 - ok", "virtio-blk /b c.img read 512 - ok"}},
      Case{"unplugged, and device and backend both of another disk",
           kLearn + Lines{"blk_root_detach child 0xc1 blk 0xa1 bs 0xb1",
                          "bdrv_open_common bs 0xb1 filename \"/new.img\" flags 0x0 format_name \"raw\"",
                          "blk_root_attach child 0xc1 blk 0xa1 bs 0xb1",
                          "virtio_blk_handle_read vdev 0x1 req 0x10 sector 0 nsectors 1",
                          ReadOf("0xa1", "0xb1", "offset 0 bytes 512"),
                          "virtio_blk_req_complete vdev 0x1 req 0x10 status 0"},
           {"virtio-blk /a.img read 512 - ok", "virtio-blk /new.img read 512 - ok"}},
      Case{"a probe at another offset or of another size is not taken for it",
           kDiskA + kDiskB +
               Lines{"virtio_blk_handle_read vdev 0x1 req 0x10 sector 8 nsectors 8",
                     ReadOf("0xa2", "0xb2", "offset 0 bytes 512"), ReadOf("0xa2", "0xb2", "offset 4096 bytes 512"),
                     ReadOf("0xa1", "0xb1", "offset 4096 bytes 4096"),
                     "virtio_blk_req_complete vdev 0x1 req 0x10 status 0"},
           {"virtio-blk /a.img read 4096 - ok"}},
      Case{"the log began late: the backend's pointer",
           {"virtio_blk_handle_read vdev 0x1 req 0x10 sector 0 nsectors 1",
            ReadOf("0xa1", "0xb1", "offset 0 bytes 512"), "virtio_blk_req_complete vdev 0x1 req 0x10 status 0"},
           {"virtio-blk 0xa1 read 512 - ok"}});
  Check(c);
}

TEST_CASE("IDE and AHCI: DMA, programmed I/O, NCQ and flushes") {
  const Lines kIde = {"ide_exec_cmd IDE exec cmd: bus 0x7; state 0x5; cmd 0xc8",
                      "ide_dma_cb IDEState 0x5; sector_num=8 n=8 cmd=DMA READ"};
  Case c = GENERATE_COPY(
      Case{"by DMA",
           kDiskA + kIde + Dma("0xa1", "0xb1", 4096, 4096),
           {"ide /a.img read 4096 - ok"},
           {"ide /a.img 1", "ide /a.img 0"}},
      Case{"a flush after it, before 10.0 and since",
           kDiskA + kIde + Dma("0xa1", "0xb1", 4096, 4096) +
               Lines{"ide_exec_cmd IDE exec cmd: bus 0x7; state 0x5; cmd 0xe7",
                     "ide_bus_exec_cmd IDE exec cmd: bus 0x7; state 0x5; cmd 0xea"},
           {"ide /a.img read 4096 - ok", "ide /a.img flush - - ok", "ide /a.img flush - - ok"}},
      Case{"a flush of a drive that did nothing yet",
           {"ide_exec_cmd IDE exec cmd: bus 0x7; state 0x5; cmd 0xe7"},
           {"ide 0x5 flush - - ok"}},
      Case{"ide_dma_cb that repeats, as on a real boot, is one transfer",
           kDiskA + kIde + kIde + kIde + Dma("0xa1", "0xb1", 4096, 4096),
           {"ide /a.img read 4096 - ok"}},
      Case{
          "TRIM",
          kDiskA + Lines{"ide_dma_cb IDEState 0x5; sector_num=-1 n=1 cmd=DMA TRIM",
                         "dma_blk_io dbs=0xd1 bs=0x5 offset=-512 to_dev=1", "dma_blk_cb dbs=0xd1 ret=0",
                         "dma_complete dbs=0xd1 ret=0 cb=0x1", "ide_dma_cb IDEState 0x5; sector_num=8 n=1 cmd=DMA TRIM",
                         "dma_blk_io dbs=0xd1 bs=0x5 offset=4096 to_dev=1", "dma_blk_cb dbs=0xd1 ret=0",
                         "dma_complete dbs=0xd1 ret=0 cb=0x1"},
          {}},
      Case{"by programmed I/O, and a flush",
           kDiskA + Lines{"ide_exec_cmd IDE exec cmd: bus 0x7; state 0x5; cmd 0x20",
                          "ide_sector_read sector=2 nsectors=1", ReadOf("0xa1", "0xb1", "offset 1024 bytes 512"),
                          "ide_sector_write sector=3 nsectors=2",
                          "blk_co_pwritev blk 0xa1 bs 0xb1 offset 1536 bytes 1024 flags 0x0",
                          "ide_exec_cmd IDE exec cmd: bus 0x7; state 0x5; cmd 0xe7"},
           {"ide /a.img read 512 - ok", "ide /a.img write 1024 - ok", "ide /a.img flush - - ok"}},
      Case{"reads of QEMU itself between",
           kDiskA + kDiskB +
               Lines{ReadOf("0xa2", "0xb2", "offset 1024 bytes 512"), "ide_sector_read sector=2 nsectors=1",
                     ReadOf("0xa2", "0xb2", "offset 0 bytes 512"), ReadOf("0xa1", "0xb1", "offset 1024 bytes 512"),
                     ReadOf("0xa1", "0xb1", "offset 1024 bytes 512")},
           {"ide /a.img read 512 - ok"}},
      Case{"NCQ, read and write; the port's flush by the IDEState that IDENTIFY tells",
           kDiskA + Lines{"ide_exec_cmd IDE exec cmd: bus 0x7; state 0x5; cmd 0xec",
                          "ahci_pio_transfer ahci(0x9)[1]: writing 512 bytes on ata w/ sglist",
                          "process_ncq_command ahci(0x9)[1][tag:3]: NCQ op 0x61 on sectors [0,0]",
                          "execute_ncq_command_read ahci(0x9)[1][tag:3]: NCQ reading 1 sectors from LBA 0",
                          "dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=1", "dma_blk_cb dbs=0xd1 ret=0",
                          "blk_co_pwritev blk 0xa1 bs 0xb1 offset 0 bytes 512 flags 0x0",
                          "dma_complete dbs=0xd1 ret=0 cb=0x1",
                          "ide_exec_cmd IDE exec cmd: bus 0x7; state 0x5; cmd 0xea"},
           {"ide /a.img write 512 - ok", "ide /a.img flush - - ok"}},
      Case{"an error and a cancelled one",
           kDiskA + kIde +
               Lines{"7@1.000000:dma_blk_io dbs=0xd1 bs=0xa1 offset=4096 to_dev=0",
                     "7@1.000000:dma_blk_cb dbs=0xd1 ret=0",
                     "7@1.000000:" + ReadOf("0xa1", "0xb1", "offset 4096 bytes 4096"),
                     "7@1.500000:dma_complete dbs=0xd1 ret=-5 cb=0x1",
                     "dma_blk_io dbs=0xd1 bs=0xa1 offset=8192 to_dev=0", "dma_complete dbs=0xd1 ret=-125 cb=0x1"},
           {"ide /a.img read - 0.5 error", "ide /a.img read - - cancelled"},
           {"ide /a.img 1", "ide /a.img 0", "ide /a.img 1", "ide /a.img 0"}},
      Case{"DMA that no front end announced", kDiskA + Dma("0xa1", "0xb1", 0, 512), {}},
      Case{"nothing of the block layer traced: operations by pointer",
           {"ide_dma_cb IDEState 0x5; sector_num=8 n=8 cmd=DMA READ",
            "dma_blk_io dbs=0xd1 bs=0xa1 offset=4096 to_dev=0", "dma_complete dbs=0xd1 ret=0 cb=0x1"},
           {"ide 0xa1 read - - ok"}});
  Check(c);
}

TEST_CASE("NVMe: by DMA, with flushes and names") {
  const Lines kRead = {"pci_nvme_io_cmd cid 7 nsid 0x1 sqid 1 opc 0x2 opname 'NVME_NVM_CMD_READ'"};
  const Lines kFlush = {"pci_nvme_io_cmd cid 9 nsid 0x1 sqid 1 opc 0x0 opname 'NVME_NVM_CMD_FLUSH'"};
  Case c =
      GENERATE_COPY(Case{"a read and a flush",
                         kDiskA + kRead + Dma("0xa1", "0xb1", 0, 4096) + kFlush,
                         {"nvme /a.img read 4096 - ok", "nvme /a.img flush - - ok"},
                         {"nvme /a.img 1", "nvme /a.img 0"}},
                    Case{"the same cid on two drives at once; whose flush it is cannot be told",
                         kDiskA + kDiskB + kRead +
                             Lines{"dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=0", "dma_blk_cb dbs=0xd1 ret=0",
                                   ReadOf("0xa1", "0xb1", "offset 0 bytes 512")} +
                             kRead +
                             Lines{"dma_blk_io dbs=0xd2 bs=0xa2 offset=0 to_dev=0", "dma_blk_cb dbs=0xd2 ret=0",
                                   ReadOf("0xa2", "0xb2", "offset 0 bytes 1024"), "dma_complete dbs=0xd2 ret=0 cb=0x1",
                                   "dma_complete dbs=0xd1 ret=0 cb=0x1"} +
                             kFlush,
                         {"nvme /b c.img read 1024 - ok", "nvme /a.img read 512 - ok", "nvme nsid 1 flush - - ok"}},
                    Case{"QEMU's own name where no file is known",
                         Lines{"blk_root_attach child 0xc1 blk 0xa1 bs 0xb1"} + kRead + Dma("0xa1", "0xb1", 0, 4096) +
                             Lines{"pci_nvme_rw_cb cid 7 blk 'drive7'"} + kRead + Dma("0xa1", "0xb1", 0, 512) + kFlush,
                         {"nvme drive7 read 4096 - ok", "nvme drive7 read 512 - ok", "nvme drive7 flush - - ok"}},
                    Case{"no name at all, a blank one, or that of another thread's",
                         Lines{"blk_root_attach child 0xc1 blk 0xa1 bs 0xb1"} + kRead + Dma("0xa1", "0xb1", 0, 4096) +
                             Lines{"pci_nvme_rw_cb cid 7 blk ''"},
                         {"nvme 0xa1 read 4096 - ok"}},
                    Case{"a command that fails at once leaves nothing for others",
                         kDiskA + kDiskB + kRead + Dma("0xa1", "0xb1", 0, 512) + kRead +
                             Lines{"pci_nvme_io_cmd cid 8 nsid 0x1 sqid 1 opc 0x9 opname 'NVME_NVM_CMD_DSM'"} +
                             Dma("0xa2", "0xb2", 0, 512),
                         {"nvme /a.img read 512 - ok"}});
  Check(c);
}

TEST_CASE("SCSI: by DMA and without, with flushes") {
  auto parsed = [](const std::string& who, int command, int length) {
    return "scsi_req_parsed " + who + " command " + std::to_string(command) + " dir 1 length " + std::to_string(length);
  };
  const std::string kWho = "target 1 lun 0 tag -5";
  Case c = GENERATE_COPY(
      Case{"by DMA; a flush of the same unit",
           kDiskA + Lines{parsed(kWho, 40, 4096), "scsi_req_continue " + kWho} +
               Lines{"dma_blk_io dbs=0xd1 bs=0x51 offset=0 to_dev=0", "dma_blk_cb dbs=0xd1 ret=0",
                     ReadOf("0xa1", "0xb1", "offset 0 bytes 4096"), "dma_complete dbs=0xd1 ret=0 cb=0x1",
                     "scsi_req_dequeue " + kWho, "7@1.000000:" + parsed(kWho, 53, 0), "scsi_req_continue " + kWho,
                     "7@1.500000:scsi_req_dequeue " + kWho},
           {"scsi /a.img read 4096 - ok", "scsi /a.img flush - 0.5 ok"},
           {"scsi /a.img 1", "scsi /a.img 0"}},
      Case{"by DMA that its line does not announce, since a flush comes first",
           kDiskA + Lines{parsed(kWho, 40, 4096), "dma_blk_io dbs=0xd1 bs=0x51 offset=0 to_dev=0",
                          "dma_blk_cb dbs=0xd1 ret=0", ReadOf("0xa1", "0xb1", "offset 0 bytes 4096"),
                          "dma_complete dbs=0xd1 ret=0 cb=0x1", "scsi_req_dequeue " + kWho},
           {"scsi /a.img read 4096 - ok"}},
      Case{"without DMA, in pieces: one request",
           kDiskA + Lines{"7@1.000000:" + parsed(kWho, 40, 196608), "7@1.000000:scsi_req_continue " + kWho,
                          "7@1.000000:" + ReadOf("0xa1", "0xb1", "offset 0 bytes 131072"),
                          "7@1.000000:scsi_req_continue " + kWho,
                          "7@1.000000:" + ReadOf("0xa1", "0xb1", "offset 131072 bytes 65536"),
                          "7@1.125000:scsi_req_dequeue " + kWho},
           {"scsi /a.img read 196608 0.125 ok"},
           {"scsi /a.img 1", "scsi /a.img 0"}},
      Case{"commands that do not touch the medium, and a read that was refused",
           kDiskA + Lines{parsed(kWho, 18, 36), "scsi_req_continue " + kWho, "scsi_req_dequeue " + kWho,
                          parsed(kWho, 40, 512), "scsi_req_dequeue " + kWho},
           {}},
      Case{
          "two controllers with a unit of the same number: whose flush it is cannot be told",
          kDiskA + kDiskB +
              Lines{parsed(kWho, 40, 512), "scsi_req_continue " + kWho, "dma_blk_io dbs=0xd1 bs=0x51 offset=0 to_dev=0",
                    "dma_blk_cb dbs=0xd1 ret=0", ReadOf("0xa1", "0xb1", "offset 0 bytes 512"),
                    "dma_complete dbs=0xd1 ret=0 cb=0x1", "scsi_req_dequeue " + kWho} +
              Lines{parsed(kWho, 40, 512), "scsi_req_continue " + kWho, "dma_blk_io dbs=0xd1 bs=0x52 offset=0 to_dev=0",
                    "dma_blk_cb dbs=0xd1 ret=0", ReadOf("0xa2", "0xb2", "offset 0 bytes 512"),
                    "dma_complete dbs=0xd1 ret=0 cb=0x1", "scsi_req_dequeue " + kWho} +
              Lines{parsed(kWho, 145, 0), "scsi_req_dequeue " + kWho},
          {"scsi /a.img read 512 - ok", "scsi /b c.img read 512 - ok", "scsi target 1 lun 0 flush - - ok"}},
      Case{"a tag reused without end",
           {parsed(kWho, 53, 0), parsed(kWho, 53, 0), "scsi_req_dequeue " + kWho},
           {"scsi target 1 lun 0 flush - - ok"},
           {},
           1});
  Check(c);
}

TEST_CASE("Block requests: what is open is bounded in number and age, and leaves the gauge") {
  const Lines kThree = kDiskA + Lines{"7@1.000000:virtio_blk_handle_read vdev 0x1 req 0x10 sector 0 nsectors 1",
                                      "7@1.000000:" + ReadOf("0xa1", "0xb1", "offset 0 bytes 512"),
                                      "7@2.000000:virtio_blk_handle_read vdev 0x1 req 0x11 sector 8 nsectors 1",
                                      "7@3.000000:virtio_blk_handle_read vdev 0x1 req 0x12 sector 16 nsectors 1"};
  auto numbers = [](std::initializer_list<int> list) {
    Lines lines = {"virtio-blk 0x1 1", "virtio-blk 0x1 0"};
    for (int number : list) lines.push_back("virtio-blk /a.img " + std::to_string(number));
    return lines;
  };
  Check({"within", kThree, {}, numbers({1, 2, 3}), 0, 3});
  Check({"too many", kThree, {}, numbers({1, 2}), 1, 2}, {.max_open = 2});
  Check({"too old", kThree, {}, numbers({1, 2}), 1, 2}, {.max_open_age_us = 1'999'999});
  Check({"just young enough", kThree, {}, numbers({1, 2, 3}), 0, 3}, {.max_open_age_us = 2'000'000});
  const Lines kIde = kDiskA + Lines{"7@1.000000:ide_dma_cb IDEState 0x5; sector_num=0 n=8 cmd=DMA READ",
                                    "7@1.000000:dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=0",
                                    "7@9.000000:ide_exec_cmd IDE exec cmd: bus 0x7; state 0x6; cmd 0x0"};
  Check({"DMA", kIde, {}, {"ide /a.img 1", "ide /a.img 0"}, 1, 0}, {.max_open_age_us = 1'000'000});
  const Lines kScsi = {"7@1.000000:scsi_req_parsed target 1 lun 0 tag 1 command 53 dir 0 length 0",
                       "7@2.000000:scsi_req_parsed target 1 lun 0 tag 2 command 53 dir 0 length 0"};
  Check({"SCSI", kScsi, {}, {}, 1, 1}, {.max_open = 1});
}

TEST_CASE("Block requests: Reset forgets all") {
  Replay replay("block_request");
  replay.Play(kDiskA + Lines{"virtio_blk_handle_read vdev 0x1 req 0x10 sector 0 nsectors 1",
                             ReadOf("0xa1", "0xb1", "offset 0 bytes 512"),
                             "ide_dma_cb IDEState 0x5; sector_num=0 n=8 cmd=DMA READ"});
  CHECK(replay.InFlight() == std::map<std::string, uint64_t>{{"virtio-blk /a.img", 1}});
  replay.decoder().Reset();
  CHECK(replay.abandoned() == 1);
  CHECK(replay.open() == 0);
  CHECK(replay.InFlight().empty());
  replay.emitted.clear();
  replay.Play(Lines{"virtio_blk_req_complete vdev 0x1 req 0x10 status 0",
                    "dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=0", "dma_complete dbs=0xd1 ret=0 cb=0x1",
                    "ide_exec_cmd IDE exec cmd: bus 0x7; state 0x5; cmd 0xe7"});
  CHECK(replay.emitted == Lines{"block_request ide 0x5 flush - - ok 0"});
}

TEST_CASE("Block requests: random events keep the decoder sound and bounded") {
  std::mt19937 random(5);
  const DecoderKind& kind = *PartNamed("block_request").kind;
  Replay replay("block_request", {.max_open = 8, .max_names = 4, .max_open_age_us = 50});
  auto any = [&](uint64_t count) { return qte::trace::Value::Unsigned(random() % count, "0x1"); };
  for (int64_t now = 0; now < 200'000; ++now) {
    size_t which = random() % kind.inputs.size();
    std::vector<qte::trace::Value> args = {any(8), any(8), any(4), any(4), any(3)};
    for (size_t i = 0; i < kind.inputs[which].arguments.size(); ++i) {
      std::string_view name = kind.inputs[which].arguments[i];
      if (name == "filename") args[i] = qte::trace::Value::Text(random() % 4 == 0 ? "" : "/a.img");
      if (name == "dma") args[i] = qte::trace::Value::Text(random() % 2 == 0 ? "DMA READ" : "DMA WRITE");
      if (name == "cmd") args[i] = qte::trace::Value::Unsigned(std::array{40, 42, 53, 0x60, 0x61, 0xe7}[random() % 6]);
    }
    args.resize(kind.inputs[which].arguments.size());
    replay.decoder().OnEvent({which, args, random() % 8 == 0 ? kNoTime : now, random() % 3}, replay);
    REQUIRE(replay.open() <= 3 * 8);
    if (now % 1000 == 999) replay.decoder().Reset();
  }
  for (const char* interface : {"virtio-blk", "nvme", "scsi", "ide"}) {
    auto count = std::count_if(replay.emitted.begin(), replay.emitted.end(), [&](const std::string& text) {
      return text.starts_with(std::string("block_request ") + interface + " ");
    });
    CAPTURE(interface);
    CHECK(count > 20);
  }
}
