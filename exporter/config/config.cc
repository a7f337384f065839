#include "config/config.h"

#include <array>

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

}  // namespace

Loaded Parse(std::string_view yaml, const std::string& name) {
  Report report(name);
  Config config;
  config.file = name;
  config.hash = HashOf(yaml);
  if (std::optional<YamlNode> root = ReadDocument(yaml, report)) {
    ReadSections(*root, config, report);
    CheckTogether(config, report);
  }
  if (!report.empty()) return {std::nullopt, report.Take()};
  return {std::move(config), {}};
}

Loaded Load(const std::string& path) {
  Result<std::string> text = ReadConfigFile(path);
  if (!text) return {std::nullopt, {{Place{path, 0, 0}, text.error()}}};
  return Parse(*text, path);
}

}  // namespace qte::config
