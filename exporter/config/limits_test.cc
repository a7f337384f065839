#include "config/limits.h"

#include "config/test_support.h"

namespace qte::config {

TEST_CASE("Limits") {
  Limits defaults = ParseGood("limits: {}").limits;
  CHECK(defaults.max_series_per_metric == 1000);
  CHECK(defaults.max_line_bytes == 65536);
  CHECK(defaults.max_open_spans == 65536);
  CHECK(defaults.max_lookup_entries == 65536);
  CHECK(!defaults.expire_after);
  CHECK(!defaults.workers);
  CHECK(ParseGood("limits: {workers: 64}").limits.workers == 64);
  CHECK(ParseGood("limits: {expire_after: 24h}").limits.expire_after == std::chrono::hours(24));
  Limits limits = ParseGood(
                      "limits: {max_series_per_metric: 1, max_line_bytes: 010, max_open_spans: 3,"
                      " max_lookup_entries: 18446744073709551615}")
                      .limits;
  CHECK(limits.max_series_per_metric == 1);
  CHECK(limits.max_line_bytes == 10);
  CHECK(limits.max_open_spans == 3);
  CHECK(limits.max_lookup_entries == UINT64_MAX);
}

TEST_CASE("Bad limits") {
  CheckAll({
      {"limits: {max_line_bytes: 0}", "x.yaml:1:26: \"max_line_bytes\" must be a whole number from 1, not \"0\""},
      {"limits: {max_line_bytes: -5}", "x.yaml:1:26: \"max_line_bytes\" must be a whole number from 1, not \"-5\""},
      {"limits: {max_line_bytes: 64k}", "x.yaml:1:26: \"max_line_bytes\" must be a whole number from 1, not \"64k\""},
      {"limits: {max_open_spans: 1.5}", "x.yaml:1:26: \"max_open_spans\" must be a whole number from 1, not \"1.5\""},
      {"limits: {max_open_spans: 18446744073709551616}",
       "x.yaml:1:26: \"max_open_spans\" must be a whole number from 1, not \"18446744073709551616\""},
      {"limits: {max_lookup_entries: [1]}",
       "x.yaml:1:10: \"max_lookup_entries\" must be a whole number from 1, not a list"},
      {"limits: {expire_after: 24}", "x.yaml:1:24: \"expire_after\" must be a duration such as 10m or 24h, not \"24\""},
      {"limits: {workers: 0}", "x.yaml:1:19: \"workers\" must be a whole number from 1 to 64, not \"0\""},
      {"limits: {workers: 65}", "x.yaml:1:19: \"workers\" must be a whole number from 1 to 64, not \"65\""},
      {"limits: {workers: auto}", "x.yaml:1:19: \"workers\" must be a whole number from 1 to 64, not \"auto\""},
      {"limits: {workers: [2]}", "x.yaml:1:10: \"workers\" must be a whole number from 1 to 64, not a list"},
      {"limits: {worker: 2}", "x.yaml:1:10: unknown key \"worker\" of \"limits\"; did you mean \"workers\"?"},
      {"limits:\n  max_series_per_metric:\n",
       "x.yaml:2:3: \"max_series_per_metric\" must be a whole number from 1, not empty"},
  });
}

}  // namespace qte::config
