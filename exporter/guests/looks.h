// What text that cannot be read looks like, for people: its kind by name, and the remedy.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace qte::guests {

struct Look {
  std::string_view name;  // "Docker's json-file log"
  std::string_view remedy;
  bool is_usual = false;  // such lines stand in a good log as well
};

// The kind of most of these lines, null if most are of no kind that is known.
const Look* LookOf(std::string_view text);

// The first line of `text`, shortened, with bytes that do not print escaped.
std::string Shown(std::string_view text);

}  // namespace qte::guests
