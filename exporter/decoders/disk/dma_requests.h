// The DMA requests that are open, and which of them a read or write of the block layer belongs to.
//
// A request that awaits a part stands in a second row, the latest first: QEMU submits a part right after it says so
// (dma_blk_cb), so the claim mostly ends at the first one. Bounded in number and in age of trace time; a request that
// is replaced, too old or too many counts as abandoned.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "decoders/decoder.h"
#include "decoders/disk/interface.h"
#include "decoders/disk/open_requests.h"
#include "joins/pointer_text.h"

namespace qte::decoders {

enum class DmaDirection : uint8_t { kRead, kWrite, kLast = kWrite };

struct DmaRequest {
  uint64_t target = 0;      // what dma_blk_io calls bs: a backend, a SCSIDiskReq or an IDEState
  uint64_t backend = 0;     // of the latest part; 0 before the first, or if it is only guessed
  int64_t next_offset = 0;  // where the next part starts
  uint64_t bytes = 0;       // of all parts so far
  uint64_t length = 0;      // that they cannot exceed; 0 if it is not known
  uint64_t order = 0;       // of the latest announcement of a part; see FrontEndHints::NextOrder
  int64_t start_us = kNoTime;
  uint64_t thread = kNoThread;  // that submits the part
  joins::PointerText name;      // of the backend, of the target before the first part
  DmaDirection direction = DmaDirection::kRead;
  Interface interface = Interface::kNone;  // of the front end, where the decoder of block requests knows it
  uint64_t front_end = 0;                  // and what that calls the disk
  bool started = false;                    // it is known to be a transfer
  bool has_part = false;                   // had one, whose backend may yet be unknown
  bool awaiting = false;
  bool waits_for_memory = false;
  uint32_t earlier = FlatIndex::kNone;  // neighbours in the row of those that await a part
  uint32_t later = FlatIndex::kNone;
};

// One read or write of the block layer.
struct BlockIo {
  uint64_t backend = 0;
  std::string_view backend_text;
  uint64_t node = 0;
  int64_t offset = 0;
  int64_t bytes = 0;
  uint64_t thread = kNoThread;
  DmaDirection direction = DmaDirection::kRead;
  int64_t time_us = kNoTime;
  bool zeroes = false;  // a write without data (BDRV_REQ_ZERO_WRITE)

  // A read of nothing between two sectors, which no guest can ask for: it is made by QMP to learn which backend a drive
  // is (rules/stream.h), and is no request.
  bool is_probe() const { return bytes == 0 && offset % 512 != 0; }

  // Of blk_co_preadv or blk_co_pwritev with its arguments blk, bs, offset, bytes and, of a write, flags.
  BlockIo(const Input& input, DmaDirection direction);
};

class DmaRequests {
 public:
  static constexpr uint32_t kNone = FlatIndex::kNone;

  explicit DmaRequests(const DecoderLimits& limits) : open_(limits) {}

  DmaRequest& operator[](uint32_t id) { return open_[id]; }
  const DmaRequest& operator[](uint32_t id) const { return open_[id]; }
  uint32_t Find(uint64_t dbs) const { return open_.Find(dbs); }
  uint32_t oldest() const { return open_.oldest(); }
  uint32_t newer(uint32_t id) const { return open_.newer(id); }
  void AbandonOld(int64_t now_us);
  void AbandonAll();

  // dma_blk_io with its arguments dbs, bs, offset and to_dev; kNone for what is TRIM by its offset.
  uint32_t Open(const Input& io);
  void Close(uint32_t id);

  // dma_blk_cb with its arguments dbs and ret; `order` is its own if it announces a part.
  void OnCallback(const Input& callback, uint64_t order);
  // dma_map_wait: there is no memory to map, the part is submitted after another dma_blk_cb.
  void OnMapWait(uint64_t dbs);
  // How likely a request that names no backend goes to one: it cannot, its unit is known as another disk (but several
  // controllers may have a unit of this number), nothing is known, or its unit is known as this one.
  enum class Reach : uint8_t { kNot, kElsewhere, kMaybe, kSurely };
  struct Claimant {
    uint32_t id = kNone;
    Reach reach = Reach::kNot;
  };
  // The requests whose next part `io` may be: the one that names this very backend; else, by reach_of(request), the
  // likeliest of this thread and of others, the latest of equals. Each may be kNone.
  struct Claimants {
    uint32_t of_backend = kNone;
    Claimant of_thread;
    Claimant of_others;
  };
  template <class ReachOf>
  Claimants ClaimantsOf(const BlockIo& io, ReachOf&& reach_of) const {
    Claimants found;
    int looks = 0;
    for (uint32_t id = latest_; id != kNone && looks < kMaxLooks; id = open_[id].earlier, ++looks) {
      const DmaRequest& request = open_[id];
      if (request.direction != io.direction || request.next_offset != io.offset) continue;
      bool in_thread = SameThread(request.thread, io.thread);
      if (request.target == io.backend) {
        if (in_thread || found.of_backend == kNone) found.of_backend = id;
        if (in_thread) break;
        continue;
      }
      Claimant& likeliest = in_thread ? found.of_thread : found.of_others;
      Reach reach = reach_of(request);
      if (reach > likeliest.reach) likeliest = {id, reach};
    }
    return found;
  }
  // A guess tells the size of the part, but not where it goes.
  enum class Claim { kSure, kGuess };
  void AddPart(uint32_t id, const BlockIo& io, Claim claim);

  // As Decoder has them, but that Restore adds to requests that are empty, and leaves a part behind when it throws.
  nlohmann::json Save() const;
  void Restore(const nlohmann::json& state);

  size_t open() const { return open_.size(); }
  uint64_t abandoned() const { return open_.abandoned(); }

 private:
  // Bounds what one read or write can cost. A part follows its dma_blk_cb within microseconds, or after a drained
  // section, which holds back the queues of a few devices: fewer than this.
  static constexpr int kMaxLooks = 1024;

  void Abandon(uint32_t id);
  void Await(uint32_t id, uint64_t thread);
  void StopAwaiting(uint32_t id);

  OpenRequests<DmaRequest> open_;
  uint32_t latest_ = kNone;  // of those that await a part
};

}  // namespace qte::decoders
