// explain --summary: what recorded traces hold, for somebody who has them and nothing else: how often each event comes,
// which rules use it, which events are worth switching on and which are not, and a picture of it all over time.
#pragma once

#include <string>
#include <vector>

#include "commands/load.h"

namespace qte::commands {

// Prints a summary for each VM. Writes the picture where `svg_path` is not empty. Returns the exit code.
int ExplainSummary(const LoadedConfig& loaded, const std::vector<std::string>& files, const std::string& svg_path);

}  // namespace qte::commands
