#include "config/config.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <tuple>

#include "base/result.h"
#include "config/config_file.h"
#include "config/cross_checks.h"
#include "config/document.h"
#include "config/fields.h"
#include "config/joins.h"
#include "config/limits.h"
#include "config/metrics.h"
#include "config/sources.h"

namespace qte::config {
namespace {

constexpr auto kSections =
    std::to_array<std::string_view>({"sources", "trace_events", "lookups", "spans", "metrics", "limits"});

// FNV-1a, 64 bits: tells one config from another, nothing more.
std::string HashOf(std::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (char c : bytes) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3;
  }
  std::string hex;
  for (int shift = 60; shift >= 0; shift -= 4) hex += "0123456789abcdef"[hash >> shift & 15];
  return hex;
}

void ReadSections(const YamlNode& root, Config& config, Report& report) {
  if (root.kind == YamlNode::Kind::kEmpty) return;
  Fields sections({"", root.at, &root}, {"a config", kSections}, report);
  if (const Field* field = sections.Find("sources")) config.sources = ReadSources(*field, report);
  if (const Field* field = sections.Find("trace_events")) config.trace_events = ReadTraceEvents(*field, report);
  if (const Field* field = sections.Find("lookups")) config.lookups = ReadLookups(*field, report);
  if (const Field* field = sections.Find("spans")) config.spans = ReadSpans(*field, report);
  if (const Field* field = sections.Find("metrics")) config.metrics = ReadMetrics(*field, report);
  if (const Field* field = sections.Find("limits")) config.limits = ReadLimits(*field, report);
}

template <class Item>
void Append(std::vector<Item>&& more, std::vector<Item>& all) {
  std::move(more.begin(), more.end(), std::back_inserter(all));
}

void Combine(Config&& part, Config& config, std::vector<Diagnostic>& diagnostics) {
  Append(std::move(part.sources), config.sources);
  Append(std::move(part.trace_events), config.trace_events);
  Append(std::move(part.lookups), config.lookups);
  Append(std::move(part.spans), config.spans);
  Append(std::move(part.metrics), config.metrics);
  CombineLimits(part.limits, config.limits, diagnostics);
}

// Files in the order in which they were given, then by line and column.
void SortByPlace(const std::vector<File>& files, std::vector<Diagnostic>& diagnostics) {
  auto key = [&](const Diagnostic& diagnostic) {
    const Place& place = diagnostic.place;
    auto file = std::find_if(files.begin(), files.end(), [&](const File& f) { return f.name == place.file; });
    // What is told of the whole file comes last.
    return std::tuple(file, place.line == 0, place.line, place.column);
  };
  std::stable_sort(diagnostics.begin(), diagnostics.end(),
                   [&](const Diagnostic& a, const Diagnostic& b) { return key(a) < key(b); });
}

}  // namespace

Loaded Parse(const std::vector<File>& files) {
  Config config;
  std::vector<Diagnostic> diagnostics;
  std::string all;
  for (const File& file : files) {
    config.file += (config.file.empty() ? "" : ", ") + file.name;
    all += file.yaml;
    Report report(file.name);
    Config part;
    if (std::optional<YamlNode> root = ReadDocument(file.yaml, report)) ReadSections(*root, part, report);
    Append(report.Take(), diagnostics);
    Combine(std::move(part), config, diagnostics);
  }
  config.hash = HashOf(all);
  Report report;
  CheckTogether(config, report);
  Append(report.Take(), diagnostics);
  SortByPlace(files, diagnostics);
  if (!diagnostics.empty()) return {std::nullopt, std::move(diagnostics)};
  return {std::move(config), {}};
}

Loaded Parse(std::string_view yaml, const std::string& name) {
  return Parse({{name, std::string(yaml)}});
}

Loaded Load(const std::vector<std::string>& paths, std::string_view built_in) {
  std::vector<File> files;
  Loaded unreadable;
  for (const std::string& path : paths) {
    if (path == kBuiltIn) {
      files.push_back({"<default>", std::string(built_in)});
      continue;
    }
    Result<std::string> text = ReadConfigFile(path);
    if (text) {
      files.push_back({path, std::move(*text)});
    } else {
      unreadable.diagnostics.push_back({Place{path, 0, 0}, text.error()});
    }
  }
  return unreadable.diagnostics.empty() ? Parse(files) : unreadable;
}

}  // namespace qte::config
