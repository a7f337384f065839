// Flags from environment variables: QTE_STATE_PATH=/var/lib/qte is --state.path=/var/lib/qte, unless the command line
// has that flag.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace qte::commands {

struct EnvironmentFlag {
  std::string flag;            // --state.path
  bool is_repeatable = false;  // commas separate its values
};

// "QTE_STATE_PATH" of "--state.path".
std::string VariableOf(std::string_view flag);

struct FromEnvironment {
  std::vector<std::string> arguments;  // "--state.path=/var/lib/qte"
  std::vector<std::string> flags;      // which flags these set
  std::vector<std::string> warnings;   // variables that look like a misspelt one
};

// `environment` holds NAME=VALUE texts, `given` the arguments of the command line. An empty variable sets nothing.
FromEnvironment FlagsFromEnvironment(const std::vector<EnvironmentFlag>& flags,
                                     const std::vector<std::string_view>& environment,
                                     const std::vector<std::string>& given);

}  // namespace qte::commands
