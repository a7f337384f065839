// Requests of virtio-blk.
#include "decoders/disk/block_cases_for_test.h"

using namespace qte::decoders;

TEST_CASE("virtio-blk: reads, writes, flushes and what is none of them") {
  BlockCase c = GENERATE(
      BlockCase{"a read and a write",
                kDiskA + Lines{"7@1.000000:virtio_blk_handle_read vdev 0x1 req 0x10 sector 8 nsectors 2",
                               "7@1.000001:" + ReadOf("0xa1", "0xb1", "offset 4096 bytes 1024"),
                               "7@1.000500:virtio_blk_req_complete vdev 0x1 req 0x10 status 0",
                               "7@1.001000:virtio_blk_handle_write vdev 0x1 req 0x10 sector 0 nsectors 1",
                               "7@1.003000:virtio_blk_req_complete vdev 0x1 req 0x10 status 0"},
                {"virtio-blk /a.img read 1024 0.0005 ok", "virtio-blk /a.img write 512 0.002 ok"},
                {"virtio-blk 0x1 1", "virtio-blk 0x1 0", "virtio-blk /a.img 1", "virtio-blk /a.img 0",
                 "virtio-blk /a.img 1", "virtio-blk /a.img 0"}},
      BlockCase{
          "merged requests count one by one",
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
      BlockCase{"a flush, a question for the serial number, a discard",
                kDiskA + Lines{"virtio_blk_handle_read vdev 0x1 req 0x10 sector 0 nsectors 1",
                               ReadOf("0xa1", "0xb1", "offset 0 bytes 512"),
                               "virtio_blk_req_complete vdev 0x1 req 0x10 status 0",
                               "7@1.000000:virtqueue_pop vq 0x5 elem 0x10 in_num 1 out_num 1",
                               "7@1.250000:virtio_blk_req_complete vdev 0x1 req 0x10 status 0",
                               "virtqueue_pop vq 0x5 elem 0x10 in_num 2 out_num 1",
                               "virtio_blk_req_complete vdev 0x1 req 0x10 status 0",
                               "virtqueue_pop vq 0x5 elem 0x10 in_num 1 out_num 2",
                               "virtio_blk_req_complete vdev 0x1 req 0x10 status 0"},
                {"virtio-blk /a.img read 512 - ok", "virtio-blk /a.img flush - 0.25 ok",
                 "virtio-blk /a.img unmap - - ok"}},
      BlockCase{"zeroes, beside a discard and a write; and some that fail",
                kDiskA + Lines{"virtio_blk_handle_read vdev 0x1 req 0x10 sector 0 nsectors 1",
                               ReadOf("0xa1", "0xb1", "offset 0 bytes 512"),
                               "virtio_blk_req_complete vdev 0x1 req 0x10 status 0",
                               "virtqueue_pop vq 0x5 elem 0x11 in_num 1 out_num 2",
                               "7@1.000000:virtqueue_pop vq 0x5 elem 0x12 in_num 1 out_num 2",
                               "7@1.000000:blk_co_pwritev blk 0xa1 bs 0xb1 offset 8192 bytes 1048576 flags 0x6",
                               "virtqueue_pop vq 0x5 elem 0x13 in_num 1 out_num 2",
                               "virtio_blk_handle_write vdev 0x1 req 0x13 sector 8 nsectors 8",
                               "blk_co_pwritev blk 0xa1 bs 0xb1 offset 4096 bytes 4096 flags 0x0",
                               "7@1.500000:virtio_blk_req_complete vdev 0x1 req 0x12 status 0",
                               "virtio_blk_req_complete vdev 0x1 req 0x11 status 0",
                               "virtio_blk_req_complete vdev 0x1 req 0x13 status 0",
                               "virtqueue_pop vq 0x5 elem 0x11 in_num 1 out_num 2",
                               "blk_co_pwritev blk 0xa1 bs 0xb1 offset 0 bytes 4096 flags 0x2",
                               "virtio_blk_req_complete vdev 0x1 req 0x11 status 1"},
                {"virtio-blk /a.img read 512 - ok", "virtio-blk /a.img write 1048576 0.5 ok",
                 "virtio-blk /a.img unmap - - ok", "virtio-blk /a.img write 4096 - ok", "virtio-blk /a.img write - - error"}},
      BlockCase{
          "a pop of another device under the pointer of an old flush",
          {"virtqueue_pop vq 0x5 elem 0x10 in_num 1 out_num 1", "virtqueue_pop vq 0x6 elem 0x10 in_num 0 out_num 3",
           "virtio_blk_req_complete vdev 0x1 req 0x10 status 0"},
          {}},
      BlockCase{"errors have no bytes",
                kDiskA + Lines{"virtio_blk_handle_read vdev 0x1 req 0x10 sector 0 nsectors 1",
                               ReadOf("0xa1", "0xb1", "offset 0 bytes 512"),
                               "virtio_blk_req_complete vdev 0x1 req 0x10 status 1",
                               "virtqueue_pop vq 0x5 elem 0x10 in_num 1 out_num 1",
                               "virtio_blk_req_complete vdev 0x1 req 0x10 status 1"},
                {"virtio-blk /a.img read - - error", "virtio-blk /a.img flush - - error"}},
      BlockCase{"handled again after an error that stopped the guest",
                kDiskA + Lines{"7@1.000000:virtio_blk_handle_write vdev 0x1 req 0x10 sector 0 nsectors 1",
                               "7@9.000000:virtio_blk_handle_write vdev 0x1 req 0x10 sector 0 nsectors 1",
                               "7@9.500000:virtio_blk_req_complete vdev 0x1 req 0x10 status 0"},
                {"virtio-blk 0x1 write 512 8.5 ok"}},
      BlockCase{"reused without end",
                {"virtio_blk_handle_write vdev 0x1 req 0x10 sector 0 nsectors 1",
                 "virtio_blk_handle_write vdev 0x1 req 0x10 sector 8 nsectors 2",
                 "virtio_blk_req_complete vdev 0x1 req 0x10 status 0"},
                {"virtio-blk 0x1 write 1024 - ok"},
                {},
                1},
      BlockCase{"null pointers are pointers, too",
                {"virtio_blk_handle_read vdev (nil) req (nil) sector 0 nsectors 1",
                 "virtio_blk_req_complete vdev (nil) req (nil) status 0"},
                {"virtio-blk (nil) read 512 - ok"}},
      BlockCase{"the clock was set back",
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
  const Lines kSnapshot = {"bdrv_open_common bs 0xb3 filename \"/snap.img\" flags 0x0 format_name \"qcow2\"",
                           "blk_root_detach child 0xc1 blk 0xa1 bs 0xb1", "blk_root_attach child 0xc1 blk 0xa1 bs 0xb3"};
  auto without_threads = [](Lines lines) {
    for (std::string& line : lines) line = line.substr(line.find(':') + 1);
    return lines;
  };
  BlockCase c = GENERATE_COPY(
      BlockCase{"two at one offset, told apart by thread",
                kDiskA + kDiskB + kBoth,
                {"virtio-blk /a.img read 512 0 ok", "virtio-blk /b c.img read 512 0 ok"}},
      BlockCase{"two at one offset without threads: not guessed",
                kDiskA + kDiskB + without_threads(kBoth),
                {"virtio-blk 0x1 read 512 - ok", "virtio-blk 0x2 read 512 - ok"}},
      BlockCase{
          "two at one offset without threads, one of them known",
          kLearn + kDiskB + without_threads(kBoth),
          {"virtio-blk /a.img read 512 - ok", "virtio-blk /a.img read 512 - ok", "virtio-blk /b c.img read 512 - ok"}},
      BlockCase{"two at one offset without threads after a snapshot: the disk is still known",
                kLearn + kDiskB + kSnapshot + without_threads(kBoth),
                {"virtio-blk /a.img read 512 - ok", "virtio-blk /a.img read 512 - ok",
                 "virtio-blk /b c.img read 512 - ok"}},
      BlockCase{"a request open across a snapshot: its disk is the same",
                kLearn + Lines{"virtio_blk_handle_read vdev 0x1 req 0x10 sector 0 nsectors 1"} + kSnapshot +
                    Lines{"virtio_blk_req_complete vdev 0x1 req 0x10 status 0"},
                {"virtio-blk /a.img read 512 - ok", "virtio-blk /a.img read 512 - ok"},
                {"virtio-blk 0x1 1", "virtio-blk 0x1 0", "virtio-blk /a.img 1", "virtio-blk /a.img 0",
                 "virtio-blk /a.img 1", "virtio-blk /a.img 0"}},
      BlockCase{
          "unplugged, and its pointer another disk's",
          kLearn + Lines{"blk_root_detach child 0xc1 blk 0xa1 bs 0xb1"} + kDiskB +
              Lines{"virtio_blk_handle_read vdev 0x1 req 0x10 sector 0 nsectors 1",
                    ReadOf("0xa2", "0xb2", "offset 0 bytes 512"), "virtio_blk_req_complete vdev 0x1 req 0x10 status 0"},
          {"virtio-blk /a.img read 512 - ok", "virtio-blk /b c.img read 512 - ok"}},
      BlockCase{"unplugged, and device and backend both of another disk",
                kLearn + Lines{"blk_root_detach child 0xc1 blk 0xa1 bs 0xb1",
                               "bdrv_open_common bs 0xb1 filename \"/new.img\" flags 0x0 format_name \"raw\"",
                               "blk_root_attach child 0xc1 blk 0xa1 bs 0xb1",
                               "virtio_blk_handle_read vdev 0x1 req 0x10 sector 0 nsectors 1",
                               ReadOf("0xa1", "0xb1", "offset 0 bytes 512"),
                               "virtio_blk_req_complete vdev 0x1 req 0x10 status 0"},
                {"virtio-blk /a.img read 512 - ok", "virtio-blk /new.img read 512 - ok"}},
      BlockCase{"a probe at another offset or of another size is not taken for it",
                kDiskA + kDiskB +
                    Lines{"virtio_blk_handle_read vdev 0x1 req 0x10 sector 8 nsectors 8",
                          ReadOf("0xa2", "0xb2", "offset 0 bytes 512"), ReadOf("0xa2", "0xb2", "offset 4096 bytes 512"),
                          ReadOf("0xa1", "0xb1", "offset 4096 bytes 4096"),
                          "virtio_blk_req_complete vdev 0x1 req 0x10 status 0"},
                {"virtio-blk /a.img read 4096 - ok"}},
      BlockCase{"the log began late: the backend's pointer",
                {"virtio_blk_handle_read vdev 0x1 req 0x10 sector 0 nsectors 1",
                 ReadOf("0xa1", "0xb1", "offset 0 bytes 512"), "virtio_blk_req_complete vdev 0x1 req 0x10 status 0"},
                {"virtio-blk 0xa1 read 512 - ok"}});
  Check(c);
}
