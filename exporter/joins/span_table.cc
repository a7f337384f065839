#include "joins/span_table.h"

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <utility>

#include "base/hash.h"
#include "joins/elapsed.h"
#include "joins/saved.h"

namespace qte::joins {
namespace {

using nlohmann::json;
using trace::Value;
using trace::ValueKind;

// A string of this size stays with an entry that is free.
constexpr size_t kKeptBytes = 256;

uint64_t BitsOf(const Value& value) {
  return value.kind == ValueKind::kReal ? std::bit_cast<uint64_t>(value.real) : value.bits;
}

// The text points into `from`.
Value RestoreValue(const json& from) {
  const json::array_t& row = SavedRow(from, 4);
  const std::string& text = SavedText(row[3]);
  if (text.size() > UINT32_MAX) throw std::runtime_error("saved state: a text that is too long");
  Value value = Value::Text(text);
  value.kind = static_cast<ValueKind>(SavedUnsigned(row[0], static_cast<uint64_t>(ValueKind::kReal)));
  value.negative = SavedFlag(row[2]);
  uint64_t bits = SavedUnsigned(row[1]);
  if (value.kind == ValueKind::kReal) {
    value.real = std::bit_cast<double>(bits);
  } else {
    value.bits = bits;
  }
  return value;
}

}  // namespace

uint32_t SpanTable::Find(std::string_view key, uint64_t hash) const {
  return index_.Find(hash, [&](uint32_t id) { return entries_[id].key == key; });
}

void SpanTable::Link(uint32_t id) {
  entries_[id].older = newest_;
  entries_[id].newer = kNone;
  (newest_ == kNone ? oldest_ : entries_[newest_].newer) = id;
  newest_ = id;
}

void SpanTable::Release(uint32_t id) {
  Entry& entry = entries_[id];
  (entry.older == kNone ? oldest_ : entries_[entry.older].newer) = entry.newer;
  (entry.newer == kNone ? newest_ : entries_[entry.newer].older) = entry.older;
  index_.Erase(entry.hash, id);
  free_.push_back(id);
  bytes_ -= entry.bytes();
}

void SpanTable::Abandon(uint32_t id) {
  Release(id);
  Shrink(entries_[id]);
  ++abandoned_;
}

void SpanTable::Shrink(Entry& entry) {
  if (entry.key.capacity() > kKeptBytes) entry.key = std::string();
  if (entry.texts.capacity() > kKeptBytes) entry.texts = std::string();
}

void SpanTable::ShrinkEnded() {
  if (ended_ != kNone) Shrink(entries_[ended_]);
  ended_ = kNone;
}

void SpanTable::DropOld(int64_t now_us) {
  if (now_us == kNoTime) return;
  int passed = 0;
  uint32_t next = kNone;
  for (uint32_t id = oldest_; id != kNone && passed < kMaxTimeless; id = next) {
    next = entries_[id].newer;
    int64_t start_us = entries_[id].start_us;
    if (start_us == kNoTime || now_us < start_us) {
      ++passed;
      continue;
    }
    if (ElapsedMicroseconds(start_us, now_us) <= static_cast<uint64_t>(limits_.max_age_us)) return;
    Abandon(id);
  }
}

uint32_t SpanTable::TakeFreeEntry() {
  if (free_.empty() && entries_.size() >= limits_.max_open) Abandon(oldest_);
  if (free_.empty()) {
    entries_.emplace_back();
    return static_cast<uint32_t>(entries_.size() - 1);
  }
  uint32_t id = free_.back();
  free_.pop_back();
  return id;
}

void SpanTable::Start(std::string_view key, int64_t time_us, std::span<const Value> saved) {
  ShrinkEnded();
  DropOld(time_us);
  uint64_t hash = HashBytes(key);
  if (uint32_t open = Find(key, hash); open != kNone) Abandon(open);
  Open(key, hash, time_us, saved);
}

void SpanTable::Open(std::string_view key, uint64_t hash, int64_t start_us, std::span<const Value> saved) {
  uint32_t id = TakeFreeEntry();
  Entry& entry = entries_[id];
  entry.key = key;
  entry.hash = hash;
  entry.start_us = start_us;
  entry.texts.clear();
  entry.saved.assign(saved.begin(), saved.end());
  for (Value& value : entry.saved) {
    entry.texts.append(value.text());
    value.data = nullptr;
  }
  bytes_ += entry.bytes();
  Link(id);
  index_.Insert(hash, id);
  while (bytes_ > kMaxBytes && oldest_ != id) Abandon(oldest_);
}

void SpanTable::CopySaved(const Entry& entry, std::span<Value> saved) {
  std::copy(entry.saved.begin(), entry.saved.end(), saved.begin());
  const char* text = entry.texts.data();
  for (Value& value : saved) {
    value.data = text;
    text += value.size;
  }
}

bool SpanTable::End(std::string_view key, int64_t time_us, std::span<Value> saved, Value& duration) {
  ShrinkEnded();
  DropOld(time_us);
  uint32_t id = Find(key, HashBytes(key));
  if (id == kNone) return false;
  const Entry& entry = entries_[id];
  if (saved.size() != entry.saved.size()) {
    Abandon(id);
    return false;
  }
  CopySaved(entry, saved);
  duration = DurationOf(entry.start_us, time_us);
  Release(id);
  ended_ = id;  // its strings stay until the next call
  return true;
}

std::optional<int64_t> SpanTable::Look(std::string_view key, std::vector<Value>& saved) const {
  uint32_t id = Find(key, HashBytes(key));
  if (id == kNone) return std::nullopt;
  saved.resize(entries_[id].saved.size());
  CopySaved(entries_[id], saved);
  return entries_[id].start_us;
}

void SpanTable::Clear() {
  abandoned_ += index_.size();
  index_.Clear();
  entries_.clear();
  free_.clear();
  oldest_ = newest_ = ended_ = kNone;
  bytes_ = 0;
}

// {"spans": [[key, start_us, [[kind, bits, negative, text], ...]], ...], the oldest first, "abandoned"}
//
// A real number is saved by its bits, since CBOR keeps no NaN as it was.
json SpanTable::Save() const {
  json rows = json::array();
  for (uint32_t id = oldest_; id != kNone; id = entries_[id].newer) {
    const Entry& entry = entries_[id];
    json values = json::array();
    const char* text = entry.texts.data();
    for (const Value& value : entry.saved) {
      values.push_back({value.kind, BitsOf(value), value.negative, std::string(text, value.size)});
      text += value.size;
    }
    rows.push_back({entry.key, entry.start_us, std::move(values)});
  }
  return {{"spans", std::move(rows)}, {"abandoned", abandoned_}};
}

void SpanTable::Restore(const json& state) {
  Clear();
  SpanTable restored(limits_);
  std::vector<Value> saved;
  for (const json& from : SavedList(state.at("spans"))) {
    const json::array_t& row = SavedRow(from, 3);
    const std::string& key = SavedText(row[0]);
    uint64_t hash = HashBytes(key);
    if (restored.Find(key, hash) != kNone) throw std::runtime_error("saved state: the same key twice");
    saved.clear();
    for (const json& value : SavedList(row[2])) saved.push_back(RestoreValue(value));
    restored.Open(key, hash, SavedSigned(row[1]), saved);
  }
  restored.abandoned_ += SavedUnsigned(state.at("abandoned"));
  *this = std::move(restored);
}

}  // namespace qte::joins
