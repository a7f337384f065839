// What a config that works can do better: names, units, help texts, and labels that make too many series.
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

// In the order of the config's metrics. `catalog` tells of which types arguments are. Of events that a decoder derives,
// only names and units are looked at.
std::vector<LintFinding> Lint(const config::Config& config, const trace::Catalog& catalog);

}  // namespace qte::commands
