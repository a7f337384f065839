#include "config/template.h"

namespace qte::config {

Result<std::vector<std::string>> ArgumentsOfTemplate(std::string_view text) {
  if (text.find_first_of("{}") == std::string_view::npos) return std::vector<std::string>{std::string(text)};
  std::vector<std::string> arguments;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '{' && text[i] != '}') continue;
    bool is_literal = i + 1 < text.size() && text[i + 1] == text[i];
    if (is_literal) {
      ++i;
      continue;
    }
    if (text[i] == '}') return Error{"\"}\" without \"{\"; a literal one is \"}}\""};
    size_t end = text.find('}', i);
    if (end == std::string_view::npos) return Error{"\"{\" without \"}\"; a literal one is \"{{\""};
    if (end == i + 1) return Error{"\"{}\" names no argument"};
    arguments.emplace_back(text.substr(i + 1, end - i - 1));
    i = end;
  }
  return arguments;
}

}  // namespace qte::config
