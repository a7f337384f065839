#include "commands/load.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <iterator>

#include "base/atomic_file.h"
#include "base/cpus.h"
#include "commands/embedded.h"
#include "config/config_file.h"
#include "http/tls.h"
#include "rules/compiler.h"

namespace qte::commands {
namespace {

// A relative path in a config is relative to the config's directory.
std::string BesideConfig(const std::string& path, const std::string& config_file) {
  if (std::filesystem::path(path).is_absolute()) return path;
  return (std::filesystem::path(config_file).parent_path() / path).string();
}

void AddToCatalog(trace::Catalog& catalog, std::string_view text, const std::string& name,
                  std::vector<config::Diagnostic>& warnings) {
  constexpr size_t kMostWarnings = 5;
  std::vector<trace::Catalog::Problem> problems = catalog.Add(text);
  for (size_t i = 0; i < problems.size() && i < kMostWarnings; ++i) {
    warnings.push_back(
        {{name, problems[i].line, 0}, problems[i].message + "; lines of this event count as undeclared"});
  }
  if (problems.size() > kMostWarnings) {
    warnings.push_back(
        {{name, 0, 0}, std::to_string(problems.size() - kMostWarnings) + " more declarations cannot be read"});
  }
}

// Loads QEMU's own files first, because they describe exactly what that QEMU prints. If a file cannot be read, its
// events are not also reported as unknown.
trace::Catalog LoadCatalog(config::Config& config, std::vector<config::Diagnostic>& errors,
                           std::vector<config::Diagnostic>& warnings) {
  trace::Catalog catalog;
  for (const config::Text& file : config.trace_events) {
    Result<std::string> text = ReadWholeFile(BesideConfig(file.value, file.place.file));
    if (text) {
      AddToCatalog(catalog, *text, file.value, warnings);
    } else {
      errors.push_back({file.place, text.error()});
      config.has_all_names = false;
    }
  }
  AddToCatalog(catalog, kBundledTraceEvents, "<bundled trace-events>", warnings);
  return catalog;
}

config::WebConfig LoadWebConfig(const Options& options, LoadOutcome& outcome) {
  if (options.web_config_file.empty()) return {};
  config::LoadedWeb loaded = config::LoadWeb(options.web_config_file);
  std::move(loaded.diagnostics.begin(), loaded.diagnostics.end(), std::back_inserter(outcome.errors));
  if (!loaded.config) return {};
  if (loaded.config->tls) {
    auto tls = http::Tls::Make(*loaded.config->tls);
    if (!tls) outcome.errors.push_back({{options.web_config_file, 0, 0}, tls.error()});
  }
  return std::move(*loaded.config);
}

// Expands directories to their files. A directory is listed at each call, so a reload finds new files.
std::vector<std::string> FilesOf(const std::vector<std::string>& paths, std::vector<config::Diagnostic>& errors) {
  if (paths.empty()) return {std::string(config::kBuiltIn)};
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    if (path == config::kBuiltIn) {
      files.push_back(path);
      continue;
    }
    Result<std::vector<std::string>> found = config::ConfigFilesOf(path);
    if (found) {
      files.insert(files.end(), found->begin(), found->end());
    } else {
      errors.push_back({{path, 0, 0}, found.error()});
    }
  }
  return files;
}

// --trace.path replaces the config's sources.
void TakeSources(const std::vector<std::string>& paths, config::Config& config) {
  config.sources.clear();
  for (const std::string& path : paths) {
    config::Source& source = config.sources.emplace_back();
    source.path.value = path;
  }
}

void WarnOfDisabledEvents(const LoadedConfig& loaded, std::vector<config::Diagnostic>& warnings) {
  for (const std::string& name : loaded.program->NeededEvents()) {
    const trace::EventDeclaration* event = loaded.catalog->Find(name);
    if (event->variants.front().declaration.disabled) {
      warnings.push_back({{}, "event " + name + " is declared as disabled: QEMU is built without it"});
    }
  }
}

}  // namespace

LoadOutcome LoadConfig(const Options& options) {
  LoadOutcome outcome;
  std::vector<config::Diagnostic>& errors = outcome.errors;
  const std::vector<std::string> files = FilesOf(options.config_files, errors);
  outcome.files = files;
  config::Loaded parsed = config::Load(files, kDefaultConfig);
  std::move(parsed.diagnostics.begin(), parsed.diagnostics.end(), std::back_inserter(errors));
  const bool is_parsed = parsed.config.has_value();
  LoadedConfig loaded{is_parsed ? std::move(*parsed.config) : std::move(parsed.sound), {}, nullptr, {}};
  if (!options.trace_paths.empty()) TakeSources(options.trace_paths, loaded.config);
  loaded.catalog = std::make_shared<const trace::Catalog>(LoadCatalog(loaded.config, errors, outcome.warnings));
  rules::Compiled compiled = rules::Compile(loaded.config, *loaded.catalog);
  std::move(compiled.diagnostics.begin(), compiled.diagnostics.end(), std::back_inserter(errors));
  config::SortByPlace(files, errors);
  loaded.web = LoadWebConfig(options, outcome);
  if (!outcome.errors.empty()) return outcome;
  loaded.program = std::move(compiled.program);
  WarnOfDisabledEvents(loaded, outcome.warnings);
  outcome.loaded = std::move(loaded);
  return outcome;
}

size_t WorkersOf(const config::Config& config) {
  constexpr size_t kMostByDefault = 8;
  return config.limits.workers ? *config.limits.workers : std::min(UsableCpus(), kMostByDefault);
}

Status CheckForServe(const config::Config& config, const Options& options) {
  if (config.sources.empty()) {
    return Error{config.file + ": nothing to follow; pass --trace.path=FILE, or add sources to the config"};
  }
  if (!options.state_path.empty()) return {};
  for (const config::Source& source : config.sources) {
    if (!source.reclaim) continue;
    config::Diagnostic diagnostic{
        *source.reclaim, "\"reclaim\" needs --state.path, because it only frees text that a checkpoint covers"};
    return Error{diagnostic.Format()};
  }
  return {};
}

void PrintProblems(const LoadOutcome& outcome) {
  for (const config::Diagnostic& error : outcome.errors) std::cerr << error.Format() << '\n';
  for (const config::Diagnostic& warning : outcome.warnings) std::cerr << "warning: " << warning.Format() << '\n';
}

}  // namespace qte::commands
