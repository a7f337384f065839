// The latest lines of the front ends. After such a line, a front end makes its request of the block layer in the same
// thread.
//
// Lines of other threads can come in between. A hint must therefore agree with the request in every value that both
// have. The latest hint that fits is used, and only once. IDE, AHCI and NVMe log under QEMU's big lock, so only lines
// of iothreads (virtio-blk, virtio-scsi) can interfere. Few hints wait at a time; above kSlots the oldest is dropped.
//
// SCSI controllers without DMA start commands while they report the end of another one, and QEMU holds these requests
// back until that is done. Each command therefore has its own hint, and they are used in order, earliest first.
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
  // DMA, by the hint's key; a dma_blk_io that is not a transfer; or none of these.
  enum class Announces : uint8_t { kTransfer, kUnitTransfer, kTrim, kOther };

  uint8_t number;  // from 1; checkpoints contain it, so it must never change
  Interface interface;
  Announces announces;
  bool is_by_key = false;  // a thread can have several hints with different keys
};

struct Hint {
  const HintKind* kind = nullptr;  // null: this slot is free
  DmaDirection direction = DmaDirection::kRead;
  uint64_t thread = kNoThread;
  int64_t offset = -1;     // -1 if unknown
  uint64_t bytes = 0;      // size of programmed I/O or of a SCSI command; 0 if unknown
  FrontEnd front_end = 0;  // 0 if unknown
  uint64_t key = 0;        // key of a SCSI command or of a virtio request
  uint64_t order = 0;      // the latest hint has the highest order

  // A request of the block layer, with the values that are known.
  bool Fits(DmaDirection way, int64_t at, uint64_t by_thread) const {
    return direction == way && SameThread(thread, by_thread) && (offset < 0 || offset == at);
  }
  // The same, for a request whose backend may have a known front end.
  bool Fits(const BlockIo& io, Interface known) const {
    return (known == Interface::kNone || known == kind->interface) && Fits(io.direction, io.offset, io.thread);
  }
  bool Announces(HintKind::Announces what) const { return kind->announces == what; }
};

class FrontEndHints {
 public:
  // Stores a hint. It replaces the thread's last hint of its kind, or the one with its key.
  void Put(Hint hint);
  // A number for the current announcement of a front end or a transfer. It is higher than all earlier ones.
  uint64_t NextOrder() { return ++last_order_; }
  // Drops the thread's last hint of a kind.
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

  // Like those of Decoder, but Restore changes nothing if it throws. `kinds` must contain all kinds.
  nlohmann::json Save() const;
  void Restore(const nlohmann::json& state, std::span<const HintKind* const> kinds);

 private:
  static constexpr size_t kSlots = 8;

  std::array<Hint, kSlots> slots_;
  uint64_t last_order_ = 0;
};

}  // namespace qte::decoders
