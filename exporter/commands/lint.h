// Finds what a valid config could do better: names, units, help texts, and labels that make too many series.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "trace/catalog.h"

namespace qte::commands {

struct LintFinding {
  config::Place place;
  std::string_view rule;  // "missing-help", "name", "unit", "pointer-label" or "cardinality"
  std::string message;    // what is wrong, and what to do
};

// Returns findings in the order of the config's metrics. `catalog` has the types of the arguments. For events that a
// decoder derives, only names and units are checked.
std::vector<LintFinding> Lint(const config::Config& config, const trace::Catalog& catalog);

}  // namespace qte::commands
