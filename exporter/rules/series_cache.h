// From the arguments that make a rule's labels straight to the series, without building label texts.
//
// Each source has one for each of its rules. It is a cache: what it does not know is rendered and looked up in the
// family the slow way, and it is emptied when it has grown over its cap (many raw arguments can make one label).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/flat_index.h"
#include "metrics/family.h"

namespace qte::rules {

class SeriesCache {
 public:
  static constexpr metrics::SeriesId kUnknown = FlatIndex::kNone;

  static uint64_t Hash(std::span<const std::string_view> inputs);
  metrics::SeriesId Find(uint64_t hash, std::span<const std::string_view> inputs) const;
  void Insert(uint64_t hash, std::span<const std::string_view> inputs, metrics::SeriesId series, size_t max_entries);

  // For a rule without labels: its one series.
  metrics::SeriesId fixed = kUnknown;

 private:
  struct Entry {
    uint32_t at = 0;  // into bytes_: for each input its size, then its text
    metrics::SeriesId series = kUnknown;
  };

  bool Matches(const Entry& entry, std::span<const std::string_view> inputs) const;

  FlatIndex index_;
  std::vector<Entry> entries_;
  std::string bytes_;
};

}  // namespace qte::rules
