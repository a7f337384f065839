// Variables of the environment in values of the config: ${NAME}, ${NAME:-default}, and $$ for a dollar.
//
// What is put in is text: it is neither searched for variables nor read as YAML. Any other dollar stays, so that a
// regex may end in one.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "config/report.h"
#include "config/yaml_node.h"

namespace qte::config {

// The text with all variables replaced. The error names the variable, not the place.
Result<std::string> ExpandVariables(std::string_view text);

// Replaces the variables in all values of a document; keys stay. What is wrong is reported with its place. False if
// anything is: the values are not what they were meant to be then.
bool ExpandVariables(YamlNode& node, Report& report);

}  // namespace qte::config
