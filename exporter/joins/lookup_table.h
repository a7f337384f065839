// A lookup: names learned from one event, used as labels of others ("node 0x55.. is disk.img").
//
// Bounded in keys and in bytes: where `max_entries` keys are known, or their texts take more than kMaxBytes, the key
// that was learned first is forgotten, and counted.
#pragma once

#include <cstdint>
#include <deque>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/flat_index.h"

namespace qte::joins {

class LookupTable {
 public:
  // Room for 65,536 names of 128 bytes. A hostile log may have names of the length of a line.
  static constexpr size_t kMaxBytes = size_t{8} << 20;

  explicit LookupTable(size_t max_entries) : max_entries_(max_entries) {}

  void Learn(std::string_view key, std::string_view value);
  // The value learned last for `key`, or null. Valid until the next Learn.
  const std::string* Find(std::string_view key) const;
  // Whether this value is known for some key. Looks at all of them.
  bool HasValue(std::string_view value) const;
  void Clear();

  // All state, for a checkpoint; a table that restores it continues as this one would. Restore replaces the state, the
  // counter too, and forgets what is above this table's bound. It throws nlohmann::json::exception or
  // std::runtime_error where `state` is not what Save() makes; the table is then as after Clear().
  nlohmann::json Save() const;
  void Restore(const nlohmann::json& state);

  size_t size() const { return entries_.size(); }
  uint64_t forgotten() const { return forgotten_; }

 private:
  struct Entry {
    std::string key;
    std::string value;
    uint64_t hash = 0;
  };

  // Ids go up with every key that is learned, and around.
  static constexpr uint32_t kIdMask = UINT32_MAX >> 1;
  Entry& At(uint32_t id) { return entries_[(id - first_id_) & kIdMask]; }
  const Entry& At(uint32_t id) const { return entries_[(id - first_id_) & kIdMask]; }

  uint32_t FindEntry(std::string_view key, uint64_t hash) const;
  uint32_t Add(std::string_view key, uint64_t hash);
  void ForgetOldest();

  size_t max_entries_;
  FlatIndex index_;
  std::deque<Entry> entries_;  // the one learned first ahead
  uint32_t first_id_ = 0;      // of the entry ahead
  size_t bytes_ = 0;           // of all keys and values
  uint64_t forgotten_ = 0;
};

}  // namespace qte::joins
