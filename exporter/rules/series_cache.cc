#include "rules/series_cache.h"

namespace qte::rules {

uint32_t SeriesCache::Insert(uint64_t hash, const SeriesKey& key, size_t max_entries) {
  // Arguments can be as long as a line. Labels are cut, so long arguments must not fill the cache.
  constexpr size_t kMostBytesPerEntry = 256;
  const size_t most_bytes = kMostBytesPerEntry * max_entries;
  if (max_entries == 0 || key.text.size() > most_bytes) return kNoEntry;
  if (entries_.size() >= max_entries || bytes_.size() + key.text.size() > most_bytes) Clear();
  auto id = static_cast<uint32_t>(entries_.size());
  entries_.push_back({key.shape, static_cast<uint32_t>(bytes_.size()), static_cast<uint32_t>(key.text.size())});
  series_.resize(series_.size() + rules_, kUnknown);
  bytes_.append(key.text);
  index_.Insert(hash, id);
  return id;
}

void SeriesCache::Clear() {
  index_.Clear();
  entries_.clear();
  series_.clear();
  bytes_.clear();
}

}  // namespace qte::rules
