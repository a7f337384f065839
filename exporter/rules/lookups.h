// The names that the lookups of one process have learned from its events, or that the config defines.
//
// A Lookups object belongs to one Process and is used by that process's thread. Each joins::LookupTable is bounded.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "joins/key.h"
#include "joins/lookup_table.h"
#include "rules/program.h"

namespace qte::rules {

// Makes a key from the values of these slots. Valid until the builder is used again.
std::string_view BuildKey(joins::KeyBuilder& builder, std::span<const Slot> slots, const Values& values);

class Lookups {
 public:
  explicit Lookups(const Program& program)
      : program_(program), tables_(program.lookups.size(), joins::LookupTable(program.limits.max_lookup_entries)) {}

  void Learn(const LookupFeed& feed, const Values& values);
  // The name for a key in lookup `index`, or null. Valid until the next name is learned.
  const std::string* NameOf(size_t index, std::string_view key) const;
  const std::string* NameOf(size_t index, std::span<const Slot> key, const Values& values) {
    return NameOf(index, BuildKey(key_, key, values));
  }
  void Clear();

  // By index of Program::lookups; a table is empty if the config defines the names.
  const std::vector<joins::LookupTable>& tables() const { return tables_; }
  std::vector<joins::LookupTable>& tables() { return tables_; }

 private:
  const Program& program_;
  std::vector<joins::LookupTable> tables_;
  joins::KeyBuilder key_;
};

}  // namespace qte::rules
