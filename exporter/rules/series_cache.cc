#include "rules/series_cache.h"

namespace qte::rules {

uint32_t SeriesCache::Insert(uint64_t hash, Inputs inputs, size_t max_entries) {
  // Arguments may be as long as a line; labels are cut, so these must not fill a cache that each source has many of.
  constexpr size_t kMostBytesPerEntry = 256;
  size_t size = 0;
  for (std::string_view input : inputs) size += sizeof(uint32_t) + input.size();
  if (size > kMostBytesPerEntry * max_entries) return kNoEntry;
  if (starts_.size() >= max_entries || bytes_.size() + size > kMostBytesPerEntry * max_entries) Clear();
  auto entry = static_cast<uint32_t>(starts_.size());
  starts_.push_back(static_cast<uint32_t>(bytes_.size()));
  series_.resize(series_.size() + rules_, kUnknown);
  for (std::string_view input : inputs) {
    uint32_t mark = SizeMark(input);
    bytes_.append(reinterpret_cast<const char*>(&mark), sizeof mark);
    bytes_.append(input);
  }
  index_.Insert(hash, entry);
  return entry;
}

void SeriesCache::Clear() {
  index_.Clear();
  starts_.clear();
  series_.clear();
  bytes_.clear();
}

}  // namespace qte::rules
