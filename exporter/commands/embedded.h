// Files of config/ that are compiled in, and the version.
#pragma once

#include <string_view>

namespace qte::commands {

extern const std::string_view kDefaultConfig;       // config/default.yaml
extern const std::string_view kBundledTraceEvents;  // config/trace-events
extern const std::string_view kVersion;

}  // namespace qte::commands
