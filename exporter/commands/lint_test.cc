#include "commands/lint.h"

#include "catch.h"

namespace qte::commands {
namespace {

constexpr std::string_view kEvents =
    "dma_blk_io(void *dbs, void *bs, int64_t offset, bool to_dev) \"dbs=%p bs=%p offset=%\" PRId64 \" to_dev=%d\"\n"
    "pci_cfg_read(const char *dev, uint32_t bus, uint32_t slot, uint32_t func, unsigned offs, unsigned val) "
    "\"%s %02x:%02x.%x @0x%x -> 0x%x\"\n"
    "irq_set(uint8_t irq, uint8_t cpu, uint8_t level) \"irq %d cpu %d level %d\"\n"
    "req_start(void *req, uint64_t bytes) \"req %p bytes %\" PRIu64\n"
    "req_end(void *req, int ret) \"req %p ret %d\"\n";

// "rule: first words of the message" of each finding, for a metric with these keys.
std::vector<std::string> Findings(const std::string& keys, const std::string& sections = {}) {
  trace::Catalog catalog;
  REQUIRE(catalog.Add(kEvents).empty());
  config::Loaded loaded = config::Parse(sections + "metrics: [{" + keys + "}]\n", "x.yaml");
  INFO(keys << (loaded.diagnostics.empty() ? "" : loaded.diagnostics.front().Format()));
  REQUIRE(loaded.config);
  std::vector<std::string> found;
  for (const LintFinding& finding : Lint(*loaded.config, catalog)) {
    CHECK(finding.place.line > 0);
    found.push_back(std::string(finding.rule) + ": " + finding.message.substr(0, finding.message.find(',')));
  }
  return found;
}

using Texts = std::vector<std::string>;

const std::string kCounter = "type: counter, help: H., event: pci_cfg_read";

}  // namespace

TEST_CASE("A metric that is in order has no findings") {
  CHECK(Findings("name: a_total, " + kCounter + ", labels: {device: dev, address: '{bus}:{slot}.{func}'}").empty());
}

TEST_CASE("A help text is missing") {
  CHECK(Findings("name: a_total, type: counter, event: irq_set") ==
        Texts{"missing-help: metric \"a_total\" has no \"help\"; describe what it counts"});
}

TEST_CASE("Names have base units") {
  const std::string histogram = ", type: histogram, help: H., event: req_start, value: bytes, buckets: [1]";
  CHECK(Findings("name: a_bytes" + histogram).empty());
  CHECK(Findings("name: a_size_bytes_read" + histogram).empty());
  CHECK(Findings("name: a_size" + histogram).size() == 1);
  CHECK(Findings("name: a_kb" + histogram).size() == 1);
  CHECK(Findings("name: a_size, scale: 8" + histogram).empty());  // whatever that is
  CHECK(Findings("name: a_ms_total, " + kCounter) ==
        Texts{"unit: metric \"a_ms_total\" has the unit \"ms\"; Prometheus' base unit is \"seconds\": rename it"});
  const std::string span = "spans: {req: {start: req_start, end: req_end, key: req}}\n";
  const std::string duration = ", type: histogram, help: H., event: req, value: duration, buckets: [1]";
  CHECK(Findings("name: a_seconds" + duration, span).empty());
  CHECK(Findings("name: a_latency" + duration, span) == Texts{"unit: metric \"a_latency\" shows \"duration\""});
}

TEST_CASE("Names are lower-case words, and leave the type out") {
  CHECK(Findings("name: readsOfPci_total, " + kCounter).size() == 1);
  CHECK(Findings("name: 'a:b_total', " + kCounter).size() == 1);
  CHECK(Findings("name: a_counter_total, " + kCounter).size() == 1);
}

TEST_CASE("Pointers make no labels") {
  const std::string metric = "name: a_total, type: counter, help: H., event: dma_blk_io, labels: ";
  CHECK(Findings(metric + "{bs: bs}") == Texts{"pointer-label: label \"bs\" shows the pointer \"bs\" (void *)"});
  CHECK(Findings(metric + "{to: to_dev}").empty());
  const std::string lookup = "lookups: {image: {event: req_start, key: req, value: bytes}}\n";
  CHECK(Findings(metric + "{image: {lookup: image, key: bs}}", lookup).empty());
  const std::string span = "spans: {req: {start: req_start, end: req_end, key: req}}\n";
  CHECK(Findings("name: a_total, type: counter, help: H., event: req, labels: {req: req}", span) ==
        Texts{"pointer-label: label \"req\" shows the pointer \"req\" (void *)"});
}

TEST_CASE("Labels that take any number of values") {
  const std::string metric = "name: a_total, type: counter, help: H., event: dma_blk_io, labels: {at: offset}";
  CHECK(Findings(metric) == Texts{"cardinality: label \"at\" shows \"offset\" (int64_t)"});
  CHECK(Findings(metric + ", where: {offset: [0, 512]}").empty());
  CHECK(Findings(metric + ", where: {offset: {min: 0, max: 9}}").empty());
  CHECK(Findings(metric + ", where: {offset: {min: 0}}").size() == 1);
}

TEST_CASE("Values of several labels multiply") {
  const std::string metric = "name: a_total, type: counter, help: H., event: irq_set, labels: ";
  CHECK(Findings(metric + "{irq: irq}").empty());
  CHECK(Findings(metric + "{irq: irq, cpu: cpu}") ==
        Texts{"cardinality: metric \"a_total\" may have 65"});  // "65,536 series a VM"
  CHECK(Findings(metric + "{irq: irq, cpu: cpu}", "limits: {max_series_per_metric: 10000}\n").empty());
  CHECK(Findings(metric + "{irq: irq, cpu: cpu}, where: {cpu: 0}").empty());
}

}  // namespace qte::commands
