#include "config/config.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <tuple>

#include "base/result.h"
#include "config/config_file.h"
#include "config/cross_checks.h"
#include "config/document.h"
#include "config/fields.h"
#include "config/joins.h"
#include "config/keys.h"
#include "config/limits.h"
#include "config/metrics.h"
#include "config/sources.h"
#include "config/variables.h"

namespace qte::config {
namespace {

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

bool IsBlank(std::string_view yaml) {
  return yaml.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

// False if the file has no section at all.
bool ReadSections(const YamlNode& root, Config& config, Report& report) {
  if (root.kind == YamlNode::Kind::kEmpty) return false;
  Fields sections({"", root.at, &root}, {"a config", kConfigKeys}, report);
  if (const Field* field = sections.Find("lookups")) config.lookups = ReadLookups(*field, report);
  if (const Field* field = sections.Find("spans")) config.spans = ReadSpans(*field, report);
  config.has_all_names = report.empty();  // also false for a section whose name is wrong
  if (const Field* field = sections.Find("sources")) config.sources = ReadSources(*field, report);
  if (const Field* field = sections.Find("trace_events")) config.trace_events = ReadTraceEvents(*field, report);
  if (const Field* field = sections.Find("metrics")) config.metrics = ReadMetrics(*field, report);
  if (const Field* field = sections.Find("limits")) config.limits = ReadLimits(*field, report);
  return root.kind != YamlNode::Kind::kMap || !root.items.empty();
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
  config.has_all_names = config.has_all_names && part.has_all_names;
  CombineLimits(part.limits, config.limits, diagnostics);
}

using Names = std::set<std::string, std::less<>>;

// Each name once, since later checks rely on it. Returns the names.
template <class Item>
Names KeepSound(std::vector<Item>& items) {
  Names names;
  std::erase_if(items, [&](const Item& item) { return !item.is_sound || !names.insert(item.name.value).second; });
  return names;
}

Config SoundPartOf(Config config) {
  const Names lookups = KeepSound(config.lookups);
  KeepSound(config.spans);
  KeepSound(config.metrics);
  // A metric can only be checked further if the lookups that its labels use can.
  std::erase_if(config.metrics, [&](const Metric& metric) {
    return std::any_of(metric.labels.begin(), metric.labels.end(), [&](const Label& label) {
      return label.value.lookup && !lookups.contains(label.value.lookup->value);
    });
  });
  return config;
}

std::vector<std::string> NamesOf(const std::vector<File>& files) {
  std::vector<std::string> names;
  for (const File& file : files) names.push_back(file.name);
  return names;
}

}  // namespace

void SortByPlace(const std::vector<std::string>& files, std::vector<Diagnostic>& diagnostics) {
  auto key = [&](const Diagnostic& diagnostic) {
    const Place& place = diagnostic.place;
    auto file = std::find(files.begin(), files.end(), place.file);
    return std::tuple(file, place.line == 0, place.line, place.column);
  };
  std::stable_sort(diagnostics.begin(), diagnostics.end(),
                   [&](const Diagnostic& a, const Diagnostic& b) { return key(a) < key(b); });
}

Loaded Parse(const std::vector<File>& files) {
  Config config;
  std::vector<Diagnostic> diagnostics;
  std::string all;
  bool has_content = false;
  for (const File& file : files) {
    config.file += (config.file.empty() ? "" : ", ") + file.name;
    all += file.yaml;
    Report report(file.name);
    Config part;
    part.has_all_names = false;  // until they have been read
    std::optional<YamlNode> root = ReadDocument(file.yaml, report);
    const bool is_expanded = root && ExpandVariables(*root, report);
    has_content = (is_expanded && ReadSections(*root, part, report)) || !report.empty() || has_content;
    if (IsBlank(file.yaml)) report.Add(Position{1, 1}, "the file is empty");
    Append(report.Take(), diagnostics);
    Combine(std::move(part), config, diagnostics);
  }
  config.hash = HashOf(all);
  Report report;
  CheckTogether(config, report);
  if (!has_content && diagnostics.empty() && !files.empty()) {
    report.Add(Place{files.front().name, 1, 1},
               "the config is empty; write at least one section into it: " + OneOf(NamesOf(kConfigKeys)));
  }
  Append(report.Take(), diagnostics);
  SortByPlace(NamesOf(files), diagnostics);
  if (!diagnostics.empty()) return {std::nullopt, std::move(diagnostics), SoundPartOf(std::move(config))};
  return {std::move(config), {}, {}};
}

Loaded Parse(std::string_view yaml, const std::string& name) {
  return Parse({{name, std::string(yaml)}});
}

Loaded Load(const std::vector<std::string>& paths, std::string_view built_in) {
  std::vector<File> files;
  std::vector<Diagnostic> unreadable;
  for (const std::string& path : paths) {
    if (path == kBuiltIn) {
      files.push_back({"<default>", std::string(built_in)});
      continue;
    }
    Result<std::string> text = ReadConfigFile(path);
    if (text) {
      files.push_back({path, std::move(*text)});
    } else {
      unreadable.push_back({Place{path, 0, 0}, text.error()});
    }
  }
  Loaded loaded = Parse(files);
  if (unreadable.empty()) return loaded;
  if (loaded.config) loaded.sound = std::move(*loaded.config);
  loaded.config.reset();
  loaded.sound.has_all_names = false;
  Append(std::move(loaded.diagnostics), unreadable);
  loaded.diagnostics = std::move(unreadable);
  return loaded;
}

}  // namespace qte::config
