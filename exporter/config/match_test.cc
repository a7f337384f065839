#include "config/match.h"

#include "config/test_support.h"

namespace qte::config {
namespace {

// The regex is in line 4, `rest` in line 5.
std::string Yaml(std::string_view regex, std::string_view rest) {
  return "metrics:\n- name: x_total\n  type: counter\n  match: '" + std::string(regex) + "'\n  " + std::string(rest);
}

}  // namespace

TEST_CASE("A match rule uses the groups of its regex") {
  Metric metric = ParseGood(Yaml(R"(^(?P<what>\w+) took (?P<ms>\d+) ms)",
                                 "labels: {what: what, both: '{what}/{ms}'}\n  value: ms\n  scale: 0.001"))
                      .metrics.at(0);
  CHECK(metric.events.empty());
  CHECK(metric.match->value == R"(^(?P<what>\w+) took (?P<ms>\d+) ms)");
  CHECK(metric.match->place.line == 4);
  CHECK(metric.value->value == "ms");
  CHECK(metric.scale == 0.001);
  CHECK(ParseGood(Yaml("panic", "help: Panics.")).metrics.at(0).labels.empty());
}

TEST_CASE("Bad match rules") {
  struct Case {
    std::string_view regex, rest, want;
  };
  for (const Case& c : {
           Case{"(?P<a>x", "help: h", "4:10: bad regex: missing ): (?P<a>x"},
           Case{"", "help: h", "4:10: \"match\" must be a regex, not \"\""},
           Case{"(?P<reason>x)", "labels: {a: raeson}",
                "5:15: \"raeson\" is not a named group of the regex; did you mean \"reason\"?"},
           Case{"(?P<reason>x)", "labels: {a: '{reason}/{thing}'}",
                "5:15: \"thing\" is not a named group of the regex; it has reason"},
           Case{"(x)", "labels: {a: b}", "5:15: \"b\" is not a named group of the regex; it has none"},
           Case{"(?P<ms>x)", "value: sm", "5:10: \"sm\" is not a named group of the regex; did you mean \"ms\"?"},
           Case{"(?P<ms>x)", "where: {ms: 1}",
                "5:3: \"where\" does not go with \"match\"; put the condition into the regex"},
           Case{"(?P<ms>x)", "labels: {a: {template: ms, where: {ms: 1}}}",
                "5:38: \"where\" of a label does not go with \"match\"; put the condition into the regex"},
       }) {
    CAPTURE(c.regex, c.rest);
    CHECK(ErrorsOf(Yaml(c.regex, c.rest)) == "x.yaml:" + std::string(c.want));
  }
}

TEST_CASE("A match rule's lookup is keyed by groups") {
  std::string lookups = "lookups: {l: {event: e, key: k, value: v}}\n";
  CHECK(ErrorsOf(lookups + Yaml("(?P<k>x)", "labels: {a: {lookup: l, key: k}}")) == "");
  CHECK(ErrorsOf(lookups + Yaml("(?P<k>x)", "labels: {a: {lookup: l, key: other}}")) ==
        "x.yaml:6:32: \"other\" is not a named group of the regex; it has k");
}

}  // namespace qte::config
