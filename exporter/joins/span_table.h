// Open spans: start events that wait for their end, by key.
//
// A start keeps the arguments that rules will need at the end. Bounded in number, in bytes and in age (of trace time):
// the oldest open span makes room, one that is too old is dropped when the next event comes, and a start whose key is
// open already replaces it, since QEMU reuses pointers and tags at once; each of these counts as abandoned. Entries are
// recycled with their strings, unless these are long, so that nothing is allocated once warm.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/flat_index.h"
#include "trace/value.h"

namespace qte::joins {

struct SpanLimits {
  size_t max_open = 65536;
  int64_t max_age_us = 600'000'000;
};

class SpanTable {
 public:
  // The bytes of all keys and texts together; room for 65,536 spans with 256 bytes each.
  static constexpr size_t kMaxBytes = size_t{16} << 20;

  explicit SpanTable(SpanLimits limits) : limits_(limits) {}

  // `saved` is copied. `time_us` is INT64_MIN where the line has no time.
  void Start(std::string_view key, int64_t time_us, std::span<const trace::Value> saved);

  // Closes the span with this key. Fills `saved` (as many as were given to Start) and returns the duration in seconds,
  // which is missing where either line has no time or time went backwards. False if no such span is open. The texts
  // in `saved` are valid until the next call. A span that holds another number of arguments was restored from what
  // another declaration saved: it is abandoned.
  bool End(std::string_view key, int64_t time_us, std::span<trace::Value> saved, trace::Value& duration);

  // When the span with this key began, and what it keeps, as End has it but that the span stays open. Nothing if it is
  // not open.
  std::optional<int64_t> Look(std::string_view key, std::vector<trace::Value>& saved) const;

  // Calls visit(saved) for every open span, the oldest first; `saved` as in End, valid until visit returns.
  template <class Visit>
  void ForEachOpen(Visit&& visit) const {
    std::vector<trace::Value> saved;
    for (uint32_t id = oldest_; id != kNone; id = entries_[id].newer) {
      saved.resize(entries_[id].saved.size());
      CopySaved(entries_[id], saved);
      visit(std::span<const trace::Value>(saved));
    }
  }

  // Forgets all open spans; they count as abandoned.
  void Clear();

  // All state, for a checkpoint; a table that restores it continues as this one would. Restore replaces the state, the
  // counter too, and abandons the oldest above this table's bound. It throws nlohmann::json::exception or
  // std::runtime_error where `state` is not what Save() makes; the table is then as after Clear().
  nlohmann::json Save() const;
  void Restore(const nlohmann::json& state);

  size_t open() const { return index_.size(); }
  uint64_t abandoned() const { return abandoned_; }

 private:
  static constexpr uint32_t kNone = FlatIndex::kNone;

  struct Entry {
    std::string key;
    std::string texts;                // of all saved arguments, end to end
    std::vector<trace::Value> saved;  // with `data` null; the texts follow each other in `texts`
    uint64_t hash = 0;
    int64_t start_us = 0;
    uint32_t older = kNone;  // neighbours in order of start
    uint32_t newer = kNone;

    size_t bytes() const { return key.size() + texts.size(); }
  };

  uint32_t Find(std::string_view key, uint64_t hash) const;
  static void CopySaved(const Entry& entry, std::span<trace::Value> saved);
  void Open(std::string_view key, uint64_t hash, int64_t start_us, std::span<const trace::Value> saved);
  uint32_t TakeFreeEntry();
  void DropOld(int64_t now_us);
  void Release(uint32_t id);
  void Abandon(uint32_t id);
  void Link(uint32_t id);
  void ShrinkEnded();
  static void Shrink(Entry& entry);

  SpanLimits limits_;
  FlatIndex index_;
  std::vector<Entry> entries_;
  std::vector<uint32_t> free_;
  uint32_t oldest_ = kNone;
  uint32_t newest_ = kNone;
  uint32_t ended_ = kNone;  // the last one that ended, whose texts the caller may still read
  size_t bytes_ = 0;        // of the open ones
  uint64_t abandoned_ = 0;
};

}  // namespace qte::joins
