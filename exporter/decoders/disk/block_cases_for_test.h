// Shared by the tests of the front ends: lines of a log, and the block requests that the decoder makes from them.
#pragma once

#include <string>

#include "decoders/replay_for_test.h"

namespace qte::decoders {

inline const Lines kDiskA = {
    "bdrv_open_common bs 0xb1 filename \"/a.img\" flags 0x22002 format_name \"raw\"",
    "blk_root_attach child 0xc1 blk 0xa1 bs 0xb1",
};
inline const Lines kDiskB = {
    "bdrv_open_common bs 0xb2 filename \"/b c.img\" flags 0x22002 format_name \"qcow2\"",
    "blk_root_attach child 0xc2 blk 0xa2 bs 0xb2",
};

inline std::string ReadOf(const std::string& blk, const std::string& bs, const std::string& range) {
  return "blk_co_preadv blk " + blk + " bs " + bs + " " + range + " flags 0x0";
}

// A whole DMA transfer of backend K, without the front end's line before it.
inline Lines Dma(const std::string& backend, const std::string& node, uint64_t offset, uint64_t bytes) {
  std::string at = std::to_string(offset);
  return {"dma_blk_io dbs=0xd1 bs=" + backend + " offset=" + at + " to_dev=0", "dma_blk_cb dbs=0xd1 ret=0",
          ReadOf(backend, node, "offset " + at + " bytes " + std::to_string(bytes)), "dma_blk_cb dbs=0xd1 ret=0",
          "dma_complete dbs=0xd1 ret=0 cb=0x1"};
}

struct BlockCase {
  std::string name;
  Lines lines;
  Lines want;
  Lines in_flight = {};  // not checked if empty
  uint64_t abandoned = 0;
  size_t open = 0;
};

inline void Check(const BlockCase& c, const DecoderLimits& limits = {}) {
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

}  // namespace qte::decoders
