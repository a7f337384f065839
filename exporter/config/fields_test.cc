#include "config/fields.h"

#include "config/test_support.h"

namespace qte::config {

TEST_CASE("Unknown keys are refused everywhere, with what is near or what there is") {
  CheckAll({
      {"metrcs: []", "x.yaml:1:1: unknown key \"metrcs\" of a config; did you mean \"metrics\"?"},
      {"colour: red",
       "x.yaml:1:1: unknown key \"colour\" of a config; there are sources, trace_events, lookups, spans, metrics, "
       "limits"},
      {"sources:\n- path: a\n  strat: end", "x.yaml:3:3: unknown key \"strat\" of a source; did you mean \"start\"?"},
      {"lookups:\n  image: {event: a, key: b, value: c, vaule: d}",
       "x.yaml:2:39: unknown key \"vaule\" of lookup \"image\"; did you mean \"value\"?"},
      {"spans:\n  s: {start: a, end: b, key: c, time_out: 5s}",
       "x.yaml:2:33: unknown key \"time_out\" of span \"s\"; did you mean \"timeout\"?"},
      {"metrics:\n- {name: x_total, type: counter, evnt: a, event: b}",
       "x.yaml:2:34: unknown key \"evnt\" of a metric; did you mean \"event\"?"},
      {"metrics:\n- {name: x_total, type: counter, event: b, where: {a: {nto: 1}}}",
       "x.yaml:2:56: unknown key \"nto\" of condition \"a\"; did you mean \"not\"?"},
      {"metrics:\n- {name: x, type: histogram, event: b, value: v, buckets: {start: 1, facter: 2, factor: 2, count: "
       "3}}",
       "x.yaml:2:70: unknown key \"facter\" of \"buckets\"; did you mean \"factor\"?"},
      {"limits: {max_line_byte: 1}",
       "x.yaml:1:10: unknown key \"max_line_byte\" of \"limits\"; did you mean \"max_line_bytes\"?"},
  });
}

TEST_CASE("A key that was only misspelt is not missed as well") {
  CheckAll({{"metrics:\n- {name: x_total, type: counter, evnet: a}",
             "x.yaml:2:34: unknown key \"evnet\" of a metric; did you mean \"event\"?"}});
}

TEST_CASE("Nodes of the wrong type are refused, lists and maps at their key, texts where they stand") {
  CheckAll({
      {"just text",
       "x.yaml:1:1: a config must be a map with sources, trace_events, lookups, spans, metrics, limits, not \"just "
       "text\""},
      {"- sources",
       "x.yaml:1:1: a config must be a map with sources, trace_events, lookups, spans, metrics, limits, not a list"},
      {"sources: /var/log/x",
       "x.yaml:1:10: \"sources\" must be a list of maps with path, path_pattern, labels, start, not \"/var/log/x\""},
      {"sources:\n  path: /var/log/x",
       "x.yaml:1:1: \"sources\" must be a list of maps with path, path_pattern, labels, start, not a map"},
      {"sources:\n  - /var/log/x",
       "x.yaml:2:5: a source must be a map with path, usdt, exclude, path_pattern, name_pattern, labels, envelope, start, "
       "reclaim, max_disk_bytes, "
       "qmp, "
       "not \"/var/log/x\""},
      {"trace_events:\n  a: b", "x.yaml:1:1: \"trace_events\" must be a path or a list of paths, not a map"},
      {"trace_events: [a, [b]]", "x.yaml:1:19: \"trace_events\" must be a path or a list of paths, not a list"},
      {"trace_events: []", "x.yaml:1:1: \"trace_events\" must be a path or a list of paths, not an empty list"},
      {"lookups: [a]", "x.yaml:1:1: \"lookups\" must be a map of names to {event, key, value}, not a list"},
      {"spans: s", "x.yaml:1:8: \"spans\" must be a map of names to {start, end, key}, not \"s\""},
      {"metrics: {name: x}", "x.yaml:1:1: \"metrics\" must be a list of maps with name, type, event ..., not a map"},
      {"limits: 5",
       "x.yaml:1:9: \"limits\" must be a map with max_series_per_metric, max_series, "
       "max_line_bytes, max_open_spans, "
       "max_lookup_entries, expire_after, workers, not \"5\""},
  });
}

TEST_CASE("A section that is only a key is empty") {
  Config config = ParseGood("sources:\ntrace_events:\nlookups:\nspans:\nmetrics:\nlimits:\n");
  CHECK(config.metrics.empty());
  CHECK(config.limits.max_line_bytes == 65536);
}

TEST_CASE("All errors are told at once, in the order of the file") {
  CheckAll({{"limits: {max_line_bytes: 0, max_open_span: 3}\nmetrics:\n  - nmae: x\n  - foo\nsources: foo\n",
             "x.yaml:1:26: \"max_line_bytes\" must be a whole number from 1, not \"0\"\n"
             "x.yaml:1:29: unknown key \"max_open_span\" of \"limits\"; did you mean \"max_open_spans\"?\n"
             "x.yaml:3:5: unknown key \"nmae\" of a metric; did you mean \"name\"?\n"
             "x.yaml:3:5: a metric needs \"type\": counter, gauge or histogram\n"
             "x.yaml:3:5: a metric needs \"event\": the events it is made of (or \"match\": a regex over lines)\n"
             "x.yaml:4:5: a metric must be a map with name, type, help, event, match, where, labels, value, scale, "
             "buckets, native, not \"foo\"\n"
             "x.yaml:5:10: \"sources\" must be a list of maps with path, path_pattern, labels, start, not \"foo\""}});
}

}  // namespace qte::config
