// Config and catalog in, Program out; or all that is wrong, with its place and a suggestion.
//
// Here stand the checks that need the events at hand: unknown events and arguments, values that are no numbers, lookups
// and spans over events that do not exist.
#pragma once

#include <memory>
#include <vector>

#include "config/config.h"
#include "rules/program.h"
#include "trace/catalog.h"

namespace qte::rules {

struct Compiled {
  std::shared_ptr<const Program> program;  // null if there are diagnostics
  std::vector<config::Diagnostic> diagnostics;
};

Compiled Compile(const config::Config& config, const trace::Catalog& catalog);

}  // namespace qte::rules
