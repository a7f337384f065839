// Requests of NVMe.
#include "decoders/disk/block_cases_for_test.h"

using namespace qte::decoders;

TEST_CASE("NVMe: by DMA, with flushes and names") {
  const Lines kRead = {"pci_nvme_io_cmd cid 7 nsid 0x1 sqid 1 opc 0x2 opname 'NVME_NVM_CMD_READ'"};
  const Lines kFlush = {"pci_nvme_io_cmd cid 9 nsid 0x1 sqid 1 opc 0x0 opname 'NVME_NVM_CMD_FLUSH'"};
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
                {"nvme /a.img read 512 - ok"}});
  Check(c);
}

TEST_CASE("NVMe: whose flush it is, is told as long as no other drive can be meant") {
  const Lines kRead = {"pci_nvme_io_cmd cid 7 nsid 0x1 sqid 1 opc 0x2 opname 'NVME_NVM_CMD_READ'"};
  const Lines kFlush = {"pci_nvme_io_cmd cid 9 nsid 0x1 sqid 1 opc 0x0 opname 'NVME_NVM_CMD_FLUSH'"};
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
