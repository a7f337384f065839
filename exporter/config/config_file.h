// The bytes of a config, from a path.
#pragma once

#include <string>

#include "base/result.h"

namespace qte::config {

// Reads at most one byte more than a config may have, so that even a device ends. The error gives the reason alone.
Result<std::string> ReadConfigFile(const std::string& path);

}  // namespace qte::config
