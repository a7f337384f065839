// Requests of SCSI.
#include "decoders/disk/block_cases_for_test.h"

using namespace qte::decoders;

TEST_CASE("SCSI: by DMA and without, with flushes") {
  auto parsed = [](const std::string& who, int command, int length) {
    return "scsi_req_parsed " + who + " command " + std::to_string(command) + " dir 1 length " + std::to_string(length);
  };
  const std::string kWho = "target 1 lun 0 tag -5";
  BlockCase c = GENERATE_COPY(
      BlockCase{"by DMA; a flush of the same unit",
                kDiskA + Lines{parsed(kWho, 40, 4096), "scsi_req_continue " + kWho} +
                    Lines{"dma_blk_io dbs=0xd1 bs=0x51 offset=0 to_dev=0", "dma_blk_cb dbs=0xd1 ret=0",
                          ReadOf("0xa1", "0xb1", "offset 0 bytes 4096"), "dma_complete dbs=0xd1 ret=0 cb=0x1",
                          "scsi_req_dequeue " + kWho, "7@1.000000:" + parsed(kWho, 53, 0), "scsi_req_continue " + kWho,
                          "7@1.500000:scsi_req_dequeue " + kWho},
                {"scsi /a.img read 4096 - ok", "scsi /a.img flush - 0.5 ok"},
                {"scsi /a.img 1", "scsi /a.img 0"}},
      BlockCase{"by DMA that its line does not announce, since a flush comes first",
                kDiskA + Lines{parsed(kWho, 40, 4096), "dma_blk_io dbs=0xd1 bs=0x51 offset=0 to_dev=0",
                               "dma_blk_cb dbs=0xd1 ret=0", ReadOf("0xa1", "0xb1", "offset 0 bytes 4096"),
                               "dma_complete dbs=0xd1 ret=0 cb=0x1", "scsi_req_dequeue " + kWho},
                {"scsi /a.img read 4096 - ok"}},
      BlockCase{"without DMA, in pieces: one request",
                kDiskA + Lines{"7@1.000000:" + parsed(kWho, 40, 196608), "7@1.000000:scsi_req_continue " + kWho,
                               "7@1.000000:" + ReadOf("0xa1", "0xb1", "offset 0 bytes 131072"),
                               "7@1.000000:scsi_req_continue " + kWho,
                               "7@1.000000:" + ReadOf("0xa1", "0xb1", "offset 131072 bytes 65536"),
                               "7@1.125000:scsi_req_dequeue " + kWho},
                {"scsi /a.img read 196608 0.125 ok"},
                {"scsi /a.img 1", "scsi /a.img 0"}},
      BlockCase{"without DMA, two that begin while another one ends: their reads and writes come after, in order",
                kDiskA + kDiskB +
                    Lines{parsed("target 3 lun 0 tag 1", 42, 4096), "scsi_req_continue target 3 lun 0 tag 1",
                          parsed("target 1 lun 0 tag 1", 40, 8192), "scsi_req_continue target 1 lun 0 tag 1",
                          parsed("target 2 lun 0 tag 2", 40, 8192), "scsi_req_continue target 2 lun 0 tag 2",
                          parsed("target 1 lun 0 tag 3", 42, 512), "scsi_req_continue target 1 lun 0 tag 3",
                          "scsi_req_continue target 1 lun 0 tag 3", parsed("target 2 lun 0 tag 4", 42, 1024),
                          "scsi_req_continue target 2 lun 0 tag 4", "scsi_req_continue target 2 lun 0 tag 4"} +
                    Lines{ReadOf("0xa1", "0xb1", "offset 0 bytes 8192"), ReadOf("0xa2", "0xb2", "offset 0 bytes 8192"),
                          "blk_co_pwritev blk 0xa1 bs 0xb1 offset 0 bytes 512 flags 0x0",
                          "blk_co_pwritev blk 0xa2 bs 0xb2 offset 0 bytes 1024 flags 0x0",
                          "scsi_req_dequeue target 2 lun 0 tag 2", "scsi_req_dequeue target 1 lun 0 tag 1",
                          "scsi_req_dequeue target 2 lun 0 tag 4", "scsi_req_dequeue target 1 lun 0 tag 3",
                          "scsi_req_dequeue target 3 lun 0 tag 1"},
                {"scsi /b c.img read 8192 - ok", "scsi /a.img read 8192 - ok", "scsi /b c.img write 1024 - ok",
                 "scsi /a.img write 512 - ok"}},
      BlockCase{
          "one that fails without DMA, one that only has something to tell, and a flush that fails",
          kDiskA +
              Lines{parsed(kWho, 40, 4096), "scsi_req_continue " + kWho, ReadOf("0xa1", "0xb1", "offset 0 bytes 4096"),
                    "scsi_req_build_sense " + kWho + " key 0x0b asc 0x00 ascq 0x06", "scsi_req_dequeue " + kWho,
                    parsed(kWho, 40, 512), "scsi_req_continue " + kWho, ReadOf("0xa1", "0xb1", "offset 0 bytes 512"),
                    "scsi_req_build_sense " + kWho + " key 0x01 asc 0x17 ascq 0x01", "scsi_req_dequeue " + kWho,
                    parsed(kWho, 53, 0), "scsi_req_build_sense " + kWho + " key 0x03 asc 0x0c ascq 0x00",
                    "scsi_req_dequeue " + kWho},
          {"scsi /a.img read - - error", "scsi /a.img read 512 - ok", "scsi /a.img flush - - error"}},
      BlockCase{"WRITE SAME: of zeroes, and of a pattern in two pieces, of which only the first is announced",
                kDiskA + Lines{parsed(kWho, 0x93, 512), "scsi_req_continue " + kWho, "scsi_req_continue " + kWho,
                               "blk_co_pwritev blk 0xa1 bs 0xb1 offset 0 bytes 1048576 flags 0x2",
                               "scsi_req_dequeue " + kWho, parsed(kWho, 0x41, 512), "scsi_req_continue " + kWho,
                               "blk_co_pwritev blk 0xa1 bs 0xb1 offset 4096 bytes 524288 flags 0x0",
                               "blk_co_pwritev blk 0xa1 bs 0xb1 offset 0 bytes 512 flags 0x0",
                               "blk_co_pwritev blk 0xa1 bs 0xb1 offset 528384 bytes 4096 flags 0x0",
                               "scsi_req_dequeue " + kWho,
                               "blk_co_pwritev blk 0xa1 bs 0xb1 offset 532480 bytes 4096 flags 0x0"},
                {"scsi /a.img write 1048576 - ok", "scsi /a.img write 528384 - ok"}},
      BlockCase{"commands that do not touch the medium, and a read that was refused",
                kDiskA + Lines{parsed(kWho, 18, 36), "scsi_req_continue " + kWho, "scsi_req_dequeue " + kWho,
                               parsed(kWho, 40, 512), "scsi_req_dequeue " + kWho},
                {}},
      BlockCase{
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
      BlockCase{"a tag reused without end: the later one ends",
                {"7@1.000000:" + parsed(kWho, 53, 0), "7@2.000000:" + parsed(kWho, 53, 0),
                 "7@2.500000:scsi_req_dequeue " + kWho},
                {"scsi target 1 lun 0 flush - 0.5 ok"},
                {},
                0,
                1});
  Check(c);
}

namespace {

std::string Parsed(const std::string& who, int command, int length) {
  return "scsi_req_parsed " + who + " command " + std::to_string(command) + " dir 1 length " + std::to_string(length);
}

std::string WriteOf(const std::string& disk, int bytes) {
  return "blk_co_pwritev blk 0xa" + disk + " bs 0xb" + disk + " offset 0 bytes " + std::to_string(bytes) + " flags 0x0";
}

}  // namespace

TEST_CASE("SCSI: commands of two controllers with the same target, unit and tag") {
  const std::string kWho = "target 0 lun 0 tag 9";
  const std::string kGoesOn = "scsi_req_continue " + kWho;
  const std::string kEnds = "scsi_req_dequeue " + kWho;
  const std::string kReadOfA = ReadOf("0xa1", "0xb1", "offset 0 bytes 4096");
  BlockCase c = GENERATE_COPY(
      BlockCase{"a read beside a write, whose data come later",
                kDiskA + kDiskB +
                    Lines{Parsed(kWho, 42, 65536), kGoesOn, Parsed(kWho, 40, 4096), kGoesOn, kReadOfA, kGoesOn,
                          WriteOf("2", 65536), kGoesOn, kEnds, kEnds},
                {"scsi /a.img read 4096 - ok", "scsi /b c.img write 65536 - ok"}},
      BlockCase{"two writes of other sizes, of which the later one goes first",
                kDiskA + kDiskB +
                    Lines{Parsed(kWho, 42, 65536), kGoesOn, Parsed(kWho, 42, 4096), kGoesOn, kGoesOn,
                          WriteOf("2", 4096), kGoesOn, WriteOf("1", 65536), kEnds, kEnds},
                {"scsi /b c.img write 4096 - ok", "scsi /a.img write 65536 - ok"}},
      BlockCase{"two writes, of which the later one ends before the earlier one has its data; another one's of that size",
                kDiskA + kDiskB + Lines{"bdrv_open_common bs 0xb3 filename \"/c.img\" flags 0x0 format_name \"raw\"",
                                        "blk_root_attach child 0xc3 blk 0xa3 bs 0xb3"} +
                    Lines{Parsed(kWho, 42, 4096), kGoesOn, Parsed(kWho, 42, 65536), kGoesOn, kGoesOn,
                          WriteOf("2", 65536), kEnds, Parsed("target 0 lun 1 tag 1", 42, 4096),
                          "scsi_req_continue target 0 lun 1 tag 1", "scsi_req_continue target 0 lun 1 tag 1",
                          WriteOf("3", 4096), "scsi_req_dequeue target 0 lun 1 tag 1", kGoesOn, WriteOf("1", 4096),
                          kEnds},
                {"scsi /b c.img write 65536 - ok", "scsi /c.img write 4096 - ok", "scsi /a.img write 4096 - ok"}},
      BlockCase{"a read that ends while a write waits for its data; another one's write of that size",
                kDiskA + kDiskB +
                    Lines{Parsed(kWho, 40, 65536), kGoesOn, ReadOf("0xa1", "0xb1", "offset 0 bytes 65536"),
                          Parsed(kWho, 42, 65536), kGoesOn, kGoesOn, kEnds, Parsed("target 0 lun 0 tag 10", 42, 65536),
                          "scsi_req_continue target 0 lun 0 tag 10", "scsi_req_continue target 0 lun 0 tag 10",
                          WriteOf("1", 65536), "scsi_req_dequeue target 0 lun 0 tag 10", kGoesOn, WriteOf("2", 65536), kEnds},
                {"scsi /a.img read 65536 - ok", "scsi /a.img write 65536 - ok", "scsi /b c.img write 65536 - ok"}},
      BlockCase{"two writes, of which the earlier one goes first; another one's of the later one's size",
                kDiskA + kDiskB +
                    Lines{Parsed(kWho, 42, 65536), kGoesOn, Parsed(kWho, 42, 4096), kGoesOn, kGoesOn, WriteOf("1", 65536), kEnds,
                          Parsed("target 0 lun 0 tag 10", 42, 4096), "scsi_req_continue target 0 lun 0 tag 10",
                          "scsi_req_continue target 0 lun 0 tag 10", WriteOf("1", 4096), "scsi_req_dequeue target 0 lun 0 tag 10",
                          kGoesOn, WriteOf("2", 4096), kEnds},
                {"scsi /a.img write 65536 - ok", "scsi /a.img write 4096 - ok", "scsi /b c.img write 4096 - ok"}},
      BlockCase{"two reads in pieces",
                kDiskA + kDiskB +
                    Lines{Parsed(kWho, 40, 135168), kGoesOn, ReadOf("0xa1", "0xb1", "offset 0 bytes 131072"),
                          Parsed(kWho, 40, 135168), kGoesOn, ReadOf("0xa2", "0xb2", "offset 0 bytes 131072"), kGoesOn,
                          ReadOf("0xa1", "0xb1", "offset 131072 bytes 4096"), kGoesOn,
                          ReadOf("0xa2", "0xb2", "offset 131072 bytes 4096"), kGoesOn, kEnds, kGoesOn, kEnds},
                {"scsi /b c.img read 135168 - ok", "scsi /a.img read 135168 - ok"}},
      BlockCase{"a command that only asks, and fails, while a read is under way",
                kDiskA + Lines{Parsed(kWho, 40, 4096), kGoesOn, kReadOfA, Parsed(kWho, 0, 0),
                               "scsi_req_build_sense " + kWho + " key 0x06 asc 0x29 ascq 0x00", kEnds, kGoesOn, kEnds},
                {"scsi /a.img read 4096 - ok"}},
      BlockCase{"an unmap, which asks for its list of ranges",
                Lines{Parsed(kWho, 66, 24), "scsi_req_continue " + kWho, "scsi_req_continue " + kWho,
                      "scsi_req_dequeue " + kWho},
                {"scsi target 0 lun 0 unmap - - ok"}},
      BlockCase{"a flush beside a read that ends first",
                kDiskA + Lines{Parsed(kWho, 40, 4096), kGoesOn, kReadOfA, Parsed(kWho, 53, 0), kGoesOn, kEnds, kEnds},
                {"scsi /a.img read 4096 - ok", "scsi /a.img flush - - ok"}});
  Check(c);
}

TEST_CASE("SCSI: virtio-scsi's queues tell the controller") {
  const std::string kWho = "target 0 lun 0 tag 9";
  auto pop = [](const std::string& queue) { return "virtqueue_pop vq " + queue + " elem 0x1 in_num 1 out_num 1"; };
  auto read = [&](const std::string& disk) {
    std::string at = "0xa" + disk;
    return Lines{Parsed(kWho, 40, 512),
                 "scsi_req_continue " + kWho,
                 "dma_blk_io dbs=0xd1 bs=0x5" + disk + " offset=0 to_dev=0",
                 "dma_blk_cb dbs=0xd1 ret=0",
                 ReadOf(at, "0xb" + disk, "offset 0 bytes 512"),
                 "dma_complete dbs=0xd1 ret=0 cb=0x1",
                 "scsi_req_dequeue " + kWho};
  };
  const Lines kFlush = {Parsed(kWho, 53, 0), "scsi_req_dequeue " + kWho};
  const Lines kReads =
      kDiskA + kDiskB + Lines{pop("0x7f0000100150")} + read("1") + Lines{pop("0x7f0000400150")} + read("2");
  const Lines kWant = {"scsi /a.img read 512 - ok", "scsi /b c.img read 512 - ok"};
  BlockCase c = GENERATE_COPY(
      BlockCase{"each controller's flush is of its disk",
                kReads + Lines{pop("0x7f0000100150")} + kFlush + Lines{pop("0x7f0000400150")} + kFlush,
                kWant + Lines{"scsi /a.img flush - - ok", "scsi /b c.img flush - - ok"}},
      BlockCase{"of another queue of the controller, too", kReads + Lines{pop("0x7f0000400440")} + kFlush,
                kWant + Lines{"scsi /b c.img flush - - ok"}},
      BlockCase{"a controller of which nothing was learned", kReads + Lines{pop("0x7f0000800150")} + kFlush,
                kWant + Lines{"scsi target 0 lun 0 flush - - ok"}},
      BlockCase{"one that is no virtio-scsi, and did nothing yet, beside them", kReads + kFlush,
                kWant + Lines{"scsi target 0 lun 0 flush - - ok"}},
      BlockCase{"a queue that somebody else has emptied is no sign",
                kDiskA + read("1") +
                    Lines{pop("0x7f0000100150"),
                          "virtio_blk_handle_read vdev 0x1 req 0x1 sector 0 "
                          "nsectors 1",
                          "virtio_blk_req_complete vdev 0x1 req 0x1 status 0"} +
                    kFlush,
                {"scsi /a.img read 512 - ok", "virtio-blk 0x1 read 512 - ok", "scsi /a.img flush - - ok"}},
      BlockCase{"a tag reused without end, of one controller",
                {pop("0x7f0000100150"), Parsed(kWho, 53, 0), pop("0x7f0000100150"), Parsed(kWho, 53, 0),
                 "scsi_req_dequeue " + kWho},
                {"scsi target 0 lun 0 flush - - ok"},
                {},
                1});
  Check(c);
}

TEST_CASE("SCSI: a disk that counts its tags has the flush with the next one") {
  auto who = [](int tag) { return "target 0 lun 0 tag " + std::to_string(tag); };
  auto reads = [&](const std::string& disk, int first, int count) {
    Lines lines;
    for (int tag = first; tag < first + count; ++tag) {
      lines = lines + Lines{Parsed(who(tag), 40, 512), "scsi_req_continue " + who(tag),
                            ReadOf("0xa" + disk, "0xb" + disk, "offset 0 bytes 512"),
                            "scsi_req_continue " + who(tag), "scsi_req_dequeue " + who(tag)};
    }
    return lines;
  };
  auto flush = [&](int tag) { return Lines{Parsed(who(tag), 53, 0), "scsi_req_dequeue " + who(tag)}; };
  const std::string kOfA = "scsi /a.img flush - - ok 0";
  const std::string kOfB = "scsi /b c.img flush - - ok 0";
  const std::string kOfNone = "scsi target 0 lun 0 flush - - ok 0";
  struct Case {
    const char* name;
    Lines lines;
    Lines want;
  };
  for (const Case& c : {
           Case{"each its own", reads("1", 5, 6) + reads("2", 20, 6) + flush(26) + flush(11), {kOfB, kOfA}},
           Case{"several, and commands that touch no medium between",
                reads("1", 5, 6) + reads("2", 20, 6) + Lines{Parsed(who(11), 0, 0), "scsi_req_dequeue " + who(11)} +
                    flush(12) + flush(13) + reads("2", 26, 1) + flush(27),
                {kOfA, kOfA, kOfB}},
           Case{"another tag", reads("1", 5, 6) + reads("2", 20, 6) + flush(99), {kOfNone}},
           Case{"both at one tag", reads("1", 5, 6) + reads("2", 5, 6) + flush(11), {kOfNone}},
           Case{"tags that seemed to count", reads("1", 5, 3) + reads("2", 20, 6) + flush(8), {kOfNone}},
           Case{"one that was taken for the other's", reads("1", 5, 6) + reads("2", 20, 6) + reads("2", 11, 1) + flush(12),
                {kOfNone}},
       }) {
    CAPTURE(c.name);
    Replay replay("block_request");
    replay.Play(kDiskA + kDiskB + c.lines);
    Lines flushes;
    for (const std::string& line : replay.emitted) {
      if (line.find(" flush ") != line.npos) flushes.push_back(line.substr(line.find(' ') + 1));
    }
    CHECK(flushes == c.want);
  }
}
