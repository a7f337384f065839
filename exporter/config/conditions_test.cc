#include "config/conditions.h"

#include "config/test_support.h"

namespace qte::config {
namespace {

std::string Yaml(std::string_view where) {
  return "metrics:\n- name: x_total\n  type: counter\n  event: e\n  where: " + std::string(where);
}

}  // namespace

TEST_CASE("Conditions keep their values as written") {
  using Kind = Condition::Kind;
  std::vector<Condition> where =
      ParseGood(Yaml("{a: 0x1F, b: [1, \"\", no], c: {not: 0xffffffff}, d: {not: [1, 2]}, e: {min: 010}, "
                     "f: {min: -1, max: 0x20}}"))
          .metrics.at(0)
          .where;
  REQUIRE(where.size() == 6);
  CHECK(where[0].argument.value == "a");
  CHECK(where[0].argument.place.column == 11);
  CHECK(where[0].kind == Kind::kAnyOf);
  CHECK(Values(where[0].values) == Strings{"0x1F"});
  CHECK(Values(where[1].values) == Strings{"1", "", "no"});
  CHECK(where[2].kind == Kind::kNoneOf);
  CHECK(Values(where[2].values) == Strings{"0xffffffff"});
  CHECK(Values(where[3].values) == Strings{"1", "2"});
  CHECK(where[4].kind == Kind::kRange);
  CHECK(where[4].min->value == "010");
  CHECK(!where[4].max);
  CHECK(where[5].max->value == "0x20");
}

TEST_CASE("A rule without conditions") {
  CHECK(ParseGood(Yaml("{}")).metrics.at(0).where.empty());
  CHECK(ParseGood(Yaml("")).metrics.at(0).where.empty());
}

TEST_CASE("Bad conditions") {
  struct Case {
    std::string_view where, want;  // the place is in line 5
  };
  for (const Case& c : {
           Case{"a", "10: \"where\" must be a map of arguments to values, not \"a\""},
           Case{"[a]", "3: \"where\" must be a map of arguments to values, not a list"},
           Case{"{a: }", "11: \"a\" must be a value, a list of values, {not: ...} or {min: ..., max: ...}, not empty"},
           Case{"{a: []}",
                "11: \"a\" must be a value, a list of values, {not: ...} or {min: ..., max: ...}, not an empty list"},
           Case{"{a: {}}",
                "11: \"a\" must be a value, a list of values, {not: ...} or {min: ..., max: ...}, not an empty map"},
           Case{"{a: [1, [2]]}",
                "18: \"a\" must be a value, a list of values, {not: ...} or {min: ..., max: ...}, not a list"},
           Case{"{a: {not: {b: c}}}", "15: \"not\" must be a value or a list of values, not a map"},
           Case{"{a: {not: }}", "15: \"not\" must be a value or a list of values, not empty"},
           Case{"{a: {not: 1, min: 2}}", "11: condition \"a\" takes either \"not\" or \"min\" and \"max\""},
           Case{"{a: {min: [1]}}", "15: \"min\" must be a number, not a list"},
           Case{"{a: {maximum: 1}}", "15: unknown key \"maximum\" of condition \"a\"; there are not, min, max"},
           Case{"{a: 1, a: 2}", "17: duplicate key \"a\"; the first is in line 5"},
       }) {
    CAPTURE(c.where);
    CHECK(ErrorsOf(Yaml(c.where)) == "x.yaml:5:" + std::string(c.want));
  }
}

}  // namespace qte::config
