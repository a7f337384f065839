#include "config/variables.h"

#include <cstdlib>

#include "config/test_support.h"

namespace qte::config {
namespace {

// Variables that are gone when the test is.
class Environment {
 public:
  explicit Environment(std::vector<std::pair<std::string, std::string>> variables) : variables_(std::move(variables)) {
    for (const auto& [name, value] : variables_) ::setenv(name.c_str(), value.c_str(), 1);
  }
  ~Environment() {
    for (const auto& [name, value] : variables_) ::unsetenv(name.c_str());
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  std::vector<std::pair<std::string, std::string>> variables_;
};

}  // namespace

TEST_CASE("variables: what stands for them") {
  Environment environment({{"QTE_DIR", "/var/log"}, {"QTE_EMPTY", ""}, {"QTE_DOLLAR", "${QTE_DIR} $$"}});
  struct Case {
    std::string_view text;
    std::string_view expanded;
  };
  for (const Case& c : std::vector<Case>{
           {"", ""},
           {"plain", "plain"},
           {"${QTE_DIR}", "/var/log"},
           {"${QTE_DIR}/${QTE_DIR}.log", "/var/log//var/log.log"},
           {"a${QTE_EMPTY}b", "ab"},
           {"${QTE_NONE:-}", ""},
           {"${QTE_NONE:-/tmp/*.log}", "/tmp/*.log"},
           {"${QTE_NONE:-a:-b}", "a:-b"},
           {"${QTE_EMPTY:-x}", "x"},
           {"${QTE_DIR:-x}", "/var/log"},
           {"${QTE_DOLLAR}", "${QTE_DIR} $$"},
           {"$${QTE_DIR}", "${QTE_DIR}"},
           {"$$$${QTE_DIR}", "$${QTE_DIR}"},
           {"$$${QTE_DIR}", "$/var/log"},
           {"a$", "a$"},
           {"a$$", "a$"},
           {"\\.log$|$QTE_DIR$", "\\.log$|$QTE_DIR$"},
       }) {
    INFO(c.text);
    Result<std::string> expanded = ExpandVariables(c.text);
    REQUIRE(expanded.ok());
    CHECK(*expanded == c.expanded);
  }
}

TEST_CASE("variables: errors have their place") {
  Environment environment({{"QTE_BYTES", "a\xff"}, {"QTE_OTHER", ""}});
  CheckAll({
      {"sources:\n- path: ${QTE_NONE}/*.log",
       "x.yaml:2:9: the environment variable \"QTE_NONE\" is not set; set it, or give a default: ${QTE_NONE:-default}"},
      {"limits: {max_line_bytes: '${QTE_NONE'}", "x.yaml:1:26: \"${\" lacks its \"}\"; for a dollar write $$"},
      {"sources:\n- {path: /a, labels: {a: '${}'}}",
       "x.yaml:2:26: \"${}\" is not a variable: expected ${NAME} or ${NAME:-default}; for a dollar write $$"},
      {"sources:\n- {path: '${1A}'}",
       "x.yaml:2:10: \"${1A}\" is not a variable: expected ${NAME} or ${NAME:-default}; for a dollar write $$"},
      {"sources:\n- {path: '${A-b}'}",
       "x.yaml:2:10: \"${A-b}\" is not a variable: expected ${NAME} or ${NAME:-default}; for a dollar write $$"},
      {"sources:\n- {path: '${QTE_BYTES}'}",
       "x.yaml:2:10: the environment variable \"QTE_BYTES\" holds characters that a config must not hold"},
  });
}

TEST_CASE("variables: values of any kind, but no keys") {
  Environment environment({{"QTE_VM", "a: {b}"}, {"QTE_LINE", "128"}, {"QTE_PATHS", "/a, /b"}});
  Config config = ParseGood(
      "sources:\n- {path: '${QTE_PATHS}', labels: {host: \"${QTE_VM}\"}}\n- path: >-\n    ${QTE_VM}\n"
      "limits: {max_line_bytes: '${QTE_LINE}'}");
  REQUIRE(config.sources.size() == 2);
  CHECK(config.sources[0].path.value == "/a, /b");
  CHECK(config.sources[0].labels[0].second == "a: {b}");
  CHECK(config.sources[1].path.value == "a: {b}");
  CHECK(config.limits.max_line_bytes == 128);
  CHECK_THAT(ErrorsOf("limits: {'${QTE_LINE}': 5}"), ContainsSubstring("unknown key \"${QTE_LINE}\""));
}

}  // namespace qte::config
