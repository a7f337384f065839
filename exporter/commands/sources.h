// The config's sources as paths: which of them a file belongs to, and which files they name now.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "config/config.h"
#include "source/discovery.h"
#include "source/source_set.h"

namespace qte::commands {

std::vector<source::SourceSpec> SourceSpecs(const config::Config& config);

// The index of the source for which `serve` would follow this absolute path ("-" is standard input); SIZE_MAX if there
// is none, so that only the file's name gives labels.
size_t SourceOf(const source::Discovery& sources, const std::string& path);

// Walks the file system: a warning for each set of labels that files of different directories have. Their series would
// add up. Files of one directory are a log and its rotated siblings, and paths of one file are one file.
std::vector<std::string> WarningsOfSameLabels(const config::Config& config);

}  // namespace qte::commands
