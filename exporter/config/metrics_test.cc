#include "config/metrics.h"

#include "config/test_support.h"

namespace qte::config {

TEST_CASE("Metrics of every type") {
  Config config = ParseGood(R"(
metrics:
  - name: qemu_pci_config_reads_total
    type: counter
    help: >
      PCI configuration
      space reads.
    event: pci_cfg_read
    where: {val: {not: 0xffffffff}}
    labels: {device: dev}
  - name: qemu_depth
    type: gauge
    event: [a, "virtio_*"]
    value: depth
    scale: -0.5
  - name: qemu_example_bytes
    type: histogram
    event: blk_co_preadv
    value: bytes
    buckets: [1, 2]
)");
  REQUIRE(config.metrics.size() == 3);
  const Metric& counter = config.metrics[0];
  CHECK(counter.name.value == "qemu_pci_config_reads_total");
  CHECK(counter.name.place.line == 3);
  CHECK(counter.name.place.column == 11);
  CHECK(counter.place.line == 3);
  CHECK(counter.place.column == 5);
  CHECK(counter.type == MetricType::kCounter);
  CHECK(counter.help == "PCI configuration space reads.");
  CHECK(Values(counter.events) == Strings{"pci_cfg_read"});
  CHECK(counter.where.size() == 1);
  CHECK(counter.labels.size() == 1);
  CHECK(!counter.value);
  CHECK(counter.scale == 1);
  const Metric& gauge = config.metrics[1];
  CHECK(gauge.type == MetricType::kGauge);
  CHECK(gauge.help == "qemu_depth");
  CHECK(Values(gauge.events) == Strings{"a", "virtio_*"});
  CHECK(gauge.value->value == "depth");
  CHECK(gauge.scale == -0.5);
  CHECK(config.metrics[2].type == MetricType::kHistogram);
  CHECK(config.metrics[2].bounds == std::vector<double>{1, 2});
}

TEST_CASE("Bad metrics") {
  CheckAll({
      {"metrics:\n- {type: counter, event: e}", "x.yaml:2:3: a metric needs \"name\": what Prometheus is to call it"},
      {"metrics:\n- {name: x_total, event: e}", "x.yaml:2:3: a metric needs \"type\": counter, gauge or histogram"},
      {"metrics:\n- {name: [x], type: counter, event: e}", "x.yaml:2:4: \"name\" must be a metric's name, not a list"},
      {"metrics:\n- {name: 9x_total, type: counter, event: e}",
       "x.yaml:2:10: \"9x_total\" is not a valid metric name: "
       "it takes letters, digits, \"_\" and \":\", no digit first"},
      {"metrics:\n- {name: qemu_trace_exporter_x_total, type: counter, event: e}",
       "x.yaml:2:10: metric \"qemu_trace_exporter_x_total\": the exporter's own metrics begin with "
       "qemu_trace_exporter_"},
      {"metrics:\n- {name: process_x_total, type: counter, event: e}",
       "x.yaml:2:10: metric \"process_x_total\": the exporter's own metrics begin with process_"},
      {"metrics:\n- {name: qemu_trace_events_total, type: counter, event: e}",
       "x.yaml:2:10: metric \"qemu_trace_events_total\" is the exporter's own; choose another name"},
      {"metrics:\n- {name: x_total, type: conter, event: e}",
       "x.yaml:2:25: \"type\" must be counter, gauge or histogram, not \"conter\"; did you mean \"counter\"?"},
      {"metrics:\n- {name: x_total, type: summary, event: e}",
       "x.yaml:2:25: \"type\" must be counter, gauge or histogram, not \"summary\""},
      {"metrics:\n- {name: x, type: counter, event: e}",
       "x.yaml:2:10: counter \"x\" must end in _total; call it \"x_total\""},
      {"metrics:\n- {name: x_total, type: gauge, event: e, value: v}",
       "x.yaml:2:10: gauge \"x_total\" must not end in _total, which is for counters; call it \"x\""},
      {"metrics:\n- {name: x_total, type: histogram, event: e, value: v, buckets: [1]}",
       "x.yaml:2:10: histogram \"x_total\" must not end in _total, which is for counters; call it \"x\""},
      {"metrics:\n- {name: x_total, type: counter}",
       "x.yaml:2:3: a metric needs \"event\": the events it is made of (or \"match\": a regex over lines)"},
      {"metrics:\n- {name: x_total, type: counter, event: e, match: m}",
       "x.yaml:2:44: a metric takes either \"event\" or \"match\", not both"},
      {"metrics:\n- {name: x_total, type: counter, event: {a: b}}",
       "x.yaml:2:34: \"event\" must be an event's name or glob, or a list of these, not a map"},
      {"metrics:\n- {name: x_total, type: counter, event: []}",
       "x.yaml:2:34: \"event\" must be an event's name or glob, or a list of these, not an empty list"},
      {"metrics:\n- {name: x_total, type: counter, event: e, help: [a]}",
       "x.yaml:2:44: \"help\" must be text, not a list"},
      {"metrics:\n- {name: x_total, type: counter, event: e, value: [a]}",
       "x.yaml:2:44: \"value\" must be an argument's name, not a list"},
      {"metrics:\n- {name: x_total, type: counter, event: e, scale: big}",
       "x.yaml:2:51: \"scale\" must be a number, not \"big\""},
      {"metrics:\n- {name: x, type: gauge, event: e, value: v, scale: inf}",
       "x.yaml:2:53: \"scale\" must be a number, not \"inf\""},
      {"metrics:\n- {name: x_total, type: counter, event: e, scale: -1}",
       "x.yaml:2:51: \"scale\" of a counter must not be negative"},
      {"metrics:\n- {name: x_total, type: counter, event: e, buckets: [1]}",
       "x.yaml:2:44: \"buckets\" are for histograms, not for a counter"},
      {"metrics:\n- {name: x, type: gauge, event: e}",
       "x.yaml:2:3: a metric needs \"value\": the argument that the gauge shows"},
      {"metrics:\n- {name: x, type: histogram, event: e}",
       "x.yaml:2:3: a metric needs \"value\": the argument that the histogram observes\n"
       "x.yaml:2:3: a metric needs \"buckets\": a list of numbers or {start, factor, count}"},
  });
}

}  // namespace qte::config
