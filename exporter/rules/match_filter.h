// Which of many regexes match a text, found in one pass over it: a line that is no event pays for the `match` rules
// that take it, however many there are.
//
// Made when the config is read and constant from then on; any number of threads may ask.
#pragma once

#include <re2/set.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace qte::rules {

class MatchFilter {
 public:
  // One filter for all patterns, which RE2 has compiled one by one.
  explicit MatchFilter(const std::vector<std::string>& patterns = {});

  // Makes `matching` the indices of those that match somewhere in `text`, rising; or of all, where finding out would
  // take too much memory.
  void Find(std::string_view text, std::vector<int>& matching) const;

 private:
  size_t size_;
  std::unique_ptr<const re2::RE2::Set> set_;  // null where so few make no filter, or where it would be too large
};

}  // namespace qte::rules
