// explain --summary: describes recorded traces to a user who has only the files: how often each event occurs, which
// rules use it, which events to switch on or off, and a picture of rates and latencies over time.
#pragma once

#include <string>
#include <vector>

#include "commands/load.h"

namespace qte::commands {

// Prints a summary for each VM. Writes the picture if `svg_path` is not empty. Returns the exit code.
int ExplainSummary(const LoadedConfig& loaded, const std::vector<std::string>& files, const std::string& svg_path);

}  // namespace qte::commands
