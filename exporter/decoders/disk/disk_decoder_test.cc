// What holds for block requests of all interfaces: bounds, Reset, any events.
#include "decoders/disk/disk_decoder.h"

#include <algorithm>
#include <random>

#include "decoders/disk/block_cases_for_test.h"

using namespace qte::decoders;

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

TEST_CASE("Block requests: one of a time to come does not keep those behind it from ageing") {
  Check({"SCSI",
         {"scsi_req_parsed target 1 lun 0 tag 1 command 53 dir 0 length 0",
          "7@90000.000000:scsi_req_parsed target 1 lun 0 tag 2 command 53 dir 0 length 0",
          "7@1.000000:scsi_req_parsed target 1 lun 0 tag 3 command 53 dir 0 length 0",
          "7@9.000000:scsi_req_parsed target 1 lun 0 tag 4 command 53 dir 0 length 0"},
         {},
         {},
         1,
         3},
        {.max_open_age_us = 1'000'000});
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
    REQUIRE(replay.open() <= 4 * 8);
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
