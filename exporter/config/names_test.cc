#include "config/names.h"

#include "config/test_support.h"

namespace qte::config {
namespace {

// Whether a name is refused; the messages are in the tables of metrics_test.cc and labels_test.cc.
struct Case {
  std::string_view name;
  bool good;
};

}  // namespace

TEST_CASE("Metric names") {
  for (const Case& c :
       {Case{"qemu_x_total", true}, Case{"job:x:rate", true}, Case{"_x9", true}, Case{"", false}, Case{"9x", false},
        Case{"a-b", false}, Case{"a b", false}, Case{"qému", false}, Case{"qemu_trace_exporter_x", false},
        Case{"process_x", false}, Case{"qemu_trace_events_total", false}, Case{"qemu_trace_events", true}}) {
    CAPTURE(c.name);
    CHECK(!WrongMetricName(c.name).has_value() == c.good);
  }
}

TEST_CASE("_total is for counters") {
  CHECK(!WrongSuffix("x_total", MetricType::kCounter));
  CHECK(!WrongSuffix("x", MetricType::kGauge));
  CHECK(!WrongSuffix("x_bytes", MetricType::kHistogram));
  CHECK(*WrongSuffix("x", MetricType::kCounter) == "counter \"x\" must end in _total; call it \"x_total\"");
  CHECK(*WrongSuffix("x_total", MetricType::kGauge) ==
        "gauge \"x_total\" must not end in _total, which is for counters; call it \"x\"");
}

TEST_CASE("Label names") {
  for (const Case& c : {Case{"device", true}, Case{"_x9", true}, Case{"Le", true}, Case{"", false}, Case{"9x", false},
                        Case{"a:b", false}, Case{"__x", false}, Case{"le", false}, Case{"quantile", false}}) {
    CAPTURE(c.name);
    CHECK(!WrongLabelName(c.name).has_value() == c.good);
    CHECK(!WrongSourceLabelName(c.name).has_value() == c.good);
  }
  CHECK(!WrongLabelName("event"));
  CHECK(WrongSourceLabelName("event"));
}

TEST_CASE("Names of lookups and spans") {
  for (const Case& c : {Case{"image", true}, Case{"a_9", true}, Case{"", false}, Case{"a*", false}, Case{"9", false}}) {
    CAPTURE(c.name);
    CHECK(!WrongJoinName(c.name).has_value() == c.good);
  }
}

}  // namespace qte::config
