// From flags to a compiled program: reads the config, the trace-events files it names, and the bundled ones.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "commands/options.h"
#include "config/config.h"
#include "config/web_config.h"
#include "rules/program.h"
#include "trace/catalog.h"

namespace qte::commands {

struct LoadedConfig {
  config::Config config;
  std::shared_ptr<const trace::Catalog> catalog;
  std::shared_ptr<const rules::Program> program;
  config::WebConfig web;  // of --web.config.file; no users without it
};

struct LoadOutcome {
  std::optional<LoadedConfig> loaded;  // empty if there are errors
  std::vector<std::string> files;      // that make the config, as places name them
  std::vector<config::Diagnostic> errors;
  std::vector<config::Diagnostic> warnings;
};

// --trace.path stands for the config's `sources`.
LoadOutcome LoadConfig(const Options& options);

// How many threads read at once: as the config says, or as many as there are processors for this process, up to 8.
size_t WorkersOf(const config::Config& config);

// What `serve` refuses beyond that, at its start and at a reload alike: no sources, and `reclaim` without checkpoints
// (only what a checkpoint holds may be given back to the disk).
Status CheckForServe(const config::Config& config, const Options& options);

// Prints what is wrong on stderr, a line each.
void PrintProblems(const LoadOutcome& outcome);

}  // namespace qte::commands
