// From the arguments that make a label set straight to the series, without building label texts.
//
// Each source has one for each label set of its rules: an entry for each combination of arguments, and in it a series
// for each of the rules that share the labels. It is a cache: what it does not know is rendered and looked up in the
// family the slow way, and it is emptied when it has grown over its cap (many raw arguments can make one label).
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/flat_index.h"
#include "base/hash.h"
#include "metrics/family.h"

namespace qte::rules {

class SeriesCache {
 public:
  static constexpr metrics::SeriesId kUnknown = FlatIndex::kNone;
  static constexpr uint32_t kNoEntry = FlatIndex::kNone;
  using Inputs = std::span<const std::string_view>;

  explicit SeriesCache(size_t rules) : rules_(rules) {}

  // An argument that is missing (null) is not an empty text.
  static uint32_t SizeMark(std::string_view input) {
    return input.data() == nullptr ? UINT32_MAX : static_cast<uint32_t>(input.size());
  }
  static uint64_t Hash(Inputs inputs) {
    uint64_t hash = kHashSeed;
    for (std::string_view input : inputs) hash = HashBytes(input, hash);
    return hash;
  }
  // The entry of these inputs, or kNoEntry.
  uint32_t Find(uint64_t hash, Inputs inputs) const {
    return index_.Find(hash, [&](uint32_t entry) { return Matches(starts_[entry], inputs); });
  }
  // Makes an entry that is not there yet, with unknown series; kNoEntry if the inputs are too long to be kept.
  uint32_t Insert(uint64_t hash, Inputs inputs, size_t max_entries);
  // The series of an entry for one of the rules.
  metrics::SeriesId& SeriesOf(uint32_t entry, uint32_t rule) { return series_[entry * rules_ + rule]; }
  bool empty() const { return starts_.empty(); }
  void Clear();

 private:
  bool Matches(size_t start, Inputs inputs) const {
    const char* p = bytes_.data() + start;
    for (std::string_view input : inputs) {
      if (Load32(p) != SizeMark(input)) return false;
      p += sizeof(uint32_t);
      if (!SameBytes(p, input.data(), input.size())) return false;
      p += input.size();
    }
    return true;
  }

  size_t rules_;
  FlatIndex index_;
  std::vector<uint32_t> starts_;           // of each entry in bytes_: for each input its size, then its text
  std::vector<metrics::SeriesId> series_;  // of each entry, for each rule
  std::string bytes_;
};

}  // namespace qte::rules
