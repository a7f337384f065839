#include "config/buckets.h"

#include "config/test_support.h"

namespace qte::config {
namespace {

std::string Yaml(std::string_view buckets) {
  return "metrics:\n- name: y\n  type: histogram\n  event: e\n  value: v\n  buckets: " + std::string(buckets);
}

}  // namespace

TEST_CASE("Buckets as a list or a series") {
  struct Case {
    std::string_view yaml;
    std::vector<double> want;
  };
  for (const Case& c :
       {Case{"[1]", {1}}, Case{"[-1, 0, 2.5, 1e3]", {-1, 0, 2.5, 1000}}, Case{"\n  - 1\n  - 010\n", {1, 10}},
        Case{"{start: 512, factor: 2, count: 4}", {512, 1024, 2048, 4096}},
        Case{"{start: 0.1, factor: 3, count: 3}", {0.1, 0.3, 0.9}},  // not 0.30000000000000004
        Case{"{start: 1e-6, factor: 10, count: 7}", {1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1}},
        Case{"{start: 1, factor: 2, count: 1}", {1}}, Case{"{start: -1, width: 0.5, count: 4}", {-1, -0.5, 0, 0.5}},
        Case{"{start: 0.1, width: 0.1, count: 3}", {0.1, 0.2, 0.3}}}) {
    CAPTURE(c.yaml);
    CHECK(ParseGood(Yaml(c.yaml)).metrics.at(0).bounds == c.want);
  }
}

TEST_CASE("Large bounds stay whole") {
  std::vector<double> bounds = ParseGood(Yaml("{start: 1, factor: 2, count: 64}")).metrics.at(0).bounds;
  CHECK(bounds.back() == 9223372036854775808.0);
  CHECK(ParseGood(Yaml("{start: 1, width: 1, count: 200}")).metrics.at(0).bounds.size() == 200);
}

TEST_CASE("Bad buckets") {
  struct Case {
    std::string_view yaml, want;  // the place is in line 6
  };
  for (const Case& c : {
           Case{"5", "12: \"buckets\" must be a list of numbers or {start, factor, count}, not \"5\""},
           Case{"", "3: \"buckets\" must be a list of numbers or {start, factor, count}, not empty"},
           Case{"{}", "3: \"buckets\" must be a list of numbers or {start, factor, count}, not an empty map"},
           Case{"[]", "3: \"buckets\" must be a list of numbers or {start, factor, count}, not an empty list"},
           Case{"[1, a]", "16: \"buckets\" must be a list of numbers or {start, factor, count}, not \"a\""},
           Case{"[1, [2]]", "16: \"buckets\" must be a list of numbers or {start, factor, count}, not a list"},
           Case{"[1, 3, 2]", "19: \"buckets\" must rise; \"2\" is not above the one before it"},
           Case{"[1, 1]", "16: \"buckets\" must rise; \"1\" is not above the one before it"},
           Case{"[1, +Inf]", "16: the bucket \"+Inf\" is always there; leave it out"},
           Case{"[1, nan]", "16: \"buckets\" must be a list of numbers or {start, factor, count}, not \"nan\""},
           Case{"{start: 0, factor: 2, count: 3}", "20: \"start\" must be above 0, as \"factor\" multiplies it"},
           Case{"{start: 1, factor: 1, count: 3}", "31: \"factor\" must be above 1"},
           Case{"{start: 1, width: 0, count: 3}", "30: \"width\" must be above 0"},
           Case{"{start: 1, factor: 2, count: 0}", "41: \"count\" must be a whole number from 1 to 200, not \"0\""},
           Case{"{start: 1, factor: 2, count: 201}", "41: \"count\" must be a whole number from 1 to 200, not \"201\""},
           Case{"{start: 1, factor: 2, count: 2.5}", "41: \"count\" must be a whole number from 1 to 200, not \"2.5\""},
           Case{"{start: x, factor: 2, count: 3}", "20: \"start\" must be a number, not \"x\""},
           Case{"{start: 1, factor: [2], count: 3}", "23: \"factor\" must be a number, not a list"},
           Case{"{factor: 2, count: 3}", "3: \"buckets\" needs \"start\": the first bound"},
           Case{"{start: 1, factor: 2}", "3: \"buckets\" needs \"count\": the number of bounds"},
           Case{"{start: 1, count: 2}",
                "3: \"buckets\" needs \"factor\" (or \"width\"): what leads from one bound to the next"},
           Case{"{start: 1, factor: 2, width: 2, count: 2}", "34: \"buckets\" takes \"factor\" or \"width\", not both"},
           Case{"{start: 1, factor: 1e300, count: 3}", "3: bound 3 of \"buckets\" is beyond what a double can hold"},
           Case{"{start: 1e300, width: 1, count: 3}", "3: bound 2 of \"buckets\" is beyond what a double can hold"},
       }) {
    CAPTURE(c.yaml);
    CHECK(ErrorsOf(Yaml(c.yaml)) == "x.yaml:6:" + std::string(c.want));
  }
  std::string many = "[0";
  for (int i = 1; i <= 200; ++i) many += "," + std::to_string(i);
  CHECK(ErrorsOf(Yaml(many + "]")) == "x.yaml:6:3: a histogram has at most 200 buckets, not 201");
}

}  // namespace qte::config
