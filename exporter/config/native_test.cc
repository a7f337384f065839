#include "config/native.h"

#include "config/test_support.h"

namespace qte::config {
namespace {

std::string Yaml(std::string_view native) {
  return "metrics:\n- name: y\n  type: histogram\n  event: e\n  value: v\n  buckets: [1]\n  native: " + std::string(native);
}

}  // namespace

TEST_CASE("A native histogram is on, off, or as its options say") {
  struct Case {
    std::string_view yaml;
    int schema;
    uint64_t max_buckets;
    double zero_threshold;
    int reset_after_s = 0;
  };
  for (const Case& c : {Case{"true", 3, 160, 0x1p-128}, Case{"{schema: -4}", -4, 160, 0x1p-128},
                        Case{"{max_buckets: 4, zero_threshold: 0}", 3, 4, 0},
                        Case{"{schema: 8, max_buckets: 10000, zero_threshold: 1e-6}", 8, 10000, 1e-6},
                        Case{"{reset_after: 1h}", 3, 160, 0x1p-128, 3600}}) {
    CAPTURE(c.yaml);
    const std::optional<NativeHistogram> native = ParseGood(Yaml(c.yaml)).metrics.at(0).native;
    REQUIRE(native);
    CHECK(native->schema == c.schema);
    CHECK(native->max_buckets == c.max_buckets);
    CHECK(native->zero_threshold == c.zero_threshold);
    CHECK(native->reset_after.count() == c.reset_after_s);
  }
  CHECK_FALSE(ParseGood(Yaml("false")).metrics.at(0).native);
}

TEST_CASE("What a native histogram cannot be") {
  const std::string schema = "\"schema\" must be a whole number from -4 (each bucket 65,536 times the one before) to 8 (0.3 % wider), not ";
  const std::string yes = Yaml("yes"), fine = Yaml("{schema: 9}"), half = Yaml("{schema: 0.5}"), few = Yaml("{max_buckets: 3}"),
                    below = Yaml("{zero_threshold: -1}"), other = Yaml("{shema: 3}"), list = Yaml("[3]"), soon = Yaml("{reset_after: 1s}");
  CheckAll({{yes, "x.yaml:7:11: \"native\" must be true, false or {schema, max_buckets, zero_threshold, reset_after}, not \"yes\""},
            {fine, "x.yaml:7:20: " + schema + "\"9\""},
            {half, "x.yaml:7:20: " + schema + "\"0.5\""},
            {few, "x.yaml:7:25: \"max_buckets\" must be a whole number from 4 to 10000, not \"3\""},
            {below, "x.yaml:7:28: \"zero_threshold\" must be a number that is not negative, not \"-1\""},
            {other, "x.yaml:7:12: unknown key \"shema\" of \"native\"; did you mean \"schema\"?"},
            {list, "x.yaml:7:3: \"native\" must be true, false or {schema, max_buckets, zero_threshold, reset_after}, not a list"},
            {soon, "x.yaml:7:25: \"reset_after\" must be a duration from 1m to 1000d, such as 1h, not \"1s\""}});
  CHECK(ErrorsOf("metrics:\n- {name: x, type: gauge, event: e, value: v, native: true}\n") ==
        "x.yaml:2:46: \"native\" is for histograms, not for a gauge");
}

}  // namespace qte::config
