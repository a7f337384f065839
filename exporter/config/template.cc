#include "config/template.h"

namespace qte::config {

Result<std::vector<TemplatePiece>> ParseTemplate(std::string_view text) {
  if (text.find_first_of("{}") == std::string_view::npos) {
    return std::vector<TemplatePiece>{{"", std::string(text)}};
  }
  std::vector<TemplatePiece> pieces(1);
  for (size_t i = 0; i < text.size(); ++i) {
    bool is_brace = text[i] == '{' || text[i] == '}';
    bool is_escaped = is_brace && i + 1 < text.size() && text[i + 1] == text[i];
    if (!is_brace || is_escaped) {
      pieces.back().literal += text[i];
      if (is_escaped) ++i;
      continue;
    }
    if (text[i] == '}') return Error{"\"}\" without \"{\"; a literal one is \"}}\""};
    size_t end = text.find('}', i);
    if (end == std::string_view::npos) return Error{"\"{\" without \"}\"; a literal one is \"{{\""};
    if (end == i + 1) return Error{"\"{}\" names no argument"};
    pieces.back().argument = text.substr(i + 1, end - i - 1);
    pieces.emplace_back();
    i = end;
  }
  if (pieces.back().literal.empty()) pieces.pop_back();
  return pieces;
}

Result<std::vector<TemplatePiece>> ParsePathTemplate(std::string_view text) {
  if (text.find_first_of("{}") != std::string_view::npos) return ParseTemplate(text);
  return std::vector<TemplatePiece>{{std::string(text), std::nullopt}};
}

Result<std::vector<std::string>> ArgumentsOfTemplate(std::string_view text) {
  Result<std::vector<TemplatePiece>> pieces = ParseTemplate(text);
  if (!pieces) return Error{pieces.error()};
  std::vector<std::string> arguments;
  for (const TemplatePiece& piece : *pieces) {
    if (piece.argument) arguments.push_back(*piece.argument);
  }
  return arguments;
}

}  // namespace qte::config
