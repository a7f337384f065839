#include "config/config.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <set>

#include "config/test_support.h"

namespace qte::config {
namespace {

// A file that is gone when the test is.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string_view text) {
    int fd = ::mkstemp(path_.data());
    REQUIRE(fd >= 0);
    ::close(fd);
    std::ofstream(path_, std::ios::binary) << text;
  }
  ~TemporaryFile() { ::unlink(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/qte_config_test_XXXXXX";
};

// One of everything that the schema has.
constexpr std::string_view kWholeSchema = R"(
sources:
  - path: /var/log/qemu/*.log          # file, glob, FIFO, or "-" for stdin
    path_pattern: '/(?P<vm>[^/]+)\.log$'   # RE2 on the path; named groups become labels of every series
    labels: {host: rack1}              # fixed labels
    start: beginning                   # or "end"; only for files older than the daemon
    reclaim: false                     # true: give consumed bytes back to the disk while QEMU goes on writing
trace_events: [/usr/share/qemu/trace-events-all]   # QEMU's own declarations; a bundled one is always there
lookups:                               # learn a name from one event, use it as a label in others
  image: {event: bdrv_open_common, key: bs, value: filename}
spans:                                 # a start and an end event joined by a key; makes a derived event
  virtqueue_element: {start: virtqueue_pop, end: virtqueue_fill, key: [vq, elem]}
metrics:
  - name: qemu_pci_config_reads_total
    type: counter                      # counter | gauge | histogram
    help: PCI configuration space reads.
    event: pci_cfg_read                # a name, a list, or a glob
    where: {val: {not: 0xffffffff}}    # value, list, {not: ...}, {min:, max:}; all must hold
    labels: {device: dev, address: "{bus}:{slot}.{func}"}   # an argument, or a template of arguments
  - name: qemu_example_bytes
    type: histogram
    event: blk_co_preadv
    value: bytes                       # numeric argument; a counter without `value` adds 1
    scale: 1
    buckets: {start: 512, factor: 2, count: 14}   # or a list
    labels: {device: {lookup: image, key: bs}}
  - name: qemu_guest_panics_total
    type: counter
    match: '^guest panicked: (?P<reason>\w+)'    # RE2 over any line's text, for what is not a trace event
    labels: {reason: reason}
  - name: qemu_virtqueue_element_duration_seconds
    type: histogram
    event: virtqueue_element           # the span above, used like any event
    value: duration                    # with the arguments of its start and its end
    buckets: {start: 0.000001, factor: 4, count: 14}
limits: {max_series_per_metric: 1000, max_line_bytes: 65536, max_open_spans: 65536}
)";

}  // namespace

TEST_CASE("The whole schema") {
  Config config = ParseGood(kWholeSchema);
  CHECK(config.file == "x.yaml");
  CHECK(config.sources.size() == 1);
  CHECK(config.trace_events.size() == 1);
  CHECK(config.lookups.size() == 1);
  CHECK(config.spans.size() == 1);
  REQUIRE(config.metrics.size() == 4);
  CHECK(config.metrics[1].bounds.size() == 14);
  CHECK(config.metrics[1].bounds.back() == 4194304);
  CHECK(config.metrics[2].match.has_value());
  CHECK(config.metrics[3].bounds.back() == 67.108864);
}

TEST_CASE("The hash is FNV-1a over the bytes") {
  CHECK(ParseGood("limits:").hash == "5199a1cb192f2ccd");
  CHECK(ParseGood("limits: # a").hash != ParseGood("limits: # b").hash);
}

TEST_CASE("A file is read like a text") {
  TemporaryFile file("limits: {max_line_bytes: 7}\n");
  Loaded loaded = Load({file.path()}, "");
  REQUIRE(loaded.config.has_value());
  CHECK(loaded.config->limits.max_line_bytes == 7);
  CHECK(loaded.config->file == file.path());
  TemporaryFile bad("limits: 7\n");
  loaded = Load({bad.path()}, "");
  CHECK(!loaded.config);
  REQUIRE(loaded.diagnostics.size() == 1);
  CHECK_THAT(loaded.diagnostics[0].Format(), ContainsSubstring(bad.path() + ":1:9: \"limits\" must be"));
}

TEST_CASE("A blank file and a config without any section are refused") {
  for (const char* yaml : {"", "\n", "  \n \r\n"}) CHECK(ErrorsOf(yaml) == "x.yaml:1:1: the file is empty");
  for (const char* yaml : {"# later\n", "---\n", "---\n# c\n...\n", "{}", "~", "null\n", "\xef\xbb\xbf"}) {
    INFO(yaml);
    CHECK(ErrorsOf(yaml) ==
          "x.yaml:1:1: the config is empty; write at least one section into it: sources, trace_events, lookups, spans, "
          "metrics or limits");
  }
  // One of several that is blank was not meant to be; comments are.
  CHECK(Parse({{"a.yaml", "# a"}, {"b.yaml", "# b"}}).diagnostics.size() == 1);
  CHECK(Parse({{"a.yaml", "sources: [{path: a}]"}, {"b.yaml", "# b"}}).diagnostics.empty());
  Loaded loaded = Parse({{"a.yaml", "sources: [{path: a}]"}, {"b.yaml", ""}});
  REQUIRE(loaded.diagnostics.size() == 1);
  CHECK(loaded.diagnostics[0].Format() == "b.yaml:1:1: the file is empty");
}

TEST_CASE("What is sound of a config with errors stays for later checks") {
  Loaded loaded = Parse({{"a.yaml", R"(
sources: [{pth: a}]
metrics:
  - {name: good_total, type: counter, event: a}
  - {name: bad_total, tpye: counter, event: a}
  - {name: good_total, type: counter, event: b}
  - {name: lookup_total, type: counter, event: a, labels: {x: {lookup: bad, key: y}}}
)"},
                         {"b.yaml", "lookups: {bad: {event: e}, good: {names: {1: one}}}"}});
  CHECK(!loaded.config);
  REQUIRE(loaded.sound.metrics.size() == 1);
  CHECK(loaded.sound.metrics[0].events[0].value == "a");
  REQUIRE(loaded.sound.lookups.size() == 1);
  CHECK(loaded.sound.lookups[0].name.value == "good");
  CHECK(!loaded.sound.has_all_names);
  CHECK(Parse("metrics: [{nmae: a}]", "x.yaml").sound.has_all_names);
  CHECK(!Parse("spnas: {}", "x.yaml").sound.has_all_names);
  CHECK(!Parse("metrics: [", "x.yaml").sound.has_all_names);
}

TEST_CASE("A file that cannot be read is a diagnostic") {
  struct Case {
    std::string path, want;
  };
  for (const Case& c :
       {Case{"/nonexistent/x.yaml", "/nonexistent/x.yaml: cannot open: No such file or directory"},
        Case{"/", "/: cannot read: Is a directory"}, Case{"/dev/zero", "/dev/zero: a config may hold at most 4 MiB"}}) {
    Loaded loaded = Load({c.path}, "");
    CHECK(!loaded.config);
    REQUIRE(loaded.diagnostics.size() == 1);
    CHECK(loaded.diagnostics[0].Format() == c.want);
  }
}

TEST_CASE("The default config is good and has the metrics that the README names") {
  Loaded loaded = Load({"config/default.yaml"}, "");
  for (const Diagnostic& diagnostic : loaded.diagnostics) FAIL_CHECK(diagnostic.Format());
  REQUIRE(loaded.config.has_value());
  std::set<std::string> names;
  for (const Metric& metric : loaded.config->metrics) {
    CAPTURE(metric.name.value);
    CHECK(metric.help != metric.name.value);
    names.insert(metric.name.value);
  }
  for (const char* name :
       {"qemu_keyboard_keystrokes_total", "qemu_keyboard_keycodes_total", "qemu_pci_config_reads_total",
        "qemu_pci_config_writes_total", "qemu_dma_reads_total", "qemu_dma_writes_total", "qemu_dma_read_bytes_total",
        "qemu_dma_written_bytes_total", "qemu_dma_read_size_bytes", "qemu_dma_write_size_bytes",
        "qemu_dma_read_duration_seconds", "qemu_dma_write_duration_seconds"}) {
    CAPTURE(name);
    CHECK(names.count(name) == 1);
  }
  REQUIRE(loaded.config->sources.size() == 1);
  CHECK(loaded.config->sources[0].path.value == "/var/log/qemu/*.log");
}

TEST_CASE("Many rules, and no more errors than a report keeps") {
  std::string yaml = "metrics:\n";
  for (int i = 0; i < 5000; ++i) {
    yaml += "- {name: m" + std::to_string(i) + "_total, type: counter, event: e, labels: {d: dev}}\n";
  }
  CHECK(ParseGood(yaml).metrics.size() == 5000);
  for (size_t at = 0; (at = yaml.find("event", at)) != std::string::npos;) yaml[at] = 'E';
  CHECK(Parse(yaml, "x").diagnostics.size() == 1001);
}

namespace {

std::string ErrorsOfFiles(const std::vector<File>& files) {
  std::string errors;
  for (const Diagnostic& diagnostic : Parse(files).diagnostics) {
    errors += (errors.empty() ? "" : "\n") + diagnostic.Format();
  }
  return errors;
}

}  // namespace

TEST_CASE("Files combine") {
  const std::vector<File> files = {
      {"a.yaml",
       "sources: [{path: a}]\nlookups: {image: {event: e, key: k, value: v}}\n"
       "metrics: [{name: x_total, type: counter, event: e}]\nlimits: {max_open_spans: 7}"},
      {"b.yaml",
       "sources: [{path: b}]\ntrace_events: t\nspans: {s: {start: e, end: f, key: k}}\n"
       "metrics: [{name: y_total, type: counter, event: s, labels: {device: {lookup: image, key: k}}}]\n"
       "limits: {max_line_bytes: 9, expire_after: 5m}"},
      {"empty.yaml", "# nothing\n"}};
  REQUIRE(ErrorsOfFiles(files) == "");
  Config config = *Parse(files).config;
  CHECK(config.file == "a.yaml, b.yaml, empty.yaml");
  CHECK(config.sources.size() == 2);
  CHECK(config.trace_events.at(0).place.file == "b.yaml");
  CHECK(config.lookups.size() == 1);
  CHECK(config.spans.size() == 1);
  CHECK(config.metrics.size() == 2);
  CHECK(config.limits.max_open_spans == 7);
  CHECK(config.limits.max_line_bytes == 9);
  CHECK(config.limits.max_lookup_entries == Limits().max_lookup_entries);
  CHECK(config.limits.expire_after == std::chrono::minutes(5));
}

TEST_CASE("What two files say differently is told with both places") {
  struct Case {
    std::string a, b, errors;
  };
  for (const Case& c : {
           Case{"metrics: [{name: x_total, type: counter, event: e}]",
                "\nmetrics: [{name: x_total, type: counter, event: f}]",
                "b.yaml:2:18: duplicate metric \"x_total\"; the first is in a.yaml:1"},
           Case{"metrics: [{name: x_sum, type: gauge, event: e, value: v}]",
                "metrics: [{name: x, type: histogram, event: e, value: v, buckets: [1]}]",
                "a.yaml:1:18: metric \"x_sum\" is part of histogram \"x\" in b.yaml:1; rename one of them"},
           Case{"lookups: {image: {event: e, key: k, value: v}}", "lookups: {image: {event: f, key: k, value: v}}",
                "b.yaml:1:11: duplicate lookup \"image\"; the first is in a.yaml:1"},
           Case{"spans: {s: {start: e, end: f, key: k}}", "spans: {s: {start: e, end: f, key: k}}",
                "b.yaml:1:9: duplicate span \"s\"; the first is in a.yaml:1"},
           Case{"sources: [{path: a}]", "sources: [{path: a}]",
                "b.yaml:1:18: path \"a\" is a source already, in a.yaml:1"},
           Case{"limits: {expire_after: 1m}", "limits: {max_line_bytes: 5, expire_after: 1m}",
                "b.yaml:1:29: limit \"expire_after\" is set already, in a.yaml:1"},
           Case{"sources: [{path: a, labels: {rack: r}}]",
                "metrics: [{name: x_total, type: counter, event: e, labels: {rack: k}}]",
                "b.yaml:1:61: label \"rack\" is given to every series by a source, in a.yaml:1; choose another name"},
           Case{"limits: {max_line_bytes: 0}", "sorces: []",
                "a.yaml:1:26: \"max_line_bytes\" must be a whole number from 1, not \"0\"\n"
                "b.yaml:1:1: unknown key \"sorces\" of a config; did you mean \"sources\"?"},
       }) {
    INFO(c.b);
    CHECK(ErrorsOfFiles({{"a.yaml", c.a}, {"b.yaml", c.b}}) == c.errors);
  }
}

}  // namespace qte::config
