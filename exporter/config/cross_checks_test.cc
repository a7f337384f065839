#include "config/cross_checks.h"

#include "config/test_support.h"

namespace qte::config {

TEST_CASE("Names that clash") {
  CheckAll({
      {"metrics:\n- {name: x_total, type: counter, event: e}\n- {name: y_total, type: counter, event: e}\n"
       "- {name: x_total, type: counter, event: f}",
       "x.yaml:4:10: duplicate metric \"x_total\"; the first is in line 2"},
      {"metrics:\n- {name: x_count, type: gauge, event: e, value: v}\n"
       "- {name: x, type: histogram, event: e, value: v, buckets: [1]}\n- {name: x_sum, type: gauge, event: e, value: "
       "v}",
       "x.yaml:2:10: metric \"x_count\" is part of histogram \"x\" in line 3; rename one of them\n"
       "x.yaml:4:10: metric \"x_sum\" is part of histogram \"x\" in line 3; rename one of them"},
      {"metrics:\n- {name: x, type: histogram, event: e, value: v, buckets: [1]}\n"
       "- {name: x_bucket, type: histogram, event: e, value: v, buckets: [1]}",
       "x.yaml:3:10: metric \"x_bucket\" is part of histogram \"x\" in line 2; rename one of them"},
  });
  CHECK(ErrorsOf("metrics:\n- {name: x, type: gauge, event: e, value: v}\n"
                 "- {name: x_count, type: gauge, event: e, value: v}") == "");
}

TEST_CASE("Labels that a source gives already") {
  CheckAll({
      {"sources:\n- {path: a, labels: {host: h}}\n"
       "metrics:\n- {name: x_total, type: counter, event: e, labels: {host: b, vm: c, fine: d}}",
       "x.yaml:4:53: label \"host\" is given to every series by a source, in line 2; choose another name\n"
       "x.yaml:4:62: label \"vm\" is given to every series by the exporter; choose another name"},
      {"metrics:\n- {name: x_total, type: counter, event: e, labels: {rack: b}}\n"
       "sources:\n- path: b\n- path: a\n  path_pattern: '(?P<rack>\\w+)'\n",
       "x.yaml:2:53: label \"rack\" is given to every series by a source, in line 6; choose another name"},
  });
}

TEST_CASE("Lookups that are not there") {
  CheckAll({
      {"metrics:\n- {name: x_total, type: counter, event: e, labels: {d: {lookup: image, key: k}}}",
       "x.yaml:2:65: unknown lookup \"image\"; \"lookups\" declares none"},
      {"lookups: {node: {event: a, key: b, value: c}}\n"
       "metrics:\n- {name: x_total, type: counter, event: e, labels: {d: {lookup: nod, key: k}}}",
       "x.yaml:3:65: unknown lookup \"nod\"; did you mean \"node\"?"},
      // A lookup that is there but wrong is told once.
      {"lookups: {node: {event: a, value: c}}\n"
       "metrics:\n- {name: x_total, type: counter, event: e, labels: {d: {lookup: node, key: k}}}",
       "x.yaml:1:11: lookup \"node\" needs \"key\": an argument's name or a list of names"},
  });
}

}  // namespace qte::config
