// The config's sources as paths: which of them a file belongs to, and which files they name now.
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

// The index of the source for which `serve` would follow this absolute path ("-" is standard input); SIZE_MAX if there
// is none, so that only the file's name gives labels.
size_t SourceOf(const source::Discovery& sources, const std::string& path);

// Walks the file system for what is wrong with the sources now: patterns that match nothing, directories and files that
// this user may not read, files that hold no text, one file under two paths. Files of different directories that have
// the same labels, too: their series would add up. Files of one directory are a log and its rotated siblings.
std::vector<Warning> WarningsOfSources(const config::Config& config);

}  // namespace qte::commands
