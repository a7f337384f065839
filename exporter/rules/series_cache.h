// Finds series directly by the arguments of a label set, without building label texts.
//
// Each source has a cache for each label set of its rules. It has an entry for each combination of arguments, with a
// series for each rule that shares the labels. On a miss, the labels are rendered and the series is looked up in the
// family. Many combinations of arguments can make one label, so the cache is emptied when it exceeds its limit.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/flat_index.h"
#include "base/hash.h"
#include "metrics/family.h"
#include "rules/series_key.h"

namespace qte::rules {

class SeriesCache {
 public:
  static constexpr metrics::SeriesId kUnknown = FlatIndex::kNone;
  static constexpr uint32_t kNoEntry = FlatIndex::kNone;

  explicit SeriesCache(size_t rules) : rules_(rules) {}

  static uint64_t Hash(const SeriesKey& key) { return HashBytesAndNumber(key.text, key.shape); }
  // The entry for this key, or kNoEntry.
  uint32_t Find(uint64_t hash, const SeriesKey& key) const {
    return index_.Find(hash, [&](uint32_t id) {
      const Entry& entry = entries_[id];
      return entry.shape == key.shape && entry.size == key.text.size() &&
             SameBytes(bytes_.data() + entry.at, key.text.data(), entry.size);
    });
  }
  // Adds an entry with unknown series. The key must not exist yet. Returns kNoEntry if the key is too long.
  uint32_t Insert(uint64_t hash, const SeriesKey& key, size_t max_entries);
  // The series of an entry for one of the rules.
  metrics::SeriesId& SeriesOf(uint32_t entry, uint32_t rule) { return series_[entry * rules_ + rule]; }
  bool empty() const { return entries_.empty(); }
  void Clear();

 private:
  struct Entry {
    uint64_t shape = 0;
    uint32_t at = 0;  // offset of its text in bytes_
    uint32_t size = 0;
  };

  size_t rules_;
  FlatIndex index_;
  std::vector<Entry> entries_;
  std::vector<metrics::SeriesId> series_;  // for each entry and each rule
  std::string bytes_;
};

}  // namespace qte::rules
