#include "rules/compiler.h"

#include <set>

#include "catch.h"

using namespace qte;

namespace {

trace::Catalog SmallCatalog() {
  trace::Catalog catalog;
  auto problems = catalog.Add(
      "pci_cfg_read(const char *dev, uint32_t bus, uint32_t slot) \"%s %02x:%02x\"\n"
      "pci_cfg_read(const char *dev, unsigned devid) \"%s %02u\"\n"
      "pci_cfg_write(const char *dev, unsigned offs) \"%s %u\"\n"
      "virtqueue_pop(void *vq, void *elem) \"vq %p elem %p\"\n"
      "virtqueue_fill(void *vq, void *elem, unsigned len) \"vq %p elem %p len %u\"\n"
      "bmdma_reset(void) \"\"\n");
  REQUIRE(problems.empty());
  return catalog;
}

rules::Compiled Compile(const std::string& yaml) {
  config::Loaded loaded = config::Parse(yaml, "x.yaml");
  for (const config::Diagnostic& diagnostic : loaded.diagnostics) UNSCOPED_INFO(diagnostic.Format());
  REQUIRE(loaded.config.has_value());
  return rules::Compile(*loaded.config, SmallCatalog());
}

std::string Errors(const std::string& yaml) {
  rules::Compiled compiled = Compile(yaml);
  CHECK((compiled.program == nullptr) == !compiled.diagnostics.empty());
  std::string text;
  for (const config::Diagnostic& diagnostic : compiled.diagnostics) text += diagnostic.Format() + "\n";
  return text;
}

std::string Metric(const std::string& rest) {
  return "metrics:\n- {name: x_total, type: counter, " + rest + "}\n";
}

}  // namespace

TEST_CASE("What a config names has to be there") {
  struct Case {
    std::string yaml, want;
  };
  for (const Case& c : {
           Case{Metric("event: pci_cfg_raed"),
                "x.yaml:2:41: unknown event \"pci_cfg_raed\"; did you mean \"pci_cfg_read\"?\n"},
           Case{Metric("event: kvm_run_exit"),
                "x.yaml:2:41: unknown event \"kvm_run_exit\"; declare it under trace_events (QEMU installs its own as "
                "/usr/share/qemu/trace-events-all)\n"},
           Case{Metric("event: \"nvme_*\""),
                "x.yaml:2:41: no known event matches \"nvme_*\"; declare it under trace_events (QEMU installs its own "
                "as /usr/share/qemu/trace-events-all)\n"},
           Case{Metric("event: pci_cfg_read, labels: {device: devcie}"),
                "x.yaml:2:72: unknown argument \"devcie\" of pci_cfg_read; did you mean \"dev\"?\n"},
           Case{Metric("event: virtqueue_pop, labels: {a: \"{vq}{length}\"}"),
                "x.yaml:2:68: unknown argument \"length\" of virtqueue_pop; it has vq, elem\n"},
           Case{Metric("event: bmdma_reset, labels: {a: length}"),
                "x.yaml:2:66: unknown argument \"length\" of bmdma_reset; it has none\n"},
           Case{Metric("event: [pci_cfg_read, pci_cfg_write], where: {vall: 1}"),
                "x.yaml:2:80: unknown argument \"vall\" of these 2 events\n"},
           Case{Metric("event: pci_cfg_read, value: dev"),
                "x.yaml:2:62: argument \"dev\" is text; value needs a number\n"},
           Case{Metric("event: pci_cfg_read, where: {bus: {min: low}}"),
                "x.yaml:2:74: \"low\" is not a number; min and max need numbers\n"},
           Case{Metric("event: pci_cfg_read, labels: {a: {template: bus, where: {devcie: x}}}"),
                "x.yaml:2:91: unknown argument \"devcie\" of pci_cfg_read; did you mean \"dev\"?\n"},
           Case{Metric("event: pci_cfg_read, labels: {a: {template: buss, where: {bus: {max: low}}}}"),
                "x.yaml:2:78: unknown argument \"buss\" of pci_cfg_read; did you mean \"bus\"?\n"
                "x.yaml:2:103: \"low\" is not a number; min and max need numbers\n"},
           Case{"spans: {s: {start: virtqueue_pop, end: virtqueue_fill, key: vq}}\nmetrics:\n- {name: x, type: gauge, "
                "event: s, value: in_flight, labels: {a: {template: vq, where: {len: 1}}}}\n",
                "x.yaml:3:89: argument \"len\" is not known while a span s is open; in_flight takes arguments of its "
                "start alone\n"},
           Case{"lookups: {n: {event: virtqueue_fil, key: vq, value: elem}}",
                "x.yaml:1:22: unknown event \"virtqueue_fil\"; did you mean \"virtqueue_fill\"?\n"},
           Case{"lookups: {n: {event: virtqueue_pop, key: v, value: elm}}",
                "x.yaml:1:42: unknown argument \"v\" of virtqueue_pop; did you mean \"vq\"?\n"
                "x.yaml:1:52: unknown argument \"elm\" of virtqueue_pop; did you mean \"elem\"?\n"},
           Case{"lookups: {n: {event: keystroke, key: code, value: code}}",
                "x.yaml:1:22: \"keystroke\" is a derived event; lookups and spans take QEMU's own events\n"},
           Case{"spans: {s: {start: virtqueue_pop, end: virtqueue_fill, key: [vq, len]}}",
                "x.yaml:1:66: unknown argument \"len\" of virtqueue_pop; it has vq, elem\n"},
           Case{"spans: {bmdma_reset: {start: virtqueue_pop, end: virtqueue_fill, key: vq}}",
                "x.yaml:1:9: span \"bmdma_reset\" has the name of an event; choose another\n"},
           Case{"lookups: {n: {names: {2: a, 0x2: b}}}", "x.yaml:1:29: \"0x2\" has a name already in lookup \"n\"\n"},
           Case{"spans: {s: {start: virtqueue_pop, end: virtqueue_fill, key: vq}}\n" +
                    Metric("event: s, value: duratoin"),
                "x.yaml:3:51: unknown argument \"duratoin\" of s; did you mean \"duration\"?\n"},
       }) {
    CAPTURE(c.yaml);
    CHECK(Errors(c.yaml) == c.want);
  }
}

TEST_CASE("A metric's definition is the same as long as it means the same") {
  const std::string joins =
      "lookups: {name: {event: pci_cfg_write, key: dev, value: offs}, few: {names: {1: one, 2: two}}}\n"
      "spans: {element: {start: virtqueue_pop, end: virtqueue_fill, key: [vq, elem]}}\n";
  auto definition = [](const std::string& yaml) {
    rules::Compiled compiled = Compile(yaml);
    REQUIRE(compiled.program != nullptr);
    return compiled.program->families.at(0).definition;
  };
  auto metric = [&](const std::string& rest) { return definition(joins + Metric(rest)); };
  auto differs = [&](const std::string& from, const std::string& to, const std::string& rest) {
    std::string yaml = joins + Metric(rest);
    size_t at = yaml.find(from);
    REQUIRE(at != std::string::npos);
    const std::string before = definition(yaml);
    return definition(yaml.replace(at, from.size(), to)) != before;
  };
  const std::string plain =
      "event: [pci_cfg_read, pci_cfg_write], where: {dev: [a, b], slot: {min: 1, max: 4}}, value: slot, scale: 2, "
      "labels: {x: dev, y: \"{dev}:{slot}\"}";
  const std::string looked_up =
      "event: pci_cfg_read, labels: {x: {lookup: name, key: dev}, y: {lookup: few, key: slot}}";
  const std::string conditional = "event: pci_cfg_read, labels: {x: {template: dev, where: {slot: 1, dev: a}}}";
  const std::string span = "event: element, value: duration, labels: {x: vq}";
  struct Change {
    std::string from, to, of;
    bool is_new = true;
  };
  for (const Change& c : {
           Change{"[pci_cfg_read, pci_cfg_write]", "[pci_cfg_write, pci_cfg_read]", plain, false},
           Change{"{dev: [a, b], slot: {min: 1, max: 4}}", "{slot: {max: 4, min: 1}, dev: [b, a]}", plain, false},
           Change{"x: dev, y: \"{dev}:{slot}\"", "y: \"{dev}:{slot}\", x: dev", plain, false},
           Change{"value: slot, scale: 2", "scale: 2.0, value: slot", plain, false},
           Change{"value: slot", "help: Other words., value: slot", plain, false},
           Change{", pci_cfg_write]", "]", plain},
           Change{"[a, b]", "[a, b, c]", plain},
           Change{"[a, b]", "{not: [a, b]}", plain},
           Change{"min: 1", "min: 2", plain},
           Change{"value: slot, ", "", plain},
           Change{"value: slot", "value: bus", plain},
           Change{"scale: 2", "scale: 3", plain},
           Change{"{dev}:{slot}", "{dev}-{slot}", plain},
           Change{"x: dev", "x: [dev, slot]", plain},
           Change{"x: dev", "x: {template: dev}", plain, false},
           Change{"x: dev", "x: {template: dev, where: {slot: 1}}", plain},
           Change{"slot: 1", "slot: 2", conditional},
           Change{"where: {slot: 1, dev: a}", "where: {dev: a, slot: 1}", conditional, false},
           Change{"value: offs", "value: dev", looked_up},
           Change{"1: one", "1: eins", looked_up},
           Change{"{1: one, 2: two}", "{2: two, 1: one}", looked_up, false},
           Change{"key: slot}", "key: bus}", looked_up},
           Change{"key: [vq, elem]", "timeout: 10m, key: [elem, vq]", span, false},
           Change{"key: [vq, elem]", "key: [vq, elem], timeout: 5m", span},
           Change{"key: [vq, elem]", "key: elem", span},
           Change{"end: virtqueue_fill", "end: [virtqueue_fill, virtqueue_pop]", span},
           // Parts that this metric does not use make no difference.
           Change{"value: offs", "value: dev", plain, false},
           Change{"key: [vq, elem]", "key: elem", looked_up, false},
       }) {
    INFO(c.from << " -> " << c.to << " of " << c.of);
    CHECK(differs(c.from, c.to, c.of) == c.is_new);
  }
  CHECK(metric("match: \"a(?P<x>.)\", labels: {x: x}") != metric("match: \"b(?P<x>.)\", labels: {x: x}"));
  CHECK(metric("event: \"pci_*\"") != metric("event: [pci_cfg_read, pci_cfg_write]"));
}

TEST_CASE("What is there compiles") {
  for (const std::string& yaml :
       {std::string("metrics: []"),
        Metric("event: pci_cfg_read, labels: {a: devid, b: [\"{bus}:{slot}\", \"{devid}\"]}"), Metric("event: \"*\""),
        Metric("event: [pci_cfg_read, pci_cfg_write], where: {offs: 1}"),
        Metric("event: keystroke, labels: {k: keyboard}"), Metric("event: dma_request, value: bytes"),
        "spans: {s: {start: virtqueue_pop, end: virtqueue_fill, key: [vq, elem]}}\n" +
            Metric("event: s, value: duration, labels: {q: vq, n: len}"),
        "lookups: {n: {names: {1: a, b: c}}}\n" + Metric("event: pci_cfg_read, labels: {b: {lookup: n, key: bus}}")}) {
    CAPTURE(yaml);
    CHECK(Errors(yaml).empty());
  }
}

TEST_CASE("Only events that something uses are read, and only arguments that something needs") {
  rules::Compiled compiled = Compile("spans: {s: {start: virtqueue_pop, end: virtqueue_fill, key: [vq, elem]}}\n" +
                                     Metric("event: pci_cfg_read, labels: {device: dev}"));
  REQUIRE(compiled.program != nullptr);
  const rules::Program& program = *compiled.program;
  CHECK(program.NeededEvents() == std::vector<std::string>{"pci_cfg_read", "virtqueue_fill", "virtqueue_pop"});
  CHECK(program.NeedsTime());
  const rules::EventPlan& plan = program.plans[program.plan_of[program.names.Find("pci_cfg_read")]];
  CHECK(plan.slot_names == std::vector<std::string>{"dev"});
  CHECK(plan.readers.size() == 2);
  CHECK(program.plan_of[program.names.Find("bmdma_reset")] == rules::kNone);
}

TEST_CASE("What a label shows under conditions makes a series only while they hold") {
  rules::Compiled compiled =
      Compile(Metric("event: [pci_cfg_read, pci_cfg_write], labels: "
                     "{a: {template: \"{bus}:{slot}:{dev}\", where: {slot: {min: 1}}}, d: dev}"));
  REQUIRE(compiled.program != nullptr);
  const rules::Program& program = *compiled.program;
  auto labels_of = [&](std::string_view event) {
    return program.label_sets[program.plans[program.plan_of[program.names.Find(event)]].rules.at(0).label_set];
  };
  const rules::LabelSetPlan read = labels_of("pci_cfg_read");
  const std::vector<std::string>& names = program.plans[program.plan_of[program.names.Find("pci_cfg_read")]].slot_names;
  auto named = [&](const std::vector<rules::Slot>& slots) {
    std::set<std::string> set;
    for (rules::Slot slot : slots) set.insert(names.at(slot));
    return set;
  };
  CHECK(named(read.inputs) == std::set<std::string>{"bus", "dev", "slot"});
  CHECK(read.labels.at(0).where.size() == 1);
  // pci_cfg_write has no slot, so the condition never holds.
  const rules::LabelSetPlan write = labels_of("pci_cfg_write");
  CHECK(write.inputs.size() == 1);
  CHECK(write.labels.at(0) == rules::LabelPlan{});
}

TEST_CASE("An event of several that lacks what a rule needs is left alone") {
  rules::Compiled compiled = Compile(Metric("event: \"*\", value: len"));
  REQUIRE(compiled.program != nullptr);
  CHECK(compiled.program->NeededEvents() == std::vector<std::string>{"virtqueue_fill"});
}

TEST_CASE("Events are switched on so that what ends a request comes before what begins it") {
  rules::Compiled compiled =
      Compile("spans: {s: {start: virtqueue_pop, end: virtqueue_fill, key: [vq, elem]}}\n" +
              Metric("event: s, value: duration") + "- {name: r_total, type: counter, help: h, event: pci_cfg_read}\n");
  REQUIRE(compiled.program != nullptr);
  rules::EventOrder order = compiled.program->OrderOfNeededEvents();
  CHECK(order.naming.empty());
  CHECK(order.rest == std::vector<std::string>{"pci_cfg_read", "virtqueue_fill", "virtqueue_pop"});
}
