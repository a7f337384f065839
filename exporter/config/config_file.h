// Config files, from the paths that a user gives.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace qte::config {

// Reads at most one byte more than a config may have, so that even a device ends. The error gives the reason alone.
Result<std::string> ReadConfigFile(const std::string& path);

// The files that a path means: itself, or a directory's *.yaml files in the order of their names. Hidden files and
// directories below it are left out, as editors and Kubernetes put copies there. The error gives the reason alone.
Result<std::vector<std::string>> ConfigFilesOf(const std::string& path);

}  // namespace qte::config
