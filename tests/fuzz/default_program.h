// The default config, compiled, with limits so small that short inputs reach them.
#pragma once

#include <memory>

#include "config/config.h"
#include "fuzz.h"
#include "rules/compiler.h"

namespace qte::fuzz {

inline std::shared_ptr<const rules::Program> DefaultProgram() {
  config::Loaded loaded = config::Parse(ReadFile("config/default.yaml"), "default.yaml");
  Require(loaded.config.has_value(), "the default config is good");
  loaded.config->limits = {
      .max_series_per_metric = 4, .max_line_bytes = 512, .max_open_spans = 4, .max_lookup_entries = 4};
  trace::Catalog catalog;
  catalog.Add(ReadFile("config/trace-events"));
  rules::Compiled compiled = rules::Compile(*loaded.config, catalog);
  Require(compiled.program != nullptr, "the default config compiles");
  return compiled.program;
}

}  // namespace qte::fuzz
