// check: summarizes the config, or reports what is wrong with it.
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "commands/commands.h"
#include "commands/lint.h"
#include "commands/load.h"
#include "commands/sources.h"

namespace qte::commands {
namespace {

using nlohmann::json;

std::string Count(size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

// Warnings that only `check` prints.
std::vector<config::Diagnostic> WarningsOf(const config::Config& config) {
  std::vector<config::Diagnostic> warnings;
  if (config.sources.empty()) warnings.push_back({{config.file, 0, 0}, "no sources, so `serve` needs --trace.path"});
  for (Warning& warning : WarningsOfSources(config)) {
    warnings.push_back({{std::move(warning.about), 0, 0}, std::move(warning.text)});
  }
  return warnings;
}

json ToJson(const config::Diagnostic& diagnostic) {
  json item = {{"message", diagnostic.message}};
  if (!diagnostic.place.file.empty()) item["file"] = diagnostic.place.file;
  if (diagnostic.place.line > 0) item["line"] = diagnostic.place.line;
  if (diagnostic.place.column > 0) item["column"] = diagnostic.place.column;
  return item;
}

void PrintJson(const LoadOutcome& outcome, const std::vector<LintFinding>& lint) {
  json answer = {{"ok", outcome.loaded.has_value()}, {"files", outcome.files}};
  answer["errors"] = json::array();
  answer["warnings"] = json::array();
  for (const config::Diagnostic& error : outcome.errors) answer["errors"].push_back(ToJson(error));
  for (const config::Diagnostic& warning : outcome.warnings) answer["warnings"].push_back(ToJson(warning));
  for (const LintFinding& finding : lint) {
    json item = ToJson({finding.place, finding.message});
    item["rule"] = finding.rule;
    answer["warnings"].push_back(std::move(item));
  }
  if (outcome.loaded) {
    answer["metrics"] = outcome.loaded->config.metrics.size();
    answer["sources"] = outcome.loaded->config.sources.size();
    answer["needed_events"] = outcome.loaded->program->NeededEvents();
    answer["known_events"] = outcome.loaded->catalog->events().size();
  }
  // Paths can contain any bytes, but JSON must be UTF-8.
  std::cout << answer.dump(2, ' ', false, json::error_handler_t::replace) << '\n';
}

void PrintText(const LoadOutcome& outcome, const std::vector<LintFinding>& lint) {
  PrintProblems(outcome);
  for (const LintFinding& finding : lint) {
    const config::Diagnostic diagnostic{finding.place, std::string(finding.rule) + ": " + finding.message};
    std::cerr << "warning: " << diagnostic.Format() << '\n';
  }
  if (!outcome.loaded) return;
  const LoadedConfig& loaded = *outcome.loaded;
  std::cout << loaded.config.file << ": fine: " << Count(loaded.config.metrics.size(), "metric") << ", "
            << Count(loaded.config.sources.size(), "source") << ", "
            << Count(loaded.program->NeededEvents().size(), "trace event") << " needed of "
            << loaded.catalog->events().size() << " known";
  auto with_qmp =
      static_cast<size_t>(std::count_if(loaded.config.sources.begin(), loaded.config.sources.end(),
                                        [](const config::Source& source) { return source.qmp.has_value(); }));
  if (with_qmp > 0) std::cout << ", switched on by QMP in " << Count(with_qmp, "source");
  if (!loaded.web.file.empty())
    std::cout << "; " << loaded.web.file << ": fine: " << Count(loaded.web.users.size(), "user");
  std::cout << std::endl;
}

}  // namespace

int Check(const Options& options) {
  LoadOutcome outcome = LoadConfig(options);
  std::vector<LintFinding> lint;
  if (outcome.loaded) {
    for (config::Diagnostic& warning : WarningsOf(outcome.loaded->config))
      outcome.warnings.push_back(std::move(warning));
    if (options.lint) lint = Lint(outcome.loaded->config, *outcome.loaded->catalog);
  }
  if (options.is_json) {
    PrintJson(outcome, lint);
  } else {
    PrintText(outcome, lint);
  }
  const size_t warnings = outcome.warnings.size() + lint.size();
  if (!outcome.loaded || !options.is_strict || warnings == 0) return outcome.loaded ? kExitFine : kExitBadInput;
  if (!options.is_json) std::cerr << "qemu-trace-exporter: " << Count(warnings, "warning") << " (--strict)\n";
  return kExitBadInput;
}

}  // namespace qte::commands
