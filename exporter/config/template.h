// Label templates: "dev" is an argument, "{bus}:{slot}" text with arguments in braces, "{{" and "}}" literal braces.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace qte::config {

// The arguments that a template uses, in order. Fails on a brace without its partner and on an empty name.
Result<std::vector<std::string>> ArgumentsOfTemplate(std::string_view text);

}  // namespace qte::config
