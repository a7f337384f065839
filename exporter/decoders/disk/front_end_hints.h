// What the front ends said last: a request that they make of the block layer comes right after, in the same thread.
//
// Other threads' lines may come between, so a hint must fit the request in all that both tell, and the latest that fits
// is taken, once. IDE, AHCI and NVMe speak under QEMU's big lock, which leaves lines of iothreads (virtio-blk,
// virtio-scsi): few hints wait at a time, and where they are more than kSlots, the oldest gives way.
//
// SCSI controllers without DMA start commands while another one's end is told, and QEMU holds the requests back until
// that is done. So each command has a hint of its own, and they are taken in order, the earliest first.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>

#include "decoders/decoder.h"
#include "decoders/disk/block_devices.h"
#include "decoders/disk/dma_requests.h"
#include "decoders/disk/interface.h"

namespace qte::decoders {

// A kind of hint. The front end that gives it declares it, and the decoder of disks lists it with all others.
struct HintKind {
  // What comes next: a transfer by DMA that names its backend; a transfer that names none, or a read or write without
  // DMA, by the hint's key; a dma_blk_io that is no transfer; or none of these.
  enum class Announces : uint8_t { kTransfer, kUnitTransfer, kTrim, kOther };

  uint8_t number;  // in saved state, so it never changes; from 1 on
  Interface interface;
  Announces announces;
  bool is_by_key = false;  // a thread may have several, of different keys
};

struct Hint {
  const HintKind* kind = nullptr;  // null: this slot is free
  DmaDirection direction = DmaDirection::kRead;
  uint64_t thread = kNoThread;
  int64_t offset = -1;     // -1 if it does not say
  uint64_t bytes = 0;      // of programmed I/O, or a SCSI command; 0 if it does not say
  FrontEnd front_end = 0;  // 0 if it does not say
  uint64_t key = 0;        // of a SCSI command, or a virtio request
  uint64_t order = 0;      // the latest has the highest

  // A request of the block layer, as far as it is known.
  bool Fits(DmaDirection way, int64_t at, uint64_t by_thread) const {
    return direction == way && SameThread(thread, by_thread) && (offset < 0 || offset == at);
  }
  // The same, where the front end of the request's backend may be known.
  bool Fits(const BlockIo& io, Interface known) const {
    return (known == Interface::kNone || known == kind->interface) && Fits(io.direction, io.offset, io.thread);
  }
  bool Announces(HintKind::Announces what) const { return kind->announces == what; }
};

class FrontEndHints {
 public:
  // In the place of the thread's last one of its kind, or of the one with its key.
  void Put(Hint hint);
  // A number for what a front end or a transfer announces just now, higher than those of all before.
  uint64_t NextOrder() { return ++last_order_; }
  // Takes back what the thread's last one of a kind has announced.
  void Drop(const HintKind& kind, uint64_t thread);
  void DropKey(const HintKind& kind, uint64_t key);
  // What was a hint of one kind is one of another.
  void Change(const HintKind& kind, uint64_t key, const HintKind& to);

  // The latest hint that `fits`, or null. Valid until the next Put.
  template <class Fits>
  Hint* Latest(Fits&& fits) {
    Hint* latest = nullptr;
    for (Hint& hint : slots_) {
      bool later = hint.kind != nullptr && (latest == nullptr || hint.order > latest->order);
      if (later && fits(hint)) latest = &hint;
    }
    return latest;
  }
  template <class Fits>
  Hint* Earliest(Fits&& fits) {
    Hint* earliest = nullptr;
    for (Hint& hint : slots_) {
      bool earlier = hint.kind != nullptr && (earliest == nullptr || hint.order < earliest->order);
      if (earlier && fits(hint)) earliest = &hint;
    }
    return earliest;
  }

  // As Decoder has them, but that Restore throws without having changed anything. `kinds` are all that there are.
  nlohmann::json Save() const;
  void Restore(const nlohmann::json& state, std::span<const HintKind* const> kinds);

 private:
  static constexpr size_t kSlots = 8;

  std::array<Hint, kSlots> slots_;
  uint64_t last_order_ = 0;
};

}  // namespace qte::decoders
