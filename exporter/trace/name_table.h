// Event names to ids: the one lookup that every line pays.
//
// Names are found by hashing at most 16 of their bytes straight in the line and comparing once; ids count up from 0 in
// the order of Add, so they index plain arrays.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "base/flat_index.h"
#include "base/hash.h"

namespace qte::trace {

class NameTable {
 public:
  static constexpr uint32_t kNone = FlatIndex::kNone;

  // The id of `name`, or kNone.
  uint32_t Find(std::string_view name) const {
    return index_.Find(Hash(name), [&](uint32_t id) { return names_[id] == name; });
  }
  // The id of `name`, added if it is new.
  uint32_t Add(std::string_view name) {
    uint32_t id = Find(name);
    if (id != kNone) return id;
    id = static_cast<uint32_t>(names_.size());
    names_.emplace_back(name);
    index_.Insert(Hash(name), id);
    return id;
  }
  const std::string& NameOf(uint32_t id) const { return names_[id]; }
  size_t size() const { return names_.size(); }

 private:
  // The first and the last eight bytes and the length tell QEMU's names apart well enough; the comparison does the
  // rest.
  static uint64_t Hash(std::string_view name) {
    if (name.size() < 8) return HashBytes(name);
    return Mix(Load64(name.data()) ^ kHashSeed, Load64(name.data() + name.size() - 8) ^ (name.size() * kHashSeed));
  }

  FlatIndex index_;
  std::deque<std::string> names_;
};

}  // namespace qte::trace
