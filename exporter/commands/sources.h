// Maps files to the config's sources, and checks the files that the sources currently match.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/warning.h"
#include "config/config.h"
#include "source/discovery.h"
#include "source/source_set.h"

namespace qte::commands {

std::vector<source::SourceSpec> SourceSpecs(const config::Config& config);

// The index of the source for which `serve` would follow this absolute path ("-" is standard input). SIZE_MAX if no
// source follows it; its labels then come from its name.
size_t SourceOf(const source::Discovery& sources, const std::string& path);

// Searches the file system for current problems of the sources: patterns that match nothing, directories and files that
// this user may not read, files that are not text, and one file under two paths. It also reports files of different
// directories with the same labels, because their series would add up. Files of one directory count as one rotated log.
std::vector<Warning> WarningsOfSources(const config::Config& config);

}  // namespace qte::commands
