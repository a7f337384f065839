// Requests of IDE and AHCI.
#include "decoders/disk/block_cases_for_test.h"

using namespace qte::decoders;

TEST_CASE("IDE and AHCI: DMA, programmed I/O, NCQ and flushes") {
  const Lines kIde = {"ide_exec_cmd IDE exec cmd: bus 0x7; state 0x5; cmd 0xc8",
                      "ide_dma_cb IDEState 0x5; sector_num=8 n=8 cmd=DMA READ"};
  BlockCase c = GENERATE_COPY(
      BlockCase{"by DMA",
                kDiskA + kIde + Dma("0xa1", "0xb1", 4096, 4096),
                {"ide /a.img read 4096 - ok"},
                {"ide /a.img 1", "ide /a.img 0"}},
      BlockCase{"a flush after it, before 10.0 and since",
                kDiskA + kIde + Dma("0xa1", "0xb1", 4096, 4096) +
                    Lines{"ide_exec_cmd IDE exec cmd: bus 0x7; state 0x5; cmd 0xe7",
                          "ide_bus_exec_cmd IDE exec cmd: bus 0x7; state 0x5; cmd 0xea"},
                {"ide /a.img read 4096 - ok", "ide /a.img flush - - ok", "ide /a.img flush - - ok"}},
      BlockCase{"a flush of a drive that did nothing yet",
                {"ide_exec_cmd IDE exec cmd: bus 0x7; state 0x5; cmd 0xe7"},
                {"ide 0x5 flush - - ok"}},
      BlockCase{"ide_dma_cb that repeats, as on a real boot, is one transfer",
                kDiskA + kIde + kIde + kIde + Dma("0xa1", "0xb1", 4096, 4096),
                {"ide /a.img read 4096 - ok"}},
      BlockCase{
          "TRIM",
          kDiskA + Lines{"ide_dma_cb IDEState 0x5; sector_num=-1 n=1 cmd=DMA TRIM",
                         "dma_blk_io dbs=0xd1 bs=0x5 offset=-512 to_dev=1", "dma_blk_cb dbs=0xd1 ret=0",
                         "dma_complete dbs=0xd1 ret=0 cb=0x1", "ide_dma_cb IDEState 0x5; sector_num=8 n=1 cmd=DMA TRIM",
                         "dma_blk_io dbs=0xd1 bs=0x5 offset=4096 to_dev=1", "dma_blk_cb dbs=0xd1 ret=0",
                         "dma_complete dbs=0xd1 ret=0 cb=0x1"},
          {"ide 0x5 unmap - - ok", "ide 0x5 unmap - - ok"}},
      BlockCase{"TRIM of a disk that has read",
                kDiskA + Lines{"ide_dma_cb IDEState 0x5; sector_num=8 n=8 cmd=DMA READ",
                               "dma_blk_io dbs=0xd1 bs=0xa1 offset=4096 to_dev=0", "dma_blk_cb dbs=0xd1 ret=0",
                               ReadOf("0xa1", "0xb1", "offset 4096 bytes 4096"), "dma_blk_cb dbs=0xd1 ret=0",
                               "dma_complete dbs=0xd1 ret=0 cb=0x1",
                               "ide_dma_cb IDEState 0x5; sector_num=-1 n=1 cmd=DMA TRIM",
                               "dma_blk_io dbs=0xd1 bs=0x5 offset=-512 to_dev=1", "dma_blk_cb dbs=0xd1 ret=0",
                               "dma_complete dbs=0xd1 ret=0 cb=0x1"},
                {"ide /a.img read 4096 - ok", "ide /a.img unmap - - ok"}},
      BlockCase{"by programmed I/O, and a flush",
                kDiskA + Lines{"ide_exec_cmd IDE exec cmd: bus 0x7; state 0x5; cmd 0x20",
                               "ide_sector_read sector=2 nsectors=1", ReadOf("0xa1", "0xb1", "offset 1024 bytes 512"),
                               "ide_sector_write sector=3 nsectors=2",
                               "blk_co_pwritev blk 0xa1 bs 0xb1 offset 1536 bytes 1024 flags 0x0",
                               "ide_exec_cmd IDE exec cmd: bus 0x7; state 0x5; cmd 0xe7"},
                {"ide /a.img read 512 - ok", "ide /a.img write 1024 - ok", "ide /a.img flush - - ok"}},
      BlockCase{"reads of QEMU itself between",
                kDiskA + kDiskB +
                    Lines{ReadOf("0xa2", "0xb2", "offset 1024 bytes 512"), "ide_sector_read sector=2 nsectors=1",
                          ReadOf("0xa2", "0xb2", "offset 0 bytes 512"), ReadOf("0xa1", "0xb1", "offset 1024 bytes 512"),
                          ReadOf("0xa1", "0xb1", "offset 1024 bytes 512")},
                {"ide /a.img read 512 - ok"}},
      BlockCase{"NCQ, read and write; the port's flush by the IDEState that IDENTIFY tells",
                kDiskA + Lines{"ide_exec_cmd IDE exec cmd: bus 0x7; state 0x5; cmd 0xec",
                               "ahci_pio_transfer ahci(0x9)[1]: writing 512 bytes on ata w/ sglist",
                               "process_ncq_command ahci(0x9)[1][tag:3]: NCQ op 0x61 on sectors [0,0]",
                               "execute_ncq_command_read ahci(0x9)[1][tag:3]: NCQ reading 1 sectors from LBA 0",
                               "dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=1", "dma_blk_cb dbs=0xd1 ret=0",
                               "blk_co_pwritev blk 0xa1 bs 0xb1 offset 0 bytes 512 flags 0x0",
                               "dma_complete dbs=0xd1 ret=0 cb=0x1",
                               "ide_exec_cmd IDE exec cmd: bus 0x7; state 0x5; cmd 0xea"},
                {"ide /a.img write 512 - ok", "ide /a.img flush - - ok"}},
      BlockCase{"an error and a cancelled one",
                kDiskA + kIde +
                    Lines{"7@1.000000:dma_blk_io dbs=0xd1 bs=0xa1 offset=4096 to_dev=0",
                          "7@1.000000:dma_blk_cb dbs=0xd1 ret=0",
                          "7@1.000000:" + ReadOf("0xa1", "0xb1", "offset 4096 bytes 4096"),
                          "7@1.500000:dma_complete dbs=0xd1 ret=-5 cb=0x1",
                          "dma_blk_io dbs=0xd1 bs=0xa1 offset=8192 to_dev=0", "dma_complete dbs=0xd1 ret=-125 cb=0x1"},
                {"ide /a.img read - 0.5 error", "ide /a.img read - - cancelled"},
                {"ide /a.img 1", "ide /a.img 0", "ide /a.img 1", "ide /a.img 0"}},
      BlockCase{"DMA that no front end announced", kDiskA + Dma("0xa1", "0xb1", 0, 512), {}},
      BlockCase{"nothing of the block layer traced: operations by pointer",
                {"ide_dma_cb IDEState 0x5; sector_num=8 n=8 cmd=DMA READ",
                 "dma_blk_io dbs=0xd1 bs=0xa1 offset=4096 to_dev=0", "dma_complete dbs=0xd1 ret=0 cb=0x1"},
                {"ide 0xa1 read - - ok"}});
  Check(c);
}

TEST_CASE("CD-ROMs behind IDE") {
  auto read = [](const std::string& method, int lba, int sectors, const std::string& state = "0x5") {
    return "ide_atapi_cmd_read IDEState: " + state + "; read " + method + ": LBA=" + std::to_string(lba) +
           " nb_sectors=" + std::to_string(sectors);
  };
  auto part = [](int lba, int sectors, const std::string& disk = "1") {
    return ReadOf("0xa" + disk, "0xb" + disk,
                  "offset " + std::to_string(lba * 2048) + " bytes " + std::to_string(sectors * 2048));
  };
  const std::string kPacket = "ide_exec_cmd IDE exec cmd: bus 0x7; state 0x5; cmd 0xa0";
  BlockCase c = GENERATE_COPY(
      BlockCase{"by DMA, in one piece",
                kDiskA + Lines{kPacket, read("dma", 16, 2), part(16, 2)},
                {"ide /a.img read 4096 - ok"}},
      BlockCase{
          "by DMA, in three pieces, of another thread: one read",
          kDiskA + Lines{"7@1.000000:" + read("dma", 0, 160), "7@1.000000:" + part(0, 64), "8@1.000000:" + part(64, 64),
                         "8@1.000000:" + part(128, 32), "8@1.000000:" + part(160, 1)},
          {"ide /a.img read 327680 - ok"}},
      BlockCase{"by programmed I/O: a read for each sector",
                kDiskA + Lines{read("pio", 17, 2), part(17, 1), part(18, 1), part(19, 1)},
                {"ide /a.img read 2048 - ok", "ide /a.img read 2048 - ok"}},
      BlockCase{"two drives at once",
                kDiskA + kDiskB +
                    Lines{read("dma", 0, 65), read("dma", 9, 65, "0x6"), part(9, 64, "2"), part(0, 64), part(64, 1),
                          part(73, 1, "2")},
                {"ide /b c.img read 133120 - ok", "ide /a.img read 133120 - ok"}},
      BlockCase{
          "a command that was given up leaves nothing", kDiskA + Lines{read("dma", 16, 2), kPacket, part(16, 2)}, {}},
      BlockCase{"more than was asked for is of others", kDiskA + Lines{read("dma", 16, 2), part(16, 3)}, {}});
  Check(c);
}
