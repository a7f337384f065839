#include "commands/environment.h"

#include <algorithm>
#include <cctype>

#include "base/suggest.h"

namespace qte::commands {
namespace {

constexpr std::string_view kPrefix = "QTE_";

bool IsGiven(const std::string& flag, const std::vector<std::string>& given) {
  return std::any_of(given.begin(), given.end(), [&](std::string_view argument) {
    return argument.starts_with(flag) && (argument.size() == flag.size() || argument[flag.size()] == '=');
  });
}

void Add(const EnvironmentFlag& flag, std::string_view value, FromEnvironment& found) {
  if (value.empty()) return;
  found.flags.push_back(flag.flag);
  for (size_t begin = 0; begin <= value.size();) {
    size_t end = flag.is_repeatable ? std::min(value.find(',', begin), value.size()) : value.size();
    if (end > begin) found.arguments.push_back(flag.flag + '=' + std::string(value.substr(begin, end - begin)));
    begin = end + 1;
  }
}

}  // namespace

std::string VariableOf(std::string_view flag) {
  std::string name(kPrefix);
  flag.remove_prefix(std::min(flag.find_first_not_of('-'), flag.size()));
  for (unsigned char c : flag) name += c == '.' || c == '-' ? '_' : static_cast<char>(std::toupper(c));
  return name;
}

FromEnvironment FlagsFromEnvironment(const std::vector<EnvironmentFlag>& flags,
                                     const std::vector<std::string_view>& environment,
                                     const std::vector<std::string>& given) {
  FromEnvironment found;
  std::vector<std::string> names;
  for (const EnvironmentFlag& flag : flags) names.push_back(VariableOf(flag.flag));
  const std::vector<std::string_view> known(names.begin(), names.end());
  for (std::string_view entry : environment) {
    const std::string_view name = entry.substr(0, entry.find('='));
    if (!name.starts_with(kPrefix) || name.size() == entry.size()) continue;
    const size_t index = static_cast<size_t>(std::find(known.begin(), known.end(), name) - known.begin());
    if (index == known.size()) {
      // Other programs may use this prefix for their own variables, so warn only of a likely typing error.
      std::string suggestion = DidYouMean(name, known);
      if (suggestion.empty()) continue;
      found.warnings.push_back("environment variable " + std::string(name) + " sets no flag" + suggestion);
    } else if (!IsGiven(flags[index].flag, given)) {
      Add(flags[index], entry.substr(name.size() + 1), found);
    }
  }
  return found;
}

}  // namespace qte::commands
