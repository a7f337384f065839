// A bounded table keyed by QEMU's pointers, whose entries also stand in a row from the oldest to the newest: what
// decoders learn about an object of QEMU, or a request that is open.
//
// Ids are small and stay valid until Erase, so callers may link entries by id. A slot that becomes free is used again
// with whatever its entry holds, strings with their capacity among it: nothing is allocated once the table has reached
// the size that its source needs. What happens at the bound is the caller's to decide, before Add.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/flat_index.h"
#include "base/hash.h"

namespace qte::joins {

template <class Entry>
class PointerTable {
 public:
  static constexpr uint32_t kNone = FlatIndex::kNone;

  explicit PointerTable(size_t max_size) : max_size_(std::clamp<size_t>(max_size, 1, kNone - 1)) {}

  Entry& operator[](uint32_t id) { return slots_[id].entry; }
  const Entry& operator[](uint32_t id) const { return slots_[id].entry; }
  uint64_t PointerOf(uint32_t id) const { return slots_[id].pointer; }

  size_t size() const { return index_.size(); }
  bool full() const { return size() == max_size_; }
  // While it is not, nothing will be forgotten soon, and which entry is the newest does not matter.
  bool is_crowded() const { return size() > max_size_ / 2; }
  // kNone when the table is empty.
  uint32_t oldest() const { return oldest_; }
  // The next one in the row, kNone after the newest.
  uint32_t newer(uint32_t id) const { return slots_[id].newer; }
  // The same row from its other end.
  uint32_t newest() const { return newest_; }
  uint32_t older(uint32_t id) const { return slots_[id].older; }

  uint32_t Find(uint64_t pointer) const {
    return index_.Find(HashNumber(pointer), [&](uint32_t id) { return slots_[id].pointer == pointer; });
  }

  // Adds an entry as the newest. The table is not full, and has none for `pointer`; the entry may hold what an erased
  // one left behind.
  uint32_t Add(uint64_t pointer) {
    assert(!full() && Find(pointer) == kNone);
    uint32_t id = TakeSlot();
    slots_[id].pointer = pointer;
    index_.Insert(HashNumber(pointer), id);
    LinkNewest(id);
    return id;
  }

  void Erase(uint32_t id) {
    index_.Erase(HashNumber(slots_[id].pointer), id);
    Unlink(id);
    slots_[id].newer = free_;
    free_ = id;
  }

  void MakeNewest(uint32_t id) {
    if (id == newest_) return;
    Unlink(id);
    LinkNewest(id);
  }

  // Erases the least recently used entry, to make room.
  void Forget() {
    Erase(oldest_);
    ++forgotten_;
  }
  // Entries that made room, over the table's life.
  uint64_t forgotten() const { return forgotten_; }
  void set_forgotten(uint64_t count) { forgotten_ = count; }

  // The entry of `pointer` made the newest, added if there is none; then the least recently used one is forgotten if
  // the table is full. `added` tells which.
  uint32_t FindOrAdd(uint64_t pointer, bool& added) {
    uint32_t id = Find(pointer);
    added = id == kNone;
    if (!added) {
      MakeNewest(id);
      return id;
    }
    if (full()) Forget();
    return Add(pointer);
  }

  void Clear() {
    while (oldest_ != kNone) Erase(oldest_);
  }

 private:
  struct Slot {
    uint64_t pointer = 0;
    uint32_t older = kNone;
    uint32_t newer = kNone;  // of a free slot: the next free one
    Entry entry{};
  };

  uint32_t TakeSlot() {
    if (free_ == kNone) {
      slots_.emplace_back();
      return static_cast<uint32_t>(slots_.size() - 1);
    }
    uint32_t id = free_;
    free_ = slots_[id].newer;
    return id;
  }

  void LinkNewest(uint32_t id) {
    slots_[id].older = newest_;
    slots_[id].newer = kNone;
    (newest_ == kNone ? oldest_ : slots_[newest_].newer) = id;
    newest_ = id;
  }

  void Unlink(uint32_t id) {
    const Slot& slot = slots_[id];
    (slot.older == kNone ? oldest_ : slots_[slot.older].newer) = slot.newer;
    (slot.newer == kNone ? newest_ : slots_[slot.newer].older) = slot.older;
  }

  size_t max_size_;
  FlatIndex index_;
  std::vector<Slot> slots_;
  uint32_t oldest_ = kNone;
  uint32_t newest_ = kNone;
  uint32_t free_ = kNone;
  uint64_t forgotten_ = 0;
};

}  // namespace qte::joins
