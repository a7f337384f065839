#include "correlation/lookup_table.h"

#include <stdexcept>
#include <utility>

#include "base/hash.h"
#include "correlation/saved.h"

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

// {"entries": [[key, value], ...], the one learned first ahead, "forgotten"}
nlohmann::json LookupTable::Save() const {
  nlohmann::json rows = nlohmann::json::array();
  for (size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[(oldest_ + i) % entries_.size()];
    rows.push_back({entry.key, entry.value});
  }
  return {{"entries", std::move(rows)}, {"forgotten", forgotten_}};
}

void LookupTable::Restore(const nlohmann::json& state) {
  Clear();
  LookupTable restored(max_entries_);
  for (const nlohmann::json& from : SavedList(state.at("entries"))) {
    const nlohmann::json::array_t& row = SavedRow(from, 2);
    const std::string& key = SavedText(row[0]);
    if (restored.Find(key) != nullptr) throw std::runtime_error("saved state: the same key twice");
    restored.Learn(key, SavedText(row[1]));
  }
  restored.forgotten_ += SavedUnsigned(state.at("forgotten"));
  *this = std::move(restored);
}

}  // namespace qte::correlation
