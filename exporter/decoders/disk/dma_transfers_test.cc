#include "decoders/disk/disk_decoder.h"

#include <algorithm>
#include <random>

#include "decoders/replay_for_test.h"

using namespace qte::decoders;

namespace {

// At start: a file node under a temporary backend, then the format node under the drive's own.
const Lines kDiskA = {
    "bdrv_open_common bs 0xf1 filename \"/a.img\" flags 0x2a002 format_name \"file\"",
    "blk_root_attach child 0xc1 blk 0x99 bs 0xf1",
    "bdrv_open_common bs 0xb1 filename \"/a.img\" flags 0x22002 format_name \"raw\"",
    "blk_root_detach child 0xc1 blk 0x99 bs 0xf1",
    "blk_root_attach child 0xc1 blk 0xa1 bs 0xb1",
};
const Lines kDiskB = {
    "bdrv_open_common bs 0xb2 filename \"/b c.img\" flags 0x22002 format_name \"qcow2\"",
    "blk_root_attach child 0xc2 blk 0xa2 bs 0xb2",
};

struct Case {
  std::string name;
  Lines lines;
  Lines want;
  uint64_t abandoned = 0;
  size_t open = 0;
};

void Check(const Case& c, const DecoderLimits& limits = {}) {
  CAPTURE(c.name);
  Replay replay("dma_request", limits);
  replay.Play(c.lines);
  CHECK(replay.emitted == c.want);
  CHECK(replay.abandoned() == c.abandoned);
  CHECK(replay.open() == c.open);
}

}  // namespace

TEST_CASE("A DMA request has the bytes of its parts and the name of its disk") {
  Case c = GENERATE(
      Case{"IDE read",
           kDiskA + Lines{"7@1.000000:dma_blk_io dbs=0xd1 bs=0xa1 offset=4096 to_dev=0",
                          "7@1.000001:dma_blk_cb dbs=0xd1 ret=0",
                          "7@1.000002:blk_co_preadv blk 0xa1 bs 0xb1 offset 4096 bytes 512 flags 0x0",
                          "9@1.200000:dma_blk_cb dbs=0xd1 ret=0", "9@1.250000:dma_complete dbs=0xd1 ret=0 cb=0x1"},
           {"dma_request_start /a.img read", "dma_request /a.img read 512 0.25"}},
      Case{"SCSI write: the part tells the backend",
           kDiskB + Lines{"dma_blk_io dbs=0xd1 bs=0x5c51 offset=0 to_dev=1", "dma_blk_cb dbs=0xd1 ret=0",
                          "blk_co_pwritev blk 0xa2 bs 0xb2 offset 0 bytes 8192 flags 0x0",
                          "dma_complete dbs=0xd1 ret=0 cb=0x1"},
           {"dma_request_start /b c.img write", "dma_request /b c.img write 8192 -"}},
      Case{"several parts",
           kDiskA + Lines{"dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=0", "dma_blk_cb dbs=0xd1 ret=0",
                          "blk_co_preadv blk 0xa1 bs 0xb1 offset 0 bytes 512 flags 0x0", "dma_blk_cb dbs=0xd1 ret=0",
                          "blk_co_preadv blk 0xa1 bs 0xb1 offset 512 bytes 1024 flags 0x0", "dma_blk_cb dbs=0xd1 ret=0",
                          "dma_complete dbs=0xd1 ret=0 cb=0x1"},
           {"dma_request_start /a.img read", "dma_request /a.img read 1536 -"}},
      Case{"no memory to map: others read meanwhile",
           kDiskA + Lines{"dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=0", "dma_blk_cb dbs=0xd1 ret=0",
                          "dma_map_wait dbs=0xd1", "blk_co_preadv blk 0xa1 bs 0xb1 offset 0 bytes 65536 flags 0x0",
                          "dma_blk_cb dbs=0xd1 ret=0", "blk_co_preadv blk 0xa1 bs 0xb1 offset 0 bytes 512 flags 0x0",
                          "dma_complete dbs=0xd1 ret=0 cb=0x1"},
           {"dma_request_start /a.img read", "dma_request /a.img read 512 -"}},
      Case{"queued sequential requests are not parts of one",
           kDiskA + Lines{"dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=0", "dma_blk_cb dbs=0xd1 ret=0",
                          "blk_co_preadv blk 0xa1 bs 0xb1 offset 0 bytes 4096 flags 0x0",
                          "dma_blk_io dbs=0xd2 bs=0xa1 offset=4096 to_dev=0", "dma_blk_cb dbs=0xd2 ret=0",
                          "blk_co_preadv blk 0xa1 bs 0xb1 offset 4096 bytes 512 flags 0x0", "dma_blk_cb dbs=0xd1 ret=0",
                          "dma_complete dbs=0xd1 ret=0 cb=0x1", "dma_blk_cb dbs=0xd2 ret=0",
                          "dma_complete dbs=0xd2 ret=0 cb=0x1"},
           {"dma_request_start /a.img read", "dma_request_start /a.img read", "dma_request /a.img read 4096 -",
            "dma_request /a.img read 512 -"}},
      Case{"one offset on two disks at once, told apart by backend",
           kDiskA + kDiskB +
               Lines{"dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=0", "dma_blk_cb dbs=0xd1 ret=0",
                     "dma_blk_io dbs=0xd2 bs=0xa2 offset=0 to_dev=0", "dma_blk_cb dbs=0xd2 ret=0",
                     "blk_co_preadv blk 0xa1 bs 0xb1 offset 0 bytes 512 flags 0x0",
                     "blk_co_preadv blk 0xa2 bs 0xb2 offset 0 bytes 1024 flags 0x0",
                     "dma_complete dbs=0xd1 ret=0 cb=0x1", "dma_complete dbs=0xd2 ret=0 cb=0x1"},
           {"dma_request_start /a.img read", "dma_request_start /b c.img read", "dma_request /a.img read 512 -",
            "dma_request /b c.img read 1024 -"}},
      Case{"one offset on two SCSI disks at once, told apart by thread",
           kDiskA + kDiskB +
               Lines{"7@1.000000:dma_blk_io dbs=0xd1 bs=0x51 offset=0 to_dev=0", "7@1.000000:dma_blk_cb dbs=0xd1 ret=0",
                     "8@1.000000:dma_blk_io dbs=0xd2 bs=0x52 offset=0 to_dev=0", "8@1.000000:dma_blk_cb dbs=0xd2 ret=0",
                     "7@1.000000:blk_co_preadv blk 0xa1 bs 0xb1 offset 0 bytes 512 flags 0x0",
                     "8@1.000000:blk_co_preadv blk 0xa2 bs 0xb2 offset 0 bytes 1024 flags 0x0",
                     "7@1.000000:dma_complete dbs=0xd1 ret=0 cb=0x1", "8@1.000000:dma_complete dbs=0xd2 ret=0 cb=0x1"},
           {"dma_request_start /a.img read", "dma_request_start /b c.img read", "dma_request /a.img read 512 0",
            "dma_request /b c.img read 1024 0"}},
      Case{"a part that another thread submits later",
           kDiskA + Lines{"7@1.000000:dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=0",
                          "7@1.000000:dma_blk_cb dbs=0xd1 ret=0",
                          "9@1.000000:blk_co_preadv blk 0xa1 bs 0xb1 offset 0 bytes 512 flags 0x0",
                          "9@1.000000:dma_complete dbs=0xd1 ret=0 cb=0x1"},
           {"dma_request_start /a.img read", "dma_request /a.img read 512 0"}},
      Case{"PIO and writes between are not claimed",
           kDiskA + Lines{"blk_co_preadv blk 0xa1 bs 0xb1 offset 0 bytes 512 flags 0x0",
                          "dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=0", "dma_blk_cb dbs=0xd1 ret=0",
                          "blk_co_preadv blk 0xa1 bs 0xb1 offset 512 bytes 512 flags 0x0",
                          "blk_co_pwritev blk 0xa1 bs 0xb1 offset 0 bytes 512 flags 0x0",
                          "blk_co_preadv blk 0xa1 bs 0xb1 offset 0 bytes 4096 flags 0x0",
                          "blk_co_preadv blk 0xa1 bs 0xb1 offset 4096 bytes 512 flags 0x0",
                          "dma_complete dbs=0xd1 ret=0 cb=0x1"},
           {"dma_request_start /a.img read", "dma_request /a.img read 4096 -"}});
  Check(c);
}

TEST_CASE("What is no transfer is not counted, what fails has no bytes") {
  Case c = GENERATE(
      Case{"TRIM",
           kDiskA + Lines{"dma_blk_io dbs=0xd1 bs=0x1de offset=-512 to_dev=1", "dma_blk_cb dbs=0xd1 ret=0",
                          "dma_blk_cb dbs=0xd1 ret=0", "dma_complete dbs=0xd1 ret=0 cb=0x1"},
           {}},
      Case{"TRIM with the LBA bit",
           kDiskA + Lines{"dma_blk_io dbs=0xd1 bs=0x1de offset=0 to_dev=1", "dma_blk_cb dbs=0xd1 ret=0",
                          "dma_complete dbs=0xd1 ret=0 cb=0x1"},
           {}},
      Case{"TRIM and nothing of the block layer",
           {"dma_blk_io dbs=0xd1 bs=0x1de offset=-512 to_dev=1", "dma_complete dbs=0xd1 ret=0 cb=0x1"},
           {}},
      Case{"error",
           kDiskA + Lines{"7@1.000000:dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=0",
                          "7@1.000000:dma_blk_cb dbs=0xd1 ret=0",
                          "7@1.000000:blk_co_preadv blk 0xa1 bs 0xb1 offset 0 bytes 4096 flags 0x0",
                          "7@1.000000:dma_blk_cb dbs=0xd1 ret=-5", "7@1.500000:dma_complete dbs=0xd1 ret=-5 cb=0x1"},
           {"dma_request_start /a.img read", "dma_request /a.img read - 0.5"}},
      Case{"cancelled before its part",
           kDiskA + Lines{"dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=1", "dma_map_wait dbs=0xd1",
                          "dma_complete dbs=0xd1 ret=-125 cb=0x1"},
           {"dma_request_start /a.img write", "dma_request /a.img write - -"}},
      Case{"cancelled while it waits for memory",
           kDiskA + Lines{"dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=1", "dma_blk_cb dbs=0xd1 ret=0",
                          "dma_map_wait dbs=0xd1", "dma_aio_cancel dbs=0xd1"},
           {"dma_request_start /a.img write", "dma_request /a.img write - -"}},
      Case{"cancelled while a part is under way, which ends all the same",
           kDiskA + Lines{"dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=0", "dma_blk_cb dbs=0xd1 ret=0",
                          "dma_map_wait dbs=0xd1", "dma_blk_cb dbs=0xd1 ret=0",
                          "blk_co_preadv blk 0xa1 bs 0xb1 offset 0 bytes 512 flags 0x0", "dma_aio_cancel dbs=0xd1",
                          "dma_blk_cb dbs=0xd1 ret=0", "dma_complete dbs=0xd1 ret=0 cb=0x1"},
           {"dma_request_start /a.img read", "dma_request /a.img read 512 -"}},
      Case{"a part after the error is not awaited",
           kDiskA + Lines{"dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=0", "dma_blk_cb dbs=0xd1 ret=0",
                          "dma_blk_cb dbs=0xd1 ret=-5", "blk_co_preadv blk 0xa1 bs 0xb1 offset 0 bytes 512 flags 0x0",
                          "dma_complete dbs=0xd1 ret=0 cb=0x1"},
           {"dma_request_start /a.img read", "dma_request /a.img read - -"}},
      Case{"clock set back",
           kDiskA + Lines{"7@2.000000:dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=0",
                          "7@1.000000:dma_complete dbs=0xd1 ret=0 cb=0x1"},
           {"dma_request_start /a.img read", "dma_request /a.img read - -"}},
      Case{"end without start",
           {"dma_blk_cb dbs=0xd1 ret=0", "dma_map_wait dbs=0xd1", "dma_complete dbs=0xd1 ret=0 cb=0x1"},
           {}},
      Case{"reused without end",
           kDiskA + Lines{"dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=0", "dma_blk_cb dbs=0xd1 ret=0",
                          "dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=0", "dma_blk_cb dbs=0xd1 ret=0",
                          "blk_co_preadv blk 0xa1 bs 0xb1 offset 0 bytes 512 flags 0x0",
                          "dma_complete dbs=0xd1 ret=0 cb=0x1"},
           {"dma_request_start /a.img read", "dma_request_start /a.img read", "dma_request /a.img read 512 -"},
           1},
      Case{"reused by TRIM",
           kDiskA + Lines{"dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=0",
                          "dma_blk_io dbs=0xd1 bs=0x1de offset=-512 to_dev=1", "dma_complete dbs=0xd1 ret=0 cb=0x1"},
           {"dma_request_start /a.img read"},
           1},
      Case{"still open",
           kDiskA + Lines{"dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=0"},
           {"dma_request_start /a.img read"},
           0,
           1});
  Check(c);
}

TEST_CASE("The device is the best name that is known") {
  Case c = GENERATE(
      Case{"dma_blk_io alone",
           {"dma_blk_io dbs=0x7f2364048730 bs=0x558d815bce00 offset=0 to_dev=0"},
           {"dma_request_start 0x558d815bce00 read"},
           0,
           1},
      Case{"no attachment known: SCSI by the backend's pointer",
           {"blk_co_preadv blk 0xa1 bs 0xb1 offset 0 bytes 512 flags 0x0",
            "dma_blk_io dbs=0xd1 bs=0x51 offset=0 to_dev=0", "dma_blk_cb dbs=0xd1 ret=0",
            "blk_co_preadv blk 0xa1 bs 0xb1 offset 0 bytes 512 flags 0x0", "dma_complete dbs=0xd1 ret=0 cb=0x1"},
           {"dma_request_start 0xa1 read", "dma_request 0xa1 read 512 -"}},
      Case{"no attachment known: the part names the node",
           {"bdrv_open_common bs 0xb1 filename \"/a.img\" flags 0x0 format_name \"raw\"",
            "dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=0", "dma_blk_cb dbs=0xd1 ret=0",
            "blk_co_preadv blk 0xa1 bs 0xb1 offset 0 bytes 512 flags 0x0", "dma_complete dbs=0xd1 ret=0 cb=0x1"},
           {"dma_request_start /a.img read", "dma_request /a.img read 512 -"}},
      Case{
          "backend learnt after the start",
          Lines{"dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=0"} + kDiskA + Lines{"dma_complete dbs=0xd1 ret=0 cb=0x1"},
          {"dma_request_start 0xa1 read", "dma_request /a.img read - -"}},
      Case{"a node without a file",
           kDiskA + Lines{"blk_root_detach child 0xc1 blk 0xa1 bs 0xb1",
                          "bdrv_open_common bs 0xb1 filename \"\" flags 0x0 format_name \"null-co\"",
                          "blk_root_attach child 0xc1 blk 0xa1 bs 0xb1",
                          "dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=0", "dma_complete dbs=0xd1 ret=0 cb=0x1"},
           {"dma_request_start 0xa1 read", "dma_request 0xa1 read - -"}},
      Case{"medium change: the backend stands on another node",
           kDiskA + Lines{"blk_root_detach child 0xc1 blk 0xa1 bs 0xb1",
                          "bdrv_open_common bs 0xb3 filename \"/new.img\" flags 0x0 format_name \"raw\"",
                          "blk_root_attach child 0xc1 blk 0xa1 bs 0xb3",
                          "dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=0", "dma_complete dbs=0xd1 ret=0 cb=0x1"},
           {"dma_request_start /new.img read", "dma_request /new.img read - -"}},
      Case{"a snapshot before the first request",
           kDiskA + Lines{"bdrv_open_common bs 0xb3 filename \"/snap.qcow2\" flags 0x0 format_name \"qcow2\"",
                          "blk_root_detach child 0xc1 blk 0xa1 bs 0xb1", "blk_root_attach child 0xc1 blk 0xa1 bs 0xb3",
                          "dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=0", "dma_complete dbs=0xd1 ret=0 cb=0x1"},
           {"dma_request_start /snap.qcow2 read", "dma_request /snap.qcow2 read - -"}},
      Case{"unplugged while a request is open",
           kDiskA + Lines{"dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=0",
                          "blk_root_detach child 0xc1 blk 0xa1 bs 0xb1", "dma_complete dbs=0xd1 ret=-125 cb=0x1"},
           {"dma_request_start /a.img read", "dma_request /a.img read - -"}},
      Case{"a SCSIDiskReq where a backend was",
           kDiskA + kDiskB +
               Lines{"blk_root_detach child 0xc1 blk 0xa1 bs 0xb1", "dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=0",
                     "dma_blk_cb dbs=0xd1 ret=0", "blk_co_preadv blk 0xa2 bs 0xb2 offset 0 bytes 512 flags 0x0",
                     "dma_complete dbs=0xd1 ret=0 cb=0x1"},
           {"dma_request_start /b c.img read", "dma_request /b c.img read 512 -"}});
  Check(c);
}

TEST_CASE("Open requests are bounded in number and age") {
  Lines three =
      kDiskA + Lines{"7@1.000000:dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=0", "7@1.000001:dma_blk_cb dbs=0xd1 ret=0",
                     "7@2.000000:dma_blk_io dbs=0xd2 bs=0xa1 offset=0 to_dev=0", "7@2.000001:dma_blk_cb dbs=0xd2 ret=0",
                     "7@3.000000:dma_blk_io dbs=0xd3 bs=0xa1 offset=8 to_dev=0"};
  const std::string kStart = "dma_request_start /a.img read";
  Check({"within", three, {kStart, kStart, kStart}, 0, 3});
  Check({"too many", three, {kStart, kStart, kStart}, 1, 2}, {.max_open = 2});
  Check({"too old", three, {kStart, kStart, kStart}, 1, 2}, {.max_open_age_us = 1'999'999});
  Check({"just young enough", three, {kStart, kStart, kStart}, 0, 3}, {.max_open_age_us = 2'000'000});
  Lines part = {"7@3.000000:blk_co_preadv blk 0xa1 bs 0xb1 offset 0 bytes 512 flags 0x0",
                "7@3.000000:dma_complete dbs=0xd2 ret=0 cb=0x1", "7@3.000000:dma_complete dbs=0xd1 ret=0 cb=0x1"};
  Check({"the oldest awaits no more", three + part, {kStart, kStart, kStart, "dma_request /a.img read 512 1"}, 1, 1},
        {.max_open = 2});
}

TEST_CASE("Times at the ends of their range are no trouble") {
  Replay replay("dma_request");
  auto play = [&](size_t which, const Lines& texts, int64_t time_us) {
    std::vector<qte::trace::Value> args;
    for (const std::string& text : texts) args.push_back(ValueOf(text));
    replay.decoder().OnEvent({which, args, time_us, kNoThread}, replay);
  };
  play(3, {"0xd1", "0xa1", "0", "0"}, INT64_MIN + 1);
  play(8, {"0xd1", "0"}, INT64_MAX);  // far too old by then
  CHECK(replay.abandoned() == 1);
  play(3, {"0xd1", "0xa1", "9223372036854775807", "0"}, INT64_MAX);
  play(4, {"0xd1", "0"}, INT64_MAX);
  play(6, {"0xa1", "0xb1", "9223372036854775807", "9223372036854775807"}, INT64_MAX);
  play(8, {"0xd1", "0"}, INT64_MIN + 1);
  CHECK(replay.emitted.back() == "dma_request 0xa1 read 9223372036854775807 -");
}

TEST_CASE("Names are bounded; the least recently used is forgotten") {
  Check({"one name",
         kDiskA + kDiskB +
             Lines{"blk_root_attach child 0xc1 blk 0xa1 bs 0xb1", "dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=0"},
         {"dma_request_start 0xa1 read"},
         0,
         1},
        {.max_names = 1});
}

TEST_CASE("Reset forgets names and requests, and that the block layer was seen") {
  Replay replay("dma_request");
  replay.Play(kDiskA + Lines{"dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=0", "dma_blk_cb dbs=0xd1 ret=0"});
  replay.decoder().Reset();
  CHECK(replay.abandoned() == 1);
  CHECK(replay.open() == 0);
  replay.emitted.clear();
  replay.Play(Lines{"dma_complete dbs=0xd1 ret=0 cb=0x1", "dma_blk_io dbs=0xd1 bs=0xa1 offset=0 to_dev=0"});
  CHECK(replay.emitted == Lines{"dma_request_start 0xa1 read"});
}

TEST_CASE("Random events keep the decoder sound and bounded") {
  std::mt19937 random(5);
  Replay replay("dma_request", {.max_open = 8, .max_names = 4, .max_open_age_us = 50});
  auto any = [&](uint64_t count) { return qte::trace::Value::Unsigned(random() % count, "0x1"); };
  size_t begun = 0;
  for (int64_t now = 0; now < 100'000; ++now) {
    size_t which = random() % 9;
    bool opens_request = which == 3;
    std::vector<qte::trace::Value> args = {any(16), any(16), any(4), any(2), any(4)};
    if (which == 0) args[1] = qte::trace::Value::Text(random() % 4 == 0 ? "" : "/a.img");
    begun += opens_request ? 1 : 0;
    replay.decoder().OnEvent({which, args, random() % 8 == 0 ? kNoTime : now, random() % 3}, replay);
    REQUIRE(replay.open() <= 8);
    REQUIRE(replay.abandoned() + replay.open() <= begun);
    if (now % 1000 == 999) replay.decoder().Reset();
  }
  auto count = [&](const char* event) {
    return std::count_if(replay.emitted.begin(), replay.emitted.end(),
                         [&](const std::string& text) { return text.starts_with(event); });
  };
  CHECK(count("dma_request ") > 100);  // most are replaced or crowded out
  CHECK(count("dma_request ") <= count("dma_request_start "));
}
