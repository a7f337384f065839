// Compiles a config and a catalog to a Program, or reports all errors with their places and suggestions.
//
// The compiler also makes the checks that need the events: unknown events and arguments, values that are not numbers,
// and lookups and spans over events that do not exist.
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
