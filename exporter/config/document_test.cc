#include "config/document.h"

#include "config/test_support.h"

namespace qte::config {

TEST_CASE("A byte order mark is skipped") {
  CHECK(ErrorsOf("\xef\xbb\xbflimits: {max_line_bytes: 5}") == "");
  CHECK(ErrorsOf("\xef\xbb\xbfx: 1") ==
        "x.yaml:1:1: unknown key \"x\" of a config; there are sources, trace_events, lookups, spans, metrics, limits");
}

TEST_CASE("What is no YAML is refused with its place and a remedy") {
  CheckAll({
      {"metrics: b: c", "x.yaml:1:11: not valid YAML: illegal map value"},
      {"metrics: [b, c",
       "x.yaml:2:1: not valid YAML: end of sequence flow not found; the bracket in line 1, column 10 is still open "
       "(text with brackets needs quotes)"},
      {"metrics:\n- labels: {a: {bus}:{slot}}",
       "x.yaml:2:20: not valid YAML: end of map flow not found; the bracket in line 2, column 11 is still open (text "
       "with brackets needs quotes)"},
      {"metrics: []\n]", "x.yaml:2:1: not valid YAML: illegal flow end"},
      {"metrics:\n\t- name: b", "x.yaml:2:2: not valid YAML: illegal block entry; indent by blanks, not by tabs"},
      {"metrics:\n  - name: x\n   type: b\n", "x.yaml:3:4: not valid YAML: end of sequence not found"},
      {"metrics: @x", "x.yaml:1:10: not valid YAML: unknown token"},
      {"metrics:\n- match: \"a\\d\"",
       "x.yaml:2:14: not valid YAML: unknown escape character: d; in single quotes a backslash is a backslash"},
      {"%YAML 9.9\n---\n", "x.yaml:1:1: not valid YAML: YAML major version too large"},
  });
}

TEST_CASE("An alias without its anchor") {
  // yaml-cpp 0.8 adds the name.
  CHECK_THAT(ErrorsOf("metrics: *none"),
             ContainsSubstring("x.yaml:1:10: not valid YAML: the referenced anchor is not defined"));
}

TEST_CASE("A large file is refused before it is parsed") {
  std::string yaml = "limits:\n";
  yaml.resize(kMaxConfigBytes, '#');
  CHECK(ErrorsOf(yaml) == "");
  yaml += '#';
  CHECK(ErrorsOf(yaml) == "x.yaml: a config may hold at most 4 MiB");
}

TEST_CASE("Every prefix of a config is read or refused, never more") {
  std::string_view yaml =
      "sources:\n  - {path: \"/a\\n*\", labels: {h: 'it''s'}}\nmetrics: &m\n  - name: x_total\n    type: counter\n"
      "    help: >\n      Two\n      lines.\n    event: [a, b]\n    labels: {d: [\"{b}:{c}\", e]}\nlimits: {}\n";
  for (size_t size = 0; size <= yaml.size(); ++size) {
    Loaded loaded = Parse(yaml.substr(0, size), "x");
    CHECK(loaded.config.has_value() == loaded.diagnostics.empty());
  }
}

}  // namespace qte::config
