// The DMA requests that are open, and which of them a read or write of the block layer belongs to.
//
// A request that awaits a part stands in a second row, the latest first: QEMU submits a part right after it says so
// (dma_blk_cb), so the claim mostly ends at the first one. Bounded in number and in age of trace time; a request that
// is replaced, too old or too many counts as abandoned.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "correlation/block_names.h"
#include "correlation/decoder.h"
#include "correlation/pointer_table.h"

namespace qte::correlation {

enum class DmaDirection : uint8_t { kRead, kWrite, kLast = kWrite };

// A pointer's text as QEMU printed it, kept in place.
class PointerText {
 public:
  static constexpr size_t kMaxSize = 23;  // "0x" and 16 digits, with some room

  void Assign(std::string_view text);
  std::string_view view() const { return {bytes_.data(), size_}; }

 private:
  std::array<char, kMaxSize> bytes_{};
  uint8_t size_ = 0;
};

struct DmaRequest {
  uint64_t target = 0;      // what dma_blk_io calls bs: a backend, a SCSIDiskReq or an IDEState
  uint64_t backend = 0;     // of the latest part; 0 before the first
  uint64_t node = 0;        // under the backend when it was last looked up; 0 if not known
  int64_t next_offset = 0;  // where the next part starts
  uint64_t bytes = 0;       // of all parts so far
  int64_t start_us = kNoTime;
  uint64_t thread = kNoThread;  // that submits the part
  PointerText name;             // of the backend, of the target before the first part
  DmaDirection direction = DmaDirection::kRead;
  bool started = false;  // dma_request_start was emitted
  bool awaiting = false;
  uint32_t earlier = FlatIndex::kNone;  // neighbours in the row of those that await a part
  uint32_t later = FlatIndex::kNone;
};

// One read or write of the block layer.
struct BlockIo {
  uint64_t backend = 0;
  int64_t offset = 0;
  uint64_t thread = kNoThread;
  DmaDirection direction = DmaDirection::kRead;
};

class DmaRequests {
 public:
  static constexpr uint32_t kNone = FlatIndex::kNone;

  explicit DmaRequests(const DecoderLimits& limits)
      : table_(limits.max_open), max_age_us_(static_cast<uint64_t>(limits.max_open_age_us)) {}

  DmaRequest& operator[](uint32_t id) { return table_[id]; }
  uint32_t Find(uint64_t dbs) const { return table_.Find(dbs); }

  // Opens a request in its initial state. One under the same pointer must have been abandoned before.
  uint32_t Open(uint64_t dbs);
  void Close(uint32_t id);
  void Abandon(uint32_t id);
  void AbandonAll();
  void AbandonOlderThan(int64_t now_us);

  void Await(uint32_t id, uint64_t thread);
  void StopAwaiting(uint32_t id);
  // The request that `io` is the awaited part of, or kNone.
  uint32_t Claim(const BlockIo& io, const BlockNames& names) const;

  // As Decoder has them, but that Restore adds to requests that are empty, and leaves a part behind when it throws.
  nlohmann::json Save() const;
  void Restore(const nlohmann::json& state);

  size_t open() const { return table_.size(); }
  uint64_t abandoned() const { return abandoned_; }

 private:
  static bool MayClaim(const DmaRequest& request, const BlockIo& io, const BlockNames& names);

  PointerTable<DmaRequest> table_;
  uint64_t max_age_us_;
  uint32_t latest_ = kNone;  // of those that await a part
  uint64_t abandoned_ = 0;
};

}  // namespace qte::correlation
