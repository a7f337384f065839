#include "rules/parts.h"

#include "catch.h"

using namespace qte::rules;
using qte::config::Condition;
using qte::trace::Value;

TEST_CASE("Templates compile to literals and slots") {
  Template compiled =
      CompileTemplate("<{a}:{b}>{{", [](std::string_view name, ArgumentUse) { return name == "a" ? Slot{3} : Slot{5}; });
  REQUIRE(compiled.pieces.size() == 3);
  CHECK(compiled.pieces[0].literal == "<");
  CHECK(compiled.pieces[0].slot == 3);
  CHECK(compiled.pieces[1].literal == ":");
  CHECK(compiled.pieces[1].slot == 5);
  CHECK(compiled.pieces[2].literal == ">{");
  CHECK(compiled.pieces[2].slot == kNoSlot);
}

TEST_CASE("Conditions compare numbers as numbers and texts as texts") {
  auto any_of = [](std::string_view constant, const Value& value) {
    ConditionPlan plan;
    plan.values = {ParseConstant(constant)};
    return Holds(plan, value);
  };
  struct Case {
    std::string_view constant;
    Value value;
    bool want;
  };
  for (const Case& c : {
           Case{"0xffffffff", Value::Unsigned(0xffffffff, "ffffffff"), true},
           Case{"4294967295", Value::Unsigned(0xffffffff, "ffffffff"), true},
           Case{"ffffffff", Value::Unsigned(0xffffffff, "ffffffff"), false},
           Case{"-1", Value::Signed(-1, "-1"), true},
           Case{"-1", Value::Unsigned(UINT64_MAX, "18446744073709551615"), false},
           Case{"18446744073709551615", Value::Unsigned(UINT64_MAX), true},
           Case{"010", Value::Unsigned(10, "10"), true},
           Case{"1.5", Value::Real(1.5), true},
           Case{"true", Value::Unsigned(1, "1"), true},
           Case{"read", Value::Text("read"), true},
           Case{"read", Value::Text("write"), false},
           Case{"1", Value::Text("1"), true},
           Case{"", Value::Text(""), true},
           Case{"1", Value(), false},
       }) {
    CAPTURE(c.constant, c.value.text());
    CHECK(any_of(c.constant, c.value) == c.want);
  }
}

TEST_CASE("Conditions: none of, and ranges") {
  ConditionPlan none;
  none.kind = Condition::Kind::kNoneOf;
  none.values = {ParseConstant("1"), ParseConstant("2")};
  CHECK(Holds(none, Value::Unsigned(3)));
  CHECK_FALSE(Holds(none, Value::Unsigned(2)));
  CHECK_FALSE(Holds(none, Value()));  // an argument that is not there satisfies nothing

  ConditionPlan range;
  range.kind = Condition::Kind::kRange;
  range.min = ParseConstant("-5");
  range.max = ParseConstant("0x10");
  CHECK(Holds(range, Value::Signed(-5)));
  CHECK(Holds(range, Value::Unsigned(16)));
  CHECK_FALSE(Holds(range, Value::Unsigned(17)));
  CHECK_FALSE(Holds(range, Value::Signed(-6)));
  CHECK_FALSE(Holds(range, Value::Text("3")));
}
