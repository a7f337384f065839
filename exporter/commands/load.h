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
  config::WebConfig web;  // from --web.config.file; has no users without that file
};

struct LoadOutcome {
  std::optional<LoadedConfig> loaded;  // empty if there are errors
  std::vector<std::string> files;      // the config's files, named as in `Place`
  std::vector<config::Diagnostic> errors;
  std::vector<config::Diagnostic> warnings;
};

// --trace.path replaces the config's `sources`.
LoadOutcome LoadConfig(const Options& options);

// Number of reading threads: the config's value, or the number of CPUs available to this process, at most 8.
size_t WorkersOf(const config::Config& config);

// Additional checks of `serve` at start and reload. They reject a config without sources, and `reclaim` without
// checkpoints, because the exporter may only free disk space of text that a checkpoint covers.
Status CheckForServe(const config::Config& config, const Options& options);

// Prints errors and warnings on stderr, one a line.
void PrintProblems(const LoadOutcome& outcome);

}  // namespace qte::commands
