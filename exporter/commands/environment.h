// Flags from environment variables: QTE_STATE_PATH=/var/lib/qte means --state.path=/var/lib/qte. A flag on the command
// line takes precedence.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace qte::commands {

struct EnvironmentFlag {
  std::string flag;            // --state.path
  bool is_repeatable = false;  // commas separate its values
};

// "QTE_STATE_PATH" for "--state.path".
std::string VariableOf(std::string_view flag);

struct FromEnvironment {
  std::vector<std::string> arguments;  // "--state.path=/var/lib/qte"
  std::vector<std::string> flags;      // which flags these set
  std::vector<std::string> warnings;   // variables that look like a misspelt one
};

// `environment` holds NAME=VALUE texts, `given` holds the command line's arguments. Empty variables are ignored.
FromEnvironment FlagsFromEnvironment(const std::vector<EnvironmentFlag>& flags,
                                     const std::vector<std::string_view>& environment,
                                     const std::vector<std::string>& given);

}  // namespace qte::commands
