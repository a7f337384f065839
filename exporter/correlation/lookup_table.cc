#include "correlation/lookup_table.h"

#include "base/hash.h"

namespace qte::correlation {

uint32_t LookupTable::FindEntry(std::string_view key, uint64_t hash) const {
  return index_.Find(hash, [&](uint32_t id) { return entries_[id].key == key; });
}

const std::string* LookupTable::Find(std::string_view key) const {
  uint32_t id = FindEntry(key, HashBytes(key));
  return id == FlatIndex::kNone ? nullptr : &entries_[id].value;
}

void LookupTable::Learn(std::string_view key, std::string_view value) {
  uint64_t hash = HashBytes(key);
  uint32_t id = FindEntry(key, hash);
  if (id == FlatIndex::kNone) {
    if (entries_.size() < max_entries_) {
      id = static_cast<uint32_t>(entries_.size());
      entries_.emplace_back();
    } else {
      id = static_cast<uint32_t>(oldest_);
      oldest_ = (oldest_ + 1) % entries_.size();
      index_.Erase(entries_[id].hash, id);
      ++forgotten_;
    }
    entries_[id].key = key;
    entries_[id].hash = hash;
    index_.Insert(hash, id);
  }
  entries_[id].value = value;
}

void LookupTable::Clear() {
  index_.Clear();
  entries_.clear();
  oldest_ = 0;
}

}  // namespace qte::correlation
