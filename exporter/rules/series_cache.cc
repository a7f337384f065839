#include "rules/series_cache.h"

#include <cstring>

#include "base/hash.h"

namespace qte::rules {
namespace {

// An argument that is missing (null) is not an empty text.
uint32_t SizeMark(std::string_view input) {
  return input.data() == nullptr ? UINT32_MAX : static_cast<uint32_t>(input.size());
}

}  // namespace

uint64_t SeriesCache::Hash(std::span<const std::string_view> inputs) {
  uint64_t hash = kHashSeed;
  for (std::string_view input : inputs) hash = HashBytes(input, hash);
  return hash;
}

bool SeriesCache::Matches(const Entry& entry, std::span<const std::string_view> inputs) const {
  const char* p = bytes_.data() + entry.at;
  for (std::string_view input : inputs) {
    if (Load32(p) != SizeMark(input)) return false;
    p += sizeof(uint32_t);
    if (!input.empty() && std::memcmp(p, input.data(), input.size()) != 0) return false;
    p += input.size();
  }
  return true;
}

metrics::SeriesId SeriesCache::Find(uint64_t hash, std::span<const std::string_view> inputs) const {
  uint32_t id = index_.Find(hash, [&](uint32_t entry) { return Matches(entries_[entry], inputs); });
  return id == FlatIndex::kNone ? kUnknown : entries_[id].series;
}

void SeriesCache::Insert(uint64_t hash, std::span<const std::string_view> inputs, metrics::SeriesId series,
                         size_t max_entries) {
  // Arguments may be as long as a line; labels are cut, so these must not fill a cache that each source has many of.
  constexpr size_t kMostBytesPerEntry = 256;
  size_t size = 0;
  for (std::string_view input : inputs) size += sizeof(uint32_t) + input.size();
  if (size > kMostBytesPerEntry * max_entries) return;
  if (entries_.size() >= max_entries || bytes_.size() + size > kMostBytesPerEntry * max_entries) {
    index_.Clear();
    entries_.clear();
    bytes_.clear();
  }
  Entry entry{static_cast<uint32_t>(bytes_.size()), series};
  for (std::string_view input : inputs) {
    uint32_t mark = SizeMark(input);
    bytes_.append(reinterpret_cast<const char*>(&mark), sizeof mark);
    bytes_.append(input);
  }
  index_.Insert(hash, static_cast<uint32_t>(entries_.size()));
  entries_.push_back(entry);
}

}  // namespace qte::rules
