// The open DMA requests, and the search for the one that a read or write of the block layer belongs to.
//
// Requests that await a part are also in a second list, latest first. QEMU submits a part immediately after it
// announces it (dma_blk_cb), so the search mostly ends at the first entry. The number of requests and their age in
// trace time are bounded. A request counts as abandoned if it is replaced, too old, or dropped to make room.
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
  uint64_t target = 0;      // the argument bs of dma_blk_io: a backend, a SCSIDiskReq or an IDEState
  uint64_t backend = 0;     // backend of the latest part; 0 before the first part, or if it is only a guess
  int64_t next_offset = 0;  // where the next part starts
  uint64_t bytes = 0;       // size of all parts so far
  uint64_t length = 0;      // upper limit of `bytes`; 0 if unknown
  uint64_t order = 0;       // order of the latest announcement of a part; see FrontEndHints::NextOrder
  int64_t start_us = kNoTime;
  uint64_t thread = kNoThread;  // the thread that submits the part
  joins::PointerText name;      // pointer of the backend; before the first part, that of the target
  DmaDirection direction = DmaDirection::kRead;
  Interface interface = Interface::kNone;  // of the front end, if it is known
  uint64_t front_end = 0;                  // the front end's name for the disk
  bool started = false;                    // it is known to be a transfer
  bool has_part = false;                   // it has had a part, whose backend may be unknown
  bool awaiting = false;
  bool waits_for_memory = false;
  uint32_t earlier = FlatIndex::kNone;  // neighbours in the list of requests that await a part
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

  // True for a read of 0 bytes between two sectors, which no guest can request. The exporter makes it by QMP to learn
  // which backend a drive is (rules/process.h).
  bool is_probe() const { return bytes == 0 && offset % 512 != 0; }

  // Takes the arguments blk, bs, offset and bytes of blk_co_preadv or blk_co_pwritev, and flags of the latter.
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

  // dma_blk_io with the arguments dbs, bs, offset and to_dev; returns kNone if the offset shows a TRIM.
  uint32_t Open(const Input& io);
  void Close(uint32_t id);

  // dma_blk_cb with the arguments dbs and ret; `order` is for the part that it may announce.
  void OnCallback(const Input& callback, uint64_t order);
  // dma_map_wait: no memory can be mapped now, so the part is submitted after another dma_blk_cb.
  void OnMapWait(uint64_t dbs);
  // How likely a request that names no backend goes to a given one, in this order: impossible; unlikely, because its
  // unit is known as another disk (but several controllers may have a unit of this number); unknown; its unit is this
  // disk.
  enum class Reach : uint8_t { kNot, kElsewhere, kMaybe, kSurely };
  struct Claimant {
    uint32_t id = kNone;
    Reach reach = Reach::kNot;
  };
  // The requests whose next part `io` can be: the request that names this backend, or otherwise, by reach_of(request),
  // the likeliest of this thread and the likeliest of other threads. Among equals it is the latest. Each can be kNone.
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
  // A guess shows the size of the part, but not its backend.
  enum class Claim { kSure, kGuess };
  void AddPart(uint32_t id, const BlockIo& io, Claim claim);

  // As Decoder has them, but that Restore adds to requests that are empty, and leaves a part behind when it throws.
  nlohmann::json Save() const;
  void Restore(const nlohmann::json& state);

  size_t open() const { return open_.size(); }
  uint64_t abandoned() const { return open_.abandoned(); }

 private:
  // Bounds the cost of one read or write. A part follows its dma_blk_cb within microseconds or after a drained section.
  // A drained section holds back fewer requests than this.
  static constexpr int kMaxLooks = 1024;

  void Abandon(uint32_t id);
  void Await(uint32_t id, uint64_t thread);
  void StopAwaiting(uint32_t id);

  OpenRequests<DmaRequest> open_;
  uint32_t latest_ = kNone;  // latest request that awaits a part
};

}  // namespace qte::decoders
