// The regular expressions of a config: RE2's syntax over bytes, since neither trace lines nor paths need be UTF-8.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace qte::config {

// The named groups (?P<name>...) of a regex, sorted; an error where it does not compile.
Result<std::vector<std::string>> NamedGroups(std::string_view regex);

}  // namespace qte::config
