// The names that one process's lookups have learned from its events, or that the config gives.
//
// Belongs to one Process and its thread. Bounded as each joins::LookupTable is.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "joins/key.h"
#include "joins/lookup_table.h"
#include "rules/program.h"

namespace qte::rules {

// The key that these slots' values make. Valid until the builder is used again.
std::string_view BuildKey(joins::KeyBuilder& builder, std::span<const Slot> slots, const Values& values);

class Lookups {
 public:
  explicit Lookups(const Program& program)
      : program_(program), tables_(program.lookups.size(), joins::LookupTable(program.limits.max_lookup_entries)) {}

  void Learn(const LookupFeed& feed, const Values& values);
  // The name that lookup `index` has for a key, or null. Valid until something is learned.
  const std::string* NameOf(size_t index, std::string_view key) const;
  const std::string* NameOf(size_t index, std::span<const Slot> key, const Values& values) {
    return NameOf(index, BuildKey(key_, key, values));
  }
  void Clear();

  // By index of Program::lookups; empty where the config gives the names.
  const std::vector<joins::LookupTable>& tables() const { return tables_; }
  std::vector<joins::LookupTable>& tables() { return tables_; }

 private:
  const Program& program_;
  std::vector<joins::LookupTable> tables_;
  joins::KeyBuilder key_;
};

}  // namespace qte::rules
