// Requests of NVMe.
#include "decoders/disk/block_cases_for_test.h"

using namespace qte::decoders;

namespace {

std::string Begin(int cid, int blocks, int first = 0) {
  std::string n = std::to_string(blocks);
  return "pci_nvme_read cid " + std::to_string(cid) + " nsid 1 nlb " + n + " count " + std::to_string(blocks * 512) +
         " lba 0x" + std::to_string(first);
}

std::string BeginWrite(int cid, const std::string& name, int blocks) {
  return "pci_nvme_write cid " + std::to_string(cid) + " opname 'NVME_NVM_CMD_" + name + "' nsid 1 nlb " +
         std::to_string(blocks) + " count " + std::to_string(blocks * 512) + " lba 0x0";
}

std::string End(int cid, const std::string& drive) {
  return "pci_nvme_rw_complete_cb cid " + std::to_string(cid) + " blk '" + drive + "'";
}

std::string Completion(int cid, const std::string& status, int queue = 1) {
  return "pci_nvme_enqueue_req_completion cid " + std::to_string(cid) + " cqid " + std::to_string(queue) +
         " dw0 0x0 dw1 0x0 status " + status;
}

std::string Command(int cid, const std::string& opcode) {
  return "pci_nvme_io_cmd cid " + std::to_string(cid) + " nsid 0x1 sqid 1 opc " + opcode + " opname 'X'";
}

std::string Flush(int cid) {
  return Command(cid, "0x0");
}

std::string FlushEnd(int cid) {
  return "pci_nvme_misc_cb cid " + std::to_string(cid);
}

std::string Error(int cid, const std::string& opcode) {
  return "pci_nvme_err_req_status cid " + std::to_string(cid) + " nsid 1 status 0x400b opc " + opcode;
}

}  // namespace

TEST_CASE("NVMe: by DMA, with flushes and names") {
  const Lines kRead = {"pci_nvme_io_cmd cid 7 nsid 0x1 sqid 1 opc 0x2 opname 'NVME_NVM_CMD_READ'"};
  const Lines kFlush = {Flush(9), FlushEnd(9)};
  BlockCase c = GENERATE_COPY(
      BlockCase{"a read and a flush",
                kDiskA + kRead + Dma("0xa1", "0xb1", 0, 4096) + kFlush,
                {"nvme /a.img read 4096 - ok", "nvme /a.img flush - - ok"},
                {"nvme /a.img 1", "nvme /a.img 0"}},
      BlockCase{"the same cid on two drives at once; whose flush it is cannot be told",
                kDiskA + kDiskB + kRead +
                    Lines{"dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=0", "dma_blk_cb dbs=0xd1 ret=0",
                          ReadOf("0xa1", "0xb1", "offset 0 bytes 512")} +
                    kRead +
                    Lines{"dma_blk_io dbs=0xd2 bs=0xa2 offset=0 to_dev=0", "dma_blk_cb dbs=0xd2 ret=0",
                          ReadOf("0xa2", "0xb2", "offset 0 bytes 1024"), "dma_complete dbs=0xd2 ret=0 cb=0x1",
                          "dma_complete dbs=0xd1 ret=0 cb=0x1"} +
                    kFlush,
                {"nvme /b c.img read 1024 - ok", "nvme /a.img read 512 - ok", "nvme nsid 1 flush - - ok"}},
      BlockCase{"QEMU's own name where no file is known",
                Lines{"blk_root_attach child 0xc1 blk 0xa1 bs 0xb1"} + kRead + Dma("0xa1", "0xb1", 0, 4096) +
                    Lines{"pci_nvme_rw_cb cid 7 blk 'drive7'"} + kRead + Dma("0xa1", "0xb1", 0, 512) + kFlush,
                {"nvme drive7 read 4096 - ok", "nvme drive7 read 512 - ok", "nvme drive7 flush - - ok"}},
      BlockCase{"no name at all, a blank one, or that of another thread's",
                Lines{"blk_root_attach child 0xc1 blk 0xa1 bs 0xb1"} + kRead + Dma("0xa1", "0xb1", 0, 4096) +
                    Lines{"pci_nvme_rw_cb cid 7 blk ''"},
                {"nvme 0xa1 read 4096 - ok"}},
      BlockCase{"a command that fails at once leaves nothing for others",
                kDiskA + kDiskB + kRead + Dma("0xa1", "0xb1", 0, 512) + kRead +
                    Lines{"pci_nvme_io_cmd cid 8 nsid 0x1 sqid 1 opc 0x9 opname 'NVME_NVM_CMD_DSM'"} +
                    Dma("0xa2", "0xb2", 0, 512),
                {"nvme /a.img read 512 - ok", "nvme nsid 1 unmap - - ok"}});
  Check(c);
}

TEST_CASE("NVMe: how a flush ends") {
  const std::string kOther = "virtqueue_pop vq 0x1 elem 0x2 in_num 1 out_num 0";
  const std::string kOk = "nvme nsid 1 flush - - ok";
  const std::string kFailed = "nvme nsid 1 flush - - error";
  BlockCase c =
      GENERATE_COPY(BlockCase{"with a duration",
                              {"7@1.000000:" + Flush(9), "7@1.250000:" + FlushEnd(9), "7@2.000000:" + Flush(9),
                               "7@2.100000:" + kOther, "7@2.500000:" + FlushEnd(9)},
                              {"nvme nsid 1 flush - 0.25 ok", "nvme nsid 1 flush - 0.5 ok"}},
                    BlockCase{"two at once, and one that is open",
                              {Flush(9), FlushEnd(9), Flush(1), Flush(2), Flush(3), FlushEnd(1), FlushEnd(2)},
                              {kOk, kOk, kOk},
                              {},
                              0,
                              1},
                    BlockCase{"refused at once, as a log of all of NVMe's events tells",
                              {Flush(9), Completion(9, "0x400b"), Error(9, "0x0"), Flush(9), Completion(9, "0x400b")},
                              {kFailed, kFailed}},
                    BlockCase{"refused at once, as one of errors alone tells", {Flush(9), Error(9, "0x0")}, {kFailed}},
                    BlockCase{"it fails on the disk",
                              {Completion(0, "0x0", 0), Flush(9), FlushEnd(9), Completion(9, "0x281"), Error(9, "0x0")},
                              {kFailed}},
                    BlockCase{"it was aborted with its queue",
                              {Completion(0, "0x0", 0), Flush(9), Completion(9, "0x8")},
                              {"nvme nsid 1 flush - - cancelled"}},
                    BlockCase{"it fails on the disk, and no completions are traced: both",
                              {Flush(9), FlushEnd(9), Error(9, "0x0")},
                              {kOk, kFailed}},
                    BlockCase{"a completion of the admin queue is not its",
                              {Flush(8), FlushEnd(8), Flush(9), Completion(9, "0x1", 0)},
                              {kOk},
                              {},
                              0,
                              1},
                    BlockCase{"an older log tells of no end: it counts with the next line",
                              {Flush(9), kOther, Flush(9), Flush(9), kOther},
                              {kOk, kOk, kOk}},
                    BlockCase{"another command's error", {Flush(9), FlushEnd(9), Error(9, "0x9")}, {kOk}});
  Check(c);
}

TEST_CASE("NVMe: Compare, Verify and Copy read and write without DMA") {
  const std::string kRead = ReadOf("0xa1", "0xb1", "offset 0 bytes 4096");
  const std::string kWrite = "blk_co_pwritev blk 0xa1 bs 0xb1 offset 8192 bytes 4096 flags 0x0";
  BlockCase c = GENERATE_COPY(
      BlockCase{"Compare and Verify, which reads no metadata",
                kDiskA + Lines{Command(7, "0x5"), kRead, Command(8, "0xc"), kRead,
                               ReadOf("0xa1", "0xb1", "offset 33554432 bytes 0")},
                {"nvme /a.img read 4096 - ok", "nvme /a.img read 4096 - ok"}},
      BlockCase{"Copy of two ranges, and what comes after it is not its",
                kDiskA + Lines{"7@1.000000:" + Command(7, "0x19"), "7@1.000000:" + kRead, "8@1.000000:" + kWrite,
                               "8@1.000000:" + kRead, "8@1.000000:" + kWrite, "8@1.000000:" + FlushEnd(7),
                               "8@1.000000:" + kRead},
                {"nvme /a.img read 4096 - ok", "nvme /a.img write 4096 - ok", "nvme /a.img read 4096 - ok",
                 "nvme /a.img write 4096 - ok"}},
      BlockCase{"refused: the next read is QEMU's own",
                kDiskA + Lines{Command(7, "0x5"), Error(7, "0x5"), kRead, Command(7, "0x19"), Error(7, "0x19"), kRead},
                {}},
      BlockCase{"a read of another thread, or behind another command",
                kDiskA + Lines{"7@1.000000:" + Command(7, "0x5"), "8@1.000000:" + kRead, "7@1.000000:" + Flush(1),
                               "7@1.000000:" + FlushEnd(1), "7@1.000000:" + kRead},
                {"nvme nsid 1 flush - 0 ok"}},
      BlockCase{"zeroes between the parts of a Copy",
                kDiskA + Lines{Command(7, "0x19"), kRead,
                               "blk_co_pwritev blk 0xa1 bs 0xb1 offset 0 bytes 4096 flags 0x6", kWrite},
                {"nvme /a.img read 4096 - ok", "nvme /a.img write 4096 - ok"}});
  Check(c);
}

TEST_CASE("NVMe: whose flush it is, is told as long as no other drive can be meant") {
  const Lines kRead = {"pci_nvme_io_cmd cid 7 nsid 0x1 sqid 1 opc 0x2 opname 'NVME_NVM_CMD_READ'"};
  const Lines kFlush = {Flush(9), FlushEnd(9)};
  const Lines kReadOfA = kRead + Dma("0xa1", "0xb1", 0, 4096);
  const Lines kIdeReadOfB = {"ide_dma_cb IDEState 0x5; sector_num=0 n=1 cmd=DMA READ"};
  const std::string kWant = "nvme /a.img read 4096 - ok";
  BlockCase c = GENERATE_COPY(
      BlockCase{"the only one", kDiskA + kReadOfA + kFlush, {kWant, "nvme /a.img flush - - ok"}},
      BlockCase{
          "another one that did nothing yet", kDiskA + kDiskB + kReadOfA + kFlush, {kWant, "nvme nsid 1 flush - - ok"}},
      BlockCase{"another one, of another interface",
                kDiskA + kDiskB + kIdeReadOfB + Dma("0xa2", "0xb2", 0, 512) + kReadOfA + kFlush,
                {"ide /b c.img read 512 - ok", kWant, "nvme /a.img flush - - ok"}},
      BlockCase{"another one, that QEMU reads itself: firmware",
                kDiskA + kDiskB + Lines{ReadOf("0xa2", "0xb2", "offset 0 bytes 131072")} + kReadOfA + kFlush,
                {kWant, "nvme /a.img flush - - ok"}},
      BlockCase{"another one that was unplugged",
                kDiskA + kDiskB + Lines{"blk_root_detach child 0xc2 blk 0xa2 bs 0xb2"} + kReadOfA + kFlush,
                {kWant, "nvme /a.img flush - - ok"}},
      BlockCase{"the log began late", kReadOfA + kFlush, {"nvme 0xa1 read 4096 - ok", "nvme nsid 1 flush - - ok"}});
  Check(c);
}

TEST_CASE("NVMe: by lines of its own, as long as none of DMA come") {
  const std::string kAdmin = Completion(0, "0x0", 0);
  const Lines kDmaOfA = Dma("0xa1", "0xb1", 0, 4096);
  const Lines kCommand = {"pci_nvme_io_cmd cid 7 nsid 0x1 sqid 1 opc 0x2 opname 'NVME_NVM_CMD_READ'"};
  BlockCase c = GENERATE_COPY(
      BlockCase{"a read, a write, and zeroes that are in neither",
                {Begin(7, 8), End(7, "d0"), BeginWrite(7, "WRITE", 2), End(7, "d0"), BeginWrite(8, "ZONE_APPEND", 1),
                 End(8, "d0"), BeginWrite(9, "WRITE_ZEROES", 99), End(9, "d0")},
                {"nvme d0 read 4096 - ok", "nvme d0 write 1024 - ok", "nvme d0 write 512 - ok"},
                {"nvme nsid 1 1", "nvme nsid 1 0", "nvme d0 1", "nvme d0 0", "nvme d0 1", "nvme d0 0"}},
      BlockCase{
          "times are those of the request, not of what tells how it ended",
          {kAdmin, "7@1.000000:" + Begin(7, 8), "7@1.500000:" + End(7, "d0"), "7@3.000000:" + Completion(7, "0x0")},
          {"nvme d0 read 4096 0.5 ok"}},
      BlockCase{"an error, two that were aborted, and one whose status is of another",
                {kAdmin, Begin(7, 8), End(7, "d0"), Completion(7, "0x281"), Begin(7, 8), End(7, "d0"),
                 Completion(7, "0x4007"), Begin(7, 8), End(7, "d0"), Completion(7, "0x8"), Begin(7, 8), End(7, "d0"),
                 Completion(6, "0x281")},
                {"nvme d0 read - - error", "nvme d0 read - - cancelled", "nvme d0 read - - cancelled",
                 "nvme d0 read 4096 - ok"}},
      BlockCase{"no status comes",
                {kAdmin, Begin(7, 8), End(7, "d0"), Begin(7, 1), End(7, "d0"), kAdmin},
                {"nvme d0 read 4096 - ok", "nvme d0 read 512 - ok"}},
      BlockCase{"a request that QEMU refuses is none, as by DMA",
                {Begin(7, 8), Completion(7, "0x4080"), Begin(7, 1), End(7, "d0"), Completion(7, "0x0")},
                {"nvme d0 read 512 - ok"}},
      BlockCase{"a command of another queue fails, with the cid of a request that is open",
                {Begin(7, 8), Completion(7, "0x4002", 0), End(7, "d0"), kAdmin},
                {"nvme d0 read 4096 - ok"}},
      BlockCase{
          "one cid on three queues of two drives",
          {Begin(7, 1), Begin(7, 2), BeginWrite(7, "WRITE", 4), End(7, "d1"), End(7, "d0"), End(7, "d0"), End(7, "d0")},
          {"nvme d1 write 2048 - ok", "nvme d0 read 1024 - ok", "nvme d0 read 512 - ok"}},
      BlockCase{"an end is missing: the next request of the cid is not the slower for it",
                {"7@1.000000:" + Begin(7, 1), "7@5.000000:" + Begin(7, 2), "7@5.250000:" + End(7, "d0"),
                 "7@6.000000:" + Begin(7, 4), "7@6.250000:" + End(7, "d0")},
                {"nvme d0 read 1024 0.25 ok", "nvme d0 read 2048 0.25 ok"},
                {},
                0,
                1},
      BlockCase{
          "the image, by the read or write that follows",
          kDiskA + Lines{Begin(7, 1, 10), ReadOf("0xa1", "0xb1", "offset 8192 bytes 512"), End(7, "d0"), Begin(8, 8),
                         ReadOf("0xa1", "0xb1", "offset 0 bytes 4096"), Begin(9, 1), End(9, "d0"), End(8, "d0")},
          {"nvme /a.img read 512 - ok", "nvme /a.img read 512 - ok", "nvme /a.img read 4096 - ok"},
          {"nvme nsid 1 1", "nvme nsid 1 0", "nvme /a.img 1", "nvme /a.img 0", "nvme /a.img 1", "nvme /a.img 2",
           "nvme /a.img 1", "nvme /a.img 0"}},
      BlockCase{
          "a read that is of others",
          kDiskA + Lines{"7@1.000000:" + Begin(7, 8), "8@1.000000:" + ReadOf("0xa1", "0xb1", "offset 0 bytes 512"),
                         "7@1.000000:" + ReadOf("0xa1", "0xb1", "offset 512 bytes 512"), "7@2.000000:" + End(7, "d0")},
          {"nvme d0 read 4096 1 ok"}},
      BlockCase{"two drives at once, by their images",
                kDiskA + kDiskB +
                    Lines{Begin(7, 8), ReadOf("0xa1", "0xb1", "offset 0 bytes 4096"), Begin(6, 1),
                          ReadOf("0xa2", "0xb2", "offset 0 bytes 512"), End(6, ""), End(7, "")},
                {"nvme /b c.img read 512 - ok", "nvme /a.img read 4096 - ok"}},
      BlockCase{"no name, and a request of no blocks", {Begin(7, 0), End(7, "")}, {"nvme nsid 1 read 0 - ok"}},
      BlockCase{"an end without a begin, and one that comes twice",
                {End(7, "d0"), Begin(7, 1), End(7, "d0"), End(7, "d0")},
                {"nvme d0 read 512 - ok"}},
      BlockCase{"DMA from the start: it counts",
                kDiskA + kCommand + Lines{Begin(7, 8)} + kDmaOfA + Lines{End(7, "d0"), Completion(7, "0x0")} +
                    kCommand + Lines{Begin(7, 8)} + kDmaOfA + Lines{End(7, "d0"), Completion(7, "0x0")},
                {"nvme /a.img read 4096 - ok", "nvme /a.img read 4096 - ok"}},
      BlockCase{"DMA from some moment on, while a request is open",
                kDiskA + kCommand + Lines{Begin(6, 1)} + kCommand + Lines{Begin(7, 8)} + kDmaOfA +
                    Lines{End(7, "d0"), Begin(5, 1), End(5, "d0"), End(6, "d0")} + kCommand + Lines{Begin(6, 8)} +
                    kDmaOfA + Lines{End(6, "d0"), Flush(9), FlushEnd(9)},
                {"nvme /a.img read 4096 - ok", "nvme d0 read 512 - ok", "nvme /a.img read 4096 - ok",
                 "nvme /a.img flush - - ok"}},
      BlockCase{"the same, after requests that ended",
                kDiskA + kDiskB + Lines{Begin(6, 1), End(6, "d0")} + kCommand + Lines{Begin(7, 8)} + kDmaOfA +
                    Lines{"blk_root_detach child 0xc2 blk 0xa2 bs 0xb2", Flush(9), FlushEnd(9)},
                {"nvme d0 read 512 - ok", "nvme /a.img read 4096 - ok", "nvme /a.img flush - - ok"}},
      BlockCase{"DMA of another disk says nothing of NVMe's",
                kDiskA + Lines{Begin(7, 1), "ide_dma_cb IDEState 0x5; sector_num=0 n=8 cmd=DMA READ"} + kDmaOfA +
                    Lines{End(7, "d0"), Begin(7, 2), End(7, "d0")},
                {"ide /a.img read 4096 - ok", "nvme d0 read 512 - ok", "nvme d0 read 1024 - ok"}});
  Check(c);
}

TEST_CASE("NVMe by lines of its own: what is open is bounded in number and age") {
  const Lines kThree = {"7@1.000000:" + Begin(7, 1), "7@2.000000:" + Begin(7, 2), "7@3.000000:" + Begin(8, 4)};
  const Lines kEnds = {"7@3.000000:" + End(8, "d0"), "7@3.000000:" + End(7, "d0"), "7@3.000000:" + End(7, "d0")};
  Check({"within", kThree + kEnds, {"nvme d0 read 2048 0 ok", "nvme d0 read 1024 1 ok", "nvme d0 read 512 2 ok"}});
  Check({"too many", kThree + kEnds, {"nvme d0 read 2048 0 ok", "nvme d0 read 1024 1 ok"}, {}, 1}, {.max_open = 2});
  Check({"too many of one cid", kThree + kEnds, {"nvme d0 read 2048 0 ok"}, {}, 2}, {.max_open = 1});
  Check({"too old", kThree, {}, {"nvme nsid 1 1", "nvme nsid 1 2"}, 1, 2}, {.max_open_age_us = 1'999'999});
}

TEST_CASE("NVMe by lines of its own: Reset abandons what is open") {
  Replay replay("block_request");
  replay.Play(Lines{Completion(0, "0x0", 0), Begin(7, 1), Begin(7, 1), Begin(8, 1), End(8, "d0")});
  CHECK(replay.emitted.empty());  // the next line tells how it ended
  replay.decoder().Reset();
  CHECK(replay.abandoned() == 3);
  CHECK(replay.open() == 0);
  CHECK(replay.InFlight().empty());
  replay.Play(Lines{End(7, "d0"), Begin(7, 1), End(7, "d0")});
  CHECK(replay.emitted == Lines{"block_request nvme d0 read 512 - ok 0"});
}
