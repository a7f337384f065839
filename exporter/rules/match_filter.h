// Finds the regexes that match a text in one pass. The cost of a line that is not an event then depends on the `match`
// rules that take it, not on the number of rules.
//
// It is made when the config is read and does not change. Any number of threads can use it.
#pragma once

#include <re2/set.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace qte::rules {

class MatchFilter {
 public:
  // Makes one filter for all patterns, which RE2 has already accepted one by one.
  explicit MatchFilter(const std::vector<std::string>& patterns = {});

  // Sets `matching` to the ascending indices of the patterns that match in `text`. If the search would need too much
  // memory, it contains all indices.
  void Find(std::string_view text, std::vector<int>& matching) const;

 private:
  size_t size_;
  std::unique_ptr<const re2::RE2::Set> set_;  // null if there are too few patterns, or if the set would be too large
};

}  // namespace qte::rules
