#include "config/sources.h"

#include "config/test_support.h"

namespace qte::config {

TEST_CASE("Sources are read as the design writes them") {
  Config config = ParseGood(R"(
sources:
  - path: /var/log/qemu/*.log          # file, glob, FIFO, or "-" for stdin
    path_pattern: '/(?P<vm>[^/]+)\.log$'
    labels: {host: rack1, id: 010, empty: ""}
    start: end
    reclaim: false
  - path: "-"
trace_events: [/usr/share/qemu/trace-events-all]
)");
  REQUIRE(config.sources.size() == 2);
  const Source& source = config.sources[0];
  CHECK(source.path.value == "/var/log/qemu/*.log");
  CHECK(source.path.place.file == "x.yaml");
  CHECK(source.path.place.line == 3);
  CHECK(source.path.place.column == 11);
  CHECK(source.path_pattern->value == R"(/(?P<vm>[^/]+)\.log$)");
  REQUIRE(source.labels.size() == 3);
  CHECK(source.labels[0].first.value == "host");
  CHECK(source.labels[0].first.place.column == 14);
  CHECK(source.labels[0].second == "rack1");
  CHECK(source.labels[1].second == "010");
  CHECK(source.labels[2].second.empty());
  CHECK(source.start == Start::kEnd);
  CHECK(config.sources[1].path.value == "-");
  CHECK(config.sources[1].start == Start::kBeginning);
  CHECK(!config.sources[1].path_pattern);
  CHECK(Values(config.trace_events) == Strings{"/usr/share/qemu/trace-events-all"});
  CHECK(Values(ParseGood("trace_events: a").trace_events) == Strings{"a"});
}

TEST_CASE("What a source excludes is a glob or a list of them") {
  CHECK(Values(ParseGood("sources:\n- {path: a, exclude: '*.gz'}").sources[0].exclude) == Strings{"*.gz"});
  Config config = ParseGood("sources:\n- path: a\n  exclude: ['*.gz', /log/old/*]");
  CHECK(Values(config.sources[0].exclude) == Strings{"*.gz", "/log/old/*"});
  CHECK(ParseGood("sources:\n- path: a").sources[0].exclude.empty());
}

TEST_CASE("A QMP socket is a path, or a map with one") {
  Config config = ParseGood("sources:\n- {path: /log/*.log, qmp: '/run/{vm}.qmp'}\n- {path: a, qmp: /run/a.qmp}");
  CHECK(config.sources[0].qmp->socket.value == "/run/{vm}.qmp");
  CHECK(config.sources[0].qmp->drive_names);
  CHECK(!config.sources[0].qmp->switch_off_at_exit);
  CHECK(config.sources[1].qmp->socket.value == "/run/a.qmp");
  CHECK(!ParseGood("sources:\n- path: a").sources[0].qmp);
  Source source = ParseGood(R"(
sources:
- path: /log/*/*.log
  path_pattern: '/(?P<host>[^/]+)/(?P<guest>[^/]+)\.log$'
  labels: {rack: r1}
  qmp: {socket: '/run/{rack}/{host}/{guest}-{vm}', drive_names: false, switch_off_at_exit: true}
)")
                      .sources[0];
  CHECK(!source.qmp->drive_names);
  CHECK(source.qmp->switch_off_at_exit);
}

TEST_CASE("Bad QMP sockets") {
  std::string longest = "sources:\n- path: a\n  qmp: /" + std::string(107, 'x');
  CheckAll({
      {"sources:\n- path: a\n  qmp:",
       "x.yaml:3:3: \"qmp\" must be QEMU's QMP socket, as in /run/qemu/{vm}.qmp, not empty"},
      {"sources:\n- path: a\n  qmp: {drive_names: true}",
       "x.yaml:3:3: \"qmp\" needs \"socket\": QEMU's QMP socket, as in /run/qemu/{vm}.qmp"},
      {"sources:\n- path: a\n  qmp: {socket: b, drive_name: true}",
       "x.yaml:3:20: unknown key \"drive_name\" of \"qmp\"; did you mean \"drive_names\"?"},
      {"sources:\n- path: a\n  qmp: {socket: b, drive_names: no}",
       "x.yaml:3:33: \"drive_names\" must be true or false, not \"no\""},
      {"sources:\n- path: a\n  labels: {guest: b}\n  qmp: '/run/{gest}'",
       "x.yaml:4:8: \"qmp\" names no label of the source: \"gest\"; did you mean \"guest\"?"},
      {"sources:\n- path: a\n  qmp: '/run/{domain}'",
       "x.yaml:3:8: \"qmp\" names no label of the source: \"domain\"; this source has vm"},
      {"sources:\n- path: a\n  qmp: '/run/{vm'", "x.yaml:3:8: \"qmp\": \"{\" without \"}\"; a literal one is \"{{\""},
      {"sources:\n- path: /log/*.log\n  qmp: /run/a.qmp",
       "x.yaml:3:8: \"qmp\" is one socket for all logs of a glob; say which is whose by a label, as in "
       "/run/qemu/{vm}.qmp"},
      {longest, "x.yaml:3:8: \"qmp\" is longer than the path of a socket may be (107 bytes)"},
  });
}

TEST_CASE("Bad sources") {
  CheckAll({
      {"sources:\n- start: end",
       "x.yaml:2:3: a source needs \"path\": a file, a glob, a FIFO, or \"-\" for standard input"},
      {"sources:\n- path:", "x.yaml:2:3: \"path\" must be a path, not empty"},
      {"sources:\n- path: ''", "x.yaml:2:9: \"path\" must be a path, not \"\""},
      {"sources:\n- path: [a, b]", "x.yaml:2:3: \"path\" must be a path, not a list"},
      {"sources:\n- path: a\n  start: begining",
       "x.yaml:3:10: \"start\" must be beginning or end, not \"begining\"; did you mean \"beginning\"?"},
      {"sources:\n- path: a\n  exclude:", "x.yaml:3:3: \"exclude\" must be a glob or a list of globs, not empty"},
      {"sources:\n- path: a\n  exclude: {b: c}",
       "x.yaml:3:3: \"exclude\" must be a glob or a list of globs, not a map"},
      {"sources:\n- path: a\n  exclude: [b, [c]]",
       "x.yaml:3:16: \"exclude\" must be a glob or a list of globs, not a list"},
      {"sources:\n- path: '-'\n  exclude: b", "x.yaml:3:3: \"exclude\" goes by paths, and standard input has none"},
      {"sources:\n- path: a\n  start: 5", "x.yaml:3:10: \"start\" must be beginning or end, not \"5\""},
      {"sources:\n- path: a\n  start: {}", "x.yaml:3:3: \"start\" must be beginning or end, not an empty map"},
      {"sources:\n- path: a\n  reclaim: yes", "x.yaml:3:12: \"reclaim\" must be true or false, not \"yes\""},
      {"sources:\n- path: a\n  max_disk_bytes: 2000000",
       "x.yaml:3:3: \"max_disk_bytes\" does nothing without \"reclaim: true\""},
      {"sources:\n- path: a\n  reclaim: true\n  max_disk_bytes: 64M",
       "x.yaml:4:19: \"max_disk_bytes\" must be a number of bytes, 1048576 (1 MiB) or more, not \"64M\""},
      {"sources:\n- path: a\n  path_pattern: '(?P<vm>.*'", "x.yaml:3:17: bad regex: missing ): (?P<vm>.*"},
      {"sources:\n- path: a\n  path_pattern: '\\.log$'",
       "x.yaml:3:17: \"path_pattern\" has no named group (?P<vm>...), so it would label nothing"},
      {"sources:\n- path: a\n  path_pattern: '(?P<__x>a)'",
       "x.yaml:3:17: label \"__x\": names that begin with \"__\" are Prometheus' own"},
      {"sources:\n- path: a\n  labels: [a]",
       "x.yaml:3:3: \"labels\" must be a map of label names and texts, not a list"},
      {"sources:\n- path: a\n  labels: {a: [b]}", "x.yaml:3:12: \"a\" must be text, not a list"},
      {"sources:\n- path: a\n  labels: {a: }", "x.yaml:3:12: \"a\" must be text, not empty"},
      {"sources:\n- path: a\n  labels: {a-b: c}",
       "x.yaml:3:12: \"a-b\" is not a valid label name: it takes letters, digits and \"_\", no digit first"},
      {"sources:\n- path: a\n  labels: {event: c}",
       "x.yaml:3:12: label \"event\" is in qemu_trace_events_total already; choose another name"},
      {"sources:\n- path: a\n- path: b\n- path: a", "x.yaml:4:9: path \"a\" is a source already, in line 2"},
  });
}

TEST_CASE("A source of processes names QEMU's binary") {
  Source source = ParseGood(R"(
sources:
- usdt: /usr/libexec/qemu-kvm
  name_pattern: '^(?P<namespace>[^_]+)_(?P<vm>.+)$'
  labels: {node: n1, id: '{uuid}', full: '{namespace}/{name}'}
  qmp: '/run/{namespace}/{vm}.qmp'
)")
                      .sources[0];
  CHECK(source.usdt->value == "/usr/libexec/qemu-kvm");
  CHECK(source.path.value == "usdt:/usr/libexec/qemu-kvm");
  CHECK(source.name_pattern->value == "^(?P<namespace>[^_]+)_(?P<vm>.+)$");
  CHECK(source.labels.size() == 3);
  CHECK(source.qmp);
}

TEST_CASE("Bad sources of processes") {
  CheckAll({
      {"sources:\n- usdt: qemu-kvm", "x.yaml:2:9: \"usdt\" must be an absolute path"},
      {"sources:\n- usdt: /q\n  path: /log\n  start: end",
       "x.yaml:3:3: \"path\" does not go with \"usdt\"\nx.yaml:4:3: \"start\" does not go with \"usdt\""},
      {"sources:\n- usdt: /q\n  labels: {a: '{nam}'}",
       "x.yaml:3:12: label \"a\" uses what is not known: \"nam\"; did you mean \"name\"?"},
      {"sources:\n- usdt: /q\n  labels: {a: '{domain}'}",
       "x.yaml:3:12: label \"a\" uses what is not known: \"domain\"; a traced QEMU has name, uuid or pid"},
      {"sources:\n- usdt: /q\n  labels: {a: '{name'}",
       "x.yaml:3:12: label \"a\": \"{\" without \"}\"; a literal one is \"{{\""},
      {"sources:\n- usdt: /q\n  name_pattern: 'a(b)'",
       "x.yaml:3:17: \"name_pattern\" has no named group (?P<vm>...), so it would label nothing"},
      {"sources:\n- path: /q\n  name_pattern: '(?P<vm>.)'",
       "x.yaml:3:3: \"name_pattern\" goes with \"usdt\"; of a path it is \"path_pattern\""},
      {"sources:\n- usdt: /q\n  qmp: /run/a.qmp",
       "x.yaml:3:8: \"qmp\" is one socket for all logs of a glob; say which is whose by a label, as in "
       "/run/qemu/{vm}.qmp"},
  });
}

}  // namespace qte::config
