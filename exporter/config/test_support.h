// What the unit tests of config/ share: a config in, its errors as a user sees them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "catch.h"
#include "config/config.h"

namespace qte::config {

// All diagnostics of a config called "x.yaml", one a line; empty where it is good.
inline std::string ErrorsOf(std::string_view yaml) {
  Loaded loaded = Parse(yaml, "x.yaml");
  CHECK(loaded.config.has_value() == loaded.diagnostics.empty());
  std::string errors;
  for (const Diagnostic& diagnostic : loaded.diagnostics) {
    errors += (errors.empty() ? "" : "\n") + diagnostic.Format();
  }
  return errors;
}

// A config that must be good.
inline Config ParseGood(std::string_view yaml) {
  INFO(yaml);
  REQUIRE(ErrorsOf(yaml) == "");
  return *Parse(yaml, "x.yaml").config;
}

struct BadConfig {
  std::string_view yaml;
  std::string_view errors;  // the whole output
};

inline void CheckAll(const std::vector<BadConfig>& table) {
  for (const BadConfig& bad : table) {
    INFO(bad.yaml);
    CHECK(ErrorsOf(bad.yaml) == bad.errors);
  }
}

inline std::vector<std::string> Values(const std::vector<Text>& texts) {
  std::vector<std::string> values;
  for (const Text& text : texts) values.push_back(text.value);
  return values;
}

using Strings = std::vector<std::string>;

}  // namespace qte::config
