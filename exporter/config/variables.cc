#include "config/variables.h"

#include <cstdlib>
#include <utility>

#include "config/document.h"
#include "config/raw_text.h"

namespace qte::config {
namespace {

constexpr std::string_view kDefaultMark = ":-";

bool IsName(std::string_view name) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
  constexpr std::string_view kOthers = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
  return !name.empty() && kLetters.find(name.front()) != std::string_view::npos &&
         name.find_first_not_of(kOthers) == std::string_view::npos;
}

// As in a shell, an empty variable has its default, too.
Result<std::string> ValueOf(std::string_view variable) {
  const size_t mark = variable.find(kDefaultMark);
  const std::string name(variable.substr(0, mark));
  if (!IsName(name)) {
    return Error{"\"${" + std::string(variable) +
                 "}\" is not a variable: expected ${NAME} or ${NAME:-default}; for a dollar write $$"};
  }
  const char* value = std::getenv(name.c_str());
  const bool has_default = mark != std::string_view::npos;
  if (has_default && (value == nullptr || *value == '\0')) {
    return std::string(variable.substr(mark + kDefaultMark.size()));
  }
  if (value != nullptr) {
    Report problems;
    if (CheckCharacters(value, problems)) return std::string(value);
    return Error{"the environment variable " + Quoted(name) + " holds characters that a config must not hold"};
  }
  return Error{"the environment variable " + Quoted(name) + " is not set; set it, or give a default: ${" + name +
               ":-default}"};
}

}  // namespace

Result<std::string> ExpandVariables(std::string_view text) {
  std::string expanded;
  while (true) {
    const size_t dollar = text.find('$');
    expanded += text.substr(0, dollar);
    if (dollar == std::string_view::npos) return expanded;
    text.remove_prefix(dollar + 1);
    if (text.starts_with('$')) {
      expanded += '$';
      text.remove_prefix(1);
    } else if (text.starts_with('{')) {
      const size_t end = text.find('}');
      if (end == std::string_view::npos) return Error{"\"${\" lacks its \"}\"; for a dollar write $$"};
      Result<std::string> value = ValueOf(text.substr(1, end - 1));
      if (!value) return Error{value.error()};
      expanded += *value;
      if (expanded.size() > kMaxConfigBytes) return Error{"the text is too long with its variables replaced"};
      text.remove_prefix(end + 1);
    } else {
      expanded += '$';
    }
  }
}

bool ExpandVariables(YamlNode& node, Report& report) {
  if (node.kind == YamlNode::Kind::kScalar && node.text.find('$') != std::string::npos) {
    Result<std::string> expanded = ExpandVariables(std::string_view(node.text));
    if (!expanded) {
      report.Add(node.at, expanded.error());
      return false;
    }
    node.text = std::move(*expanded);
  }
  bool is_good = true;
  const bool is_map = node.kind == YamlNode::Kind::kMap;
  for (size_t i = is_map ? 1 : 0; i < node.items.size(); i += is_map ? 2 : 1) {
    is_good = ExpandVariables(node.items[i], report) && is_good;
  }
  return is_good;
}

}  // namespace qte::config
