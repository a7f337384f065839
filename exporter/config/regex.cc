#include "config/regex.h"

#include <re2/re2.h>

namespace qte::config {

Result<std::vector<std::string>> NamedGroups(std::string_view regex) {
  RE2::Options options(RE2::Latin1);
  options.set_log_errors(false);
  RE2 compiled(re2::StringPiece(regex.data(), regex.size()), options);
  if (!compiled.ok()) {
    std::string message = "bad regex: " + compiled.error();
    // RE2 of 2022 knows Python's way to write a named group alone.
    if (regex.find("(?<") != std::string_view::npos) message += "; a named group is (?P<name>...)";
    return Error{message};
  }
  std::vector<std::string> names;
  for (const auto& [name, index] : compiled.NamedCapturingGroups()) names.push_back(name);
  return names;
}

}  // namespace qte::config
