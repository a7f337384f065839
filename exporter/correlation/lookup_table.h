// A lookup: names learned from one event, used as labels of others ("node 0x55.. is disk.img").
//
// Bounded: once `max_entries` keys are known, learning a new one forgets the key that was learned first, and counts it.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/flat_index.h"

namespace qte::correlation {

class LookupTable {
 public:
  explicit LookupTable(size_t max_entries) : max_entries_(max_entries) {}

  void Learn(std::string_view key, std::string_view value);
  // The value learned last for `key`, or null. Valid until the next Learn.
  const std::string* Find(std::string_view key) const;
  void Clear();

  // All state, for a checkpoint; a table that restores it goes on as this one would. Restore replaces the state, the
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

  uint32_t FindEntry(std::string_view key, uint64_t hash) const;

  size_t max_entries_;
  FlatIndex index_;
  std::vector<Entry> entries_;
  size_t oldest_ = 0;  // of a full table: the entry to forget next
  uint64_t forgotten_ = 0;
};

}  // namespace qte::correlation
