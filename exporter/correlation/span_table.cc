#include "correlation/span_table.h"

#include <algorithm>
#include <cassert>

#include "base/hash.h"

namespace qte::correlation {
namespace {

constexpr int64_t kNoTime = INT64_MIN;

trace::Value Duration(int64_t start_us, int64_t end_us) {
  if (start_us == kNoTime || end_us == kNoTime || end_us < start_us) return {};
  return trace::Value::Real(static_cast<double>(end_us - start_us) / 1e6);
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
}

void SpanTable::DropOld(int64_t now_us) {
  if (now_us == kNoTime) return;
  while (oldest_ != kNone) {
    int64_t start_us = entries_[oldest_].start_us;
    if (start_us == kNoTime || now_us - start_us <= limits_.max_age_us) return;
    Release(oldest_);
    ++abandoned_;
  }
}

uint32_t SpanTable::TakeFreeEntry() {
  if (free_.empty() && entries_.size() >= limits_.max_open) {
    Release(oldest_);
    ++abandoned_;
  }
  if (free_.empty()) {
    entries_.emplace_back();
    return static_cast<uint32_t>(entries_.size() - 1);
  }
  uint32_t id = free_.back();
  free_.pop_back();
  return id;
}

void SpanTable::Start(std::string_view key, int64_t time_us, std::span<const trace::Value> saved) {
  DropOld(time_us);
  uint64_t hash = HashBytes(key);
  if (uint32_t open = Find(key, hash); open != kNone) {
    Release(open);
    ++abandoned_;
  }
  uint32_t id = TakeFreeEntry();
  Entry& entry = entries_[id];
  entry.key = key;
  entry.hash = hash;
  entry.start_us = time_us;
  entry.texts.clear();
  entry.saved.assign(saved.begin(), saved.end());
  for (trace::Value& value : entry.saved) {
    entry.texts.append(value.text());
    value.data = nullptr;
  }
  Link(id);
  index_.Insert(hash, id);
}

bool SpanTable::End(std::string_view key, int64_t time_us, std::span<trace::Value> saved, trace::Value& duration) {
  DropOld(time_us);
  uint32_t id = Find(key, HashBytes(key));
  if (id == kNone) return false;
  const Entry& entry = entries_[id];
  assert(saved.size() == entry.saved.size());
  std::copy(entry.saved.begin(), entry.saved.end(), saved.begin());
  const char* text = entry.texts.data();
  for (trace::Value& value : saved) {
    value.data = text;
    text += value.size;
  }
  duration = Duration(entry.start_us, time_us);
  Release(id);  // its strings stay until the entry is used again
  return true;
}

void SpanTable::Clear() {
  abandoned_ += index_.size();
  index_.Clear();
  entries_.clear();
  free_.clear();
  oldest_ = newest_ = kNone;
}

}  // namespace qte::correlation
