// Label templates: "dev" is an argument, "{bus}:{slot}" text with arguments in braces, "{{" and "}}" literal braces.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace qte::config {

// A run of text, and the argument that follows it; the last piece may have none.
struct TemplatePiece {
  std::string literal;
  std::optional<std::string> argument;
};

// Fails on a brace without its partner and on an empty name.
Result<std::vector<TemplatePiece>> ParseTemplate(std::string_view text);

// The same of a path: without braces it is all text.
Result<std::vector<TemplatePiece>> ParsePathTemplate(std::string_view text);

// The arguments that a template uses, in order. Fails as ParseTemplate does.
Result<std::vector<std::string>> ArgumentsOfTemplate(std::string_view text);

}  // namespace qte::config
