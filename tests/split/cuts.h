// Where a trace is cut, and how its log is rotated there.
#pragma once

#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include "rotated_log.h"

namespace qte::split {

struct Cut {
  size_t at = 0;    // bytes of the trace before it
  size_t late = 0;  // so many after it still reach the old file
  Way way = Way::kRename;
};

// Up to `most` cuts, at least one, in order: anywhere, at a line's start, in its prefix, before its newline, and some
// close to each other. `is_link`: the log is a symbolic link, which not every way goes with.
std::vector<Cut> RandomCuts(const std::string& trace, size_t most, bool is_link, std::mt19937& random);

// For a person.
std::string ToText(const Cut& cut, const std::string& trace);

}  // namespace qte::split
