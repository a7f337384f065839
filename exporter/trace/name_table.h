// Event names to ids: the one lookup that every line pays.
//
// Names are found by hashing at most 16 of their bytes straight in the line and comparing once. What is compared first,
// those bytes and the length, lies beside each other in one entry, so a name of up to 16 bytes costs one cache line, a
// longer one two. Ids count up from 0 in the order of Add, so they index plain arrays.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/flat_index.h"
#include "base/hash.h"

namespace qte::trace {

class NameTable {
 public:
  static constexpr uint32_t kNone = FlatIndex::kNone;

  // The id of `name`, or kNone.
  uint32_t Find(std::string_view name) const {
    Ends ends = EndsOf(name);
    uint32_t id = index_.Find(Hash(ends), [&](uint32_t other) { return entries_[other].ends == ends; });
    if (id == kNone || name.size() <= 16 || SameMiddle(bytes_.data() + entries_[id].at, name)) return id;
    return FindAlike(name);
  }
  // The id of `name`, added if it is new.
  uint32_t Add(std::string_view name);
  // Valid until the next Add.
  std::string_view NameOf(uint32_t id) const {
    return std::string_view(bytes_).substr(entries_[id].at, entries_[id].ends.size);
  }
  size_t size() const { return entries_.size(); }

 private:
  // The first and the last eight bytes, which overlap in a name of less than 16, and the length. They tell almost all
  // of QEMU's names apart.
  struct Ends {
    uint64_t first = 0;
    uint64_t last = 0;
    uint64_t size = 0;
    bool operator==(const Ends&) const = default;
  };
  struct Entry {
    Ends ends;
    size_t at = 0;  // in bytes_
  };

  static Ends EndsOf(std::string_view name) {
    if (name.size() >= 8) return {Load64(name.data()), Load64(name.data() + name.size() - 8), name.size()};
    uint64_t bytes = 0;
    std::memcpy(&bytes, name.data(), name.size());
    return {bytes, 0, name.size()};
  }
  uint32_t FindAlike(std::string_view name) const;
  // For names of more than 16 bytes whose first and last eight are the same.
  static bool SameMiddle(const char* known, std::string_view name) {
    return SameBytes(known + 8, name.data() + 8, name.size() - 16);
  }
  static uint64_t Hash(const Ends& ends) {
    return HashState{ends.first ^ kHashSecret.a, ends.last ^ ends.size * kHashSecret.seed}.FoldTwice();
  }

  FlatIndex index_;  // one name for each Ends
  FlatIndex alike_;  // all others, by all their bytes: a log can name as many events as it likes that end alike
  std::vector<Entry> entries_;
  std::string bytes_;  // all names, one behind the other
};

}  // namespace qte::trace
