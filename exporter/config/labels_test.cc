#include "config/labels.h"

#include "config/test_support.h"

namespace qte::config {
namespace {

std::string Yaml(std::string_view labels) {
  return "lookups: {image: {event: a, key: b, value: c}}\nmetrics:\n- name: x_total\n  type: counter\n  event: e\n"
         "  labels: " +
         std::string(labels);
}

}  // namespace

TEST_CASE("Labels: an argument, a template, alternatives, a lookup") {
  std::vector<Label> labels = ParseGood(Yaml("{device: dev, address: \"{bus}:{slot}.{func}\", "
                                             "either: [\"{a}:{b}\", c], disk: {lookup: image, key: bs}}"))
                                  .metrics.at(0)
                                  .labels;
  REQUIRE(labels.size() == 4);
  CHECK(labels[0].name.value == "device");
  CHECK(labels[0].name.place.line == 6);
  CHECK(labels[0].name.place.column == 12);
  CHECK(Values(labels[0].value.texts) == Strings{"dev"});
  CHECK(labels[0].value.texts[0].place.column == 20);
  CHECK(Values(labels[1].value.texts) == Strings{"{bus}:{slot}.{func}"});
  CHECK(Values(labels[2].value.texts) == Strings{"{a}:{b}", "c"});
  CHECK(labels[3].value.texts.empty());
  CHECK(labels[3].value.lookup->value == "image");
  CHECK(Values(labels[3].value.key) == Strings{"bs"});
}

TEST_CASE("Labels: a template under conditions") {
  std::vector<Label> labels =
      ParseGood(Yaml("{address: {template: [\"{bus}:{slot}\", devid], where: {dev: {not: [empty, "
                     "none]}, slot: {min: 1}}}, one: {template: dev}}"))
          .metrics.at(0)
          .labels;
  REQUIRE(labels.size() == 2);
  CHECK(Values(labels[0].value.texts) == Strings{"{bus}:{slot}", "devid"});
  REQUIRE(labels[0].value.where.size() == 2);
  CHECK(labels[0].value.where[0].argument.value == "dev");
  CHECK(labels[0].value.where[0].kind == Condition::Kind::kNoneOf);
  CHECK(Values(labels[0].value.where[0].values) == Strings{"empty", "none"});
  CHECK(labels[0].value.where[1].min->value == "1");
  CHECK(Values(labels[1].value.texts) == Strings{"dev"});
  CHECK(labels[1].value.where.empty());
}

TEST_CASE("Bad labels") {
  constexpr std::string_view kMust =
      " must be an argument's name, a template such as \"{bus}:{slot}\" in quotes, a list of these, "
      "{lookup: NAME, key: ARGUMENT}, or {template: TEXT, where: CONDITIONS}, not ";
  constexpr std::string_view kTemplate =
      "an argument's name, a template such as \"{bus}:{slot}\" in quotes, or a list of these";
  struct Case {
    std::string_view labels;
    std::string want;  // the place is in line 6
  };
  for (const Case& c : {
           Case{"dev", "11: \"labels\" must be a map of label names to arguments, not \"dev\""},
           Case{"[dev]", "3: \"labels\" must be a map of label names to arguments, not a list"},
           Case{"{a: {bus}}", "12: \"a\"" + std::string(kMust) + "a map"},
           Case{"{a: {}}", "12: \"a\"" + std::string(kMust) + "an empty map"},
           Case{"{a: }", "12: \"a\"" + std::string(kMust) + "empty"},
           Case{"{a: ''}", "15: \"a\"" + std::string(kMust) + "\"\""},
           Case{"{a: []}", "12: \"a\"" + std::string(kMust) + "an empty list"},
           Case{"{a: [b, {c: d}]}", "19: \"a\"" + std::string(kMust) + "a map"},
           Case{"{a: \"{bus\"}", "15: template \"{bus\": \"{\" without \"}\"; a literal one is \"{{\""},
           Case{"{a: [b, \"c}\"]}", "19: template \"c}\": \"}\" without \"{\"; a literal one is \"}}\""},
           Case{"{a: {lookup: image}}", "12: label \"a\" needs \"key\": an argument's name or a list of names"},
           Case{"{a: {key: bs}}", "12: label \"a\" needs \"lookup\": the name of one of lookups:"},
           Case{"{a: {lookup: image, kye: bs, key: bs}}",
                "31: unknown key \"kye\" of label \"a\"; did you mean \"key\"?"},
           Case{"{a: {lookup: [image], key: bs}}", "16: \"lookup\" must be the name of one of lookups:, not a list"},
           Case{"{a: {lookup: imgae, key: bs}}", "24: unknown lookup \"imgae\"; did you mean \"image\"?"},
           Case{"{a: {lookup: image, key: [x, y]}}", "37: lookup \"image\" has a key of 1 argument, not 2"},
           Case{"{a: {c: d}}", "16: unknown key \"c\" of label \"a\"; there are lookup, key, template, where"},
           Case{"{a: {tempalte: d}}", "16: unknown key \"tempalte\" of label \"a\"; did you mean \"template\"?"},
           Case{"{a: {tempalte: d, where: {b: 1}}}",
                "16: unknown key \"tempalte\" of label \"a\"; did you mean \"template\"?"},
           Case{"{a: {template: d, wher: {b: 1}}}", "29: unknown key \"wher\" of label \"a\"; did you mean \"where\"?"},
           Case{"{a: {where: {b: 1}}}", "12: label \"a\" needs \"template\": " + std::string(kTemplate)},
           Case{"{a: {template: {b: c}}}", "16: \"template\" must be " + std::string(kTemplate) + ", not a map"},
           Case{"{a: {template: '{b'}}", "26: template \"{b\": \"{\" without \"}\"; a literal one is \"{{\""},
           Case{"{a: {template: b, where: c}}", "36: \"where\" must be a map of arguments to values, not \"c\""},
           Case{"{a: {template: b, where: {c: {nott: 1}}}}",
                "41: unknown key \"nott\" of condition \"c\"; did you mean \"not\"?"},
           Case{"{a: {lookup: image, key: bs, where: {c: 1}}}",
                "40: \"where\" does not go with \"lookup\" and \"key\""},
           Case{"{a: {template: b, lookup: image, key: bs}}",
                "16: \"template\" does not go with \"lookup\" and \"key\""},
           Case{"{le: a}", "12: label \"le\" is what Prometheus calls a histogram's bounds; choose another name"},
           Case{"{quantile: a}", "12: label \"quantile\" is what Prometheus uses in summaries; choose another name"},
           Case{"{__name__: a}", "12: label \"__name__\": names that begin with \"__\" are Prometheus' own"},
           Case{"{9a: a}", "12: \"9a\" is not a valid label name: it takes letters, digits and \"_\", no digit first"},
           Case{"{vm: a}", "12: label \"vm\" is given to every series by the exporter; choose another name"},
           Case{"{a: b, a: c}", "18: duplicate key \"a\"; the first is in line 6"},
       }) {
    CAPTURE(c.labels);
    CHECK(ErrorsOf(Yaml(c.labels)) == "x.yaml:6:" + c.want);
  }
}

}  // namespace qte::config
