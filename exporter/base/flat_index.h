// An open-addressed index from hashes to ids: the one hash table of the hot path.
//
// It stores 8 bytes an entry (32 bits of hash, 32 of id) in one array and leaves keys to its owner, who is asked to
// compare. So the same table finds event names, label sets, open spans and learned names without owning any of them.
// Linear probing, at most half full; erasing shifts back, so there are no tombstones and no decay. Hashes must be keyed
// (base/hash.h): with hashes that collide, each search takes as long as there are keys.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace qte {

class FlatIndex {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  // The id under `hash` for which `equal(id)` is true, or kNone.
  template <class Equal>
  uint32_t Find(uint64_t hash, Equal&& equal) const {
    if (cells_.empty()) return kNone;
    uint32_t tag = Tag(hash);
    for (size_t i = tag & mask_;; i = (i + 1) & mask_) {
      const Cell& cell = cells_[i];
      if (cell.id == kNone) return kNone;
      if (cell.tag == tag && equal(cell.id)) return cell.id;
    }
  }

  // The caller has made sure that no equal key is there.
  void Insert(uint64_t hash, uint32_t id) {
    assert(id != kNone);
    if ((size_ + 1) * 2 > cells_.size()) Grow();
    Place({Tag(hash), id});
    ++size_;
  }

  void Erase(uint64_t hash, uint32_t id) {
    if (cells_.empty()) return;
    size_t i = Tag(hash) & mask_;
    while (cells_[i].id != id) {
      if (cells_[i].id == kNone) return;
      i = (i + 1) & mask_;
    }
    CloseGap(i);
    --size_;
  }

  void Clear() {
    for (Cell& cell : cells_) cell.id = kNone;
    size_ = 0;
  }

  size_t size() const { return size_; }
  // How many cells a search may have to look at, for tests.
  size_t LongestProbe() const {
    size_t longest = 0;
    for (size_t i = 0; i < cells_.size(); ++i) {
      if (cells_[i].id != kNone) longest = std::max(longest, ((i - cells_[i].tag) & mask_) + 1);
    }
    return longest;
  }

 private:
  struct Cell {
    uint32_t tag = 0;
    uint32_t id = kNone;
  };

  static uint32_t Tag(uint64_t hash) { return static_cast<uint32_t>(hash); }

  void Place(Cell cell) {
    size_t i = cell.tag & mask_;
    while (cells_[i].id != kNone) i = (i + 1) & mask_;
    cells_[i] = cell;
  }

  void Grow() {
    std::vector<Cell> old(cells_.empty() ? 16 : cells_.size() * 2);
    old.swap(cells_);
    mask_ = cells_.size() - 1;
    for (const Cell& cell : old) {
      if (cell.id != kNone) Place(cell);
    }
  }

  // Moves later cells of the same run into the gap as long as that brings them no further from home than allowed.
  void CloseGap(size_t gap) {
    for (size_t i = (gap + 1) & mask_; cells_[i].id != kNone; i = (i + 1) & mask_) {
      size_t home = cells_[i].tag & mask_;
      if (((i - home) & mask_) >= ((i - gap) & mask_)) {
        cells_[gap] = cells_[i];
        gap = i;
      }
    }
    cells_[gap].id = kNone;
  }

  std::vector<Cell> cells_;  // a power of two, or empty
  size_t mask_ = 0;
  size_t size_ = 0;
};

}  // namespace qte
