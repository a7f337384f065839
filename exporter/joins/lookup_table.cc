#include "joins/lookup_table.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "base/hash.h"
#include "joins/saved.h"

namespace qte::joins {

uint32_t LookupTable::FindEntry(std::string_view key, uint64_t hash) const {
  return index_.Find(hash, [&](uint32_t id) { return At(id).key == key; });
}

const std::string* LookupTable::Find(std::string_view key) const {
  uint32_t id = FindEntry(key, HashBytes(key));
  return id == FlatIndex::kNone ? nullptr : &At(id).value;
}

bool LookupTable::HasValue(std::string_view value) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.value == value; });
}

void LookupTable::Learn(std::string_view key, std::string_view value) {
  uint64_t hash = HashBytes(key);
  uint32_t id = FindEntry(key, hash);
  if (id == FlatIndex::kNone) id = Add(key, hash);
  Entry& entry = At(id);
  bytes_ += value.size() - entry.value.size();
  // Short ones are assigned, which allocates nothing; a long one's memory is given back.
  constexpr size_t kKeptBytes = 256;
  if (entry.value.capacity() > kKeptBytes) entry.value = std::string();
  entry.value = value;
  while (bytes_ > kMaxBytes && entries_.size() > 1) ForgetOldest();
}

uint32_t LookupTable::Add(std::string_view key, uint64_t hash) {
  if (entries_.size() == max_entries_) ForgetOldest();
  uint32_t id = (first_id_ + static_cast<uint32_t>(entries_.size())) & kIdMask;
  entries_.push_back({std::string(key), {}, hash});
  bytes_ += key.size();
  index_.Insert(hash, id);
  return id;
}

void LookupTable::ForgetOldest() {
  const Entry& oldest = entries_.front();
  index_.Erase(oldest.hash, first_id_);
  bytes_ -= oldest.key.size() + oldest.value.size();
  entries_.pop_front();
  first_id_ = (first_id_ + 1) & kIdMask;
  ++forgotten_;
}

void LookupTable::Clear() {
  index_.Clear();
  entries_.clear();
  bytes_ = 0;
}

// {"entries": [[key, value], ...], the one learned first ahead, "forgotten"}
nlohmann::json LookupTable::Save() const {
  nlohmann::json rows = nlohmann::json::array();
  for (const Entry& entry : entries_) rows.push_back({entry.key, entry.value});
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

}  // namespace qte::joins
