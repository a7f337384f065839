// Something that a user should be told once. It does not stop the program, but is most likely a mistake.
#pragma once

#include <compare>
#include <string>

namespace qte {

struct Warning {
  std::string about;  // a path, a pattern, or the labels of a guest; may be empty
  std::string text;   // what is the matter and what to do

  std::string Line() const { return about.empty() ? text : about + ": " + text; }
  auto operator<=>(const Warning&) const = default;
};

}  // namespace qte
