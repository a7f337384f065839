// Something that a user should be told once: it is no error, but most likely not as meant.
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
