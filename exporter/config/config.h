// The configuration as plain structs, with the place of everything that can be wrong.
//
// config/ knows YAML and the schema: unknown keys, wrong types, duplicate names, regexes that do not compile, bounds
// that do not rise. What needs the trace events at hand (unknown events and arguments) is checked by rules/, which uses
// the places kept here.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace qte::config {

// A place in a file, counted from 1; line 0 where there is none.
struct Place {
  std::string file;
  int line = 0;
  int column = 0;
};

struct Diagnostic {
  Place place;
  std::string message;
  // "file:line:col: message", without what the place lacks.
  std::string Format() const;
};

template <class T>
struct Located {
  T value{};
  Place place;
};
using Text = Located<std::string>;

enum class Start { kBeginning, kEnd };

// A source's way to QEMU's own control socket.
struct Qmp {
  Text socket;                      // a template of the source's labels: /run/qemu/{vm}.qmp
  bool drive_names = true;          // ask for the names of disks that the log does not tell
  bool switch_off_at_exit = false;  // leave QEMU as it was found
};

// What labels of a traced QEMU are made of.
inline constexpr std::string_view kProcessArguments[] = {"name", "uuid", "pid"};

struct Source {
  Text path;                         // file, glob, FIFO, or "-"; with `usdt` a name for the source
  std::optional<Text> usdt;          // glob of QEMU's binaries: processes are traced by their probes
  std::vector<Text> exclude;         // globs: what matches one is not read
  std::optional<Text> path_pattern;  // RE2; named groups become labels
  std::optional<Text> name_pattern;  // the same of a traced QEMU's name
  std::vector<std::pair<Text, std::string>> labels;  // with `usdt` templates of kProcessArguments and those groups
  std::optional<std::string> envelope;  // what wraps the lines: one of trace/envelope.h; found out where it is not given
  Start start = Start::kBeginning;
  std::optional<Place> reclaim;  // where the config asks for it: what was consumed goes back to the disk
  uint64_t max_disk_bytes = uint64_t{64} << 20;  // with reclaim: what a log may take on disk
  std::optional<Qmp> qmp;                        // switch events on, and ask for names
};

// A name is learned from an event, or one of those that the config gives.
struct Lookup {
  Text name;
  Text event;
  std::vector<Text> key;
  Text value;
  std::vector<std::pair<Text, std::string>> names;  // instead of all but the name: by the value of one argument
  bool is_sound = true;                             // nothing in it is wrong

  size_t key_size() const { return names.empty() ? key.size() : 1; }
};

struct Span {
  Text name;
  std::vector<Text> start;  // events
  std::vector<Text> end;
  std::vector<Text> key;                             // arguments that start and end share
  std::optional<std::chrono::microseconds> timeout;  // an open span older than this is dropped
  bool is_sound = true;                              // nothing in it is wrong
};

// `where`: one argument's condition. A scalar is kept as it was written; rules/ compares it as a number when both sides
// are numbers.
struct Condition {
  enum class Kind { kAnyOf, kNoneOf, kRange };
  Text argument;
  Kind kind = Kind::kAnyOf;
  std::vector<Text> values;  // kAnyOf, kNoneOf
  std::optional<Text> min;   // kRange, inclusive
  std::optional<Text> max;   // kRange, inclusive
};

// Where a label's value comes from.
struct LabelValue {
  // Alternatives, the first whose arguments the event has wins: an argument's name, or a template "{bus}:{slot}".
  std::vector<Text> texts;
  // {template: TEXTS, where: CONDITIONS}: the label is empty unless all of these hold.
  std::vector<Condition> where;
  // {lookup: NAME, key: ARG or [ARGS]} instead.
  std::optional<Text> lookup;
  std::vector<Text> key;
};

struct Label {
  Text name;
  LabelValue value;
};

enum class MetricType { kCounter, kGauge, kHistogram };

// A histogram that is a native one of Prometheus, too.
struct NativeHistogram {
  int schema = 3;
  uint64_t max_buckets = 160;
  double zero_threshold = 0x1p-128;
  std::chrono::seconds reset_after{0};  // 0: never
};

struct Metric {
  Text name;
  MetricType type = MetricType::kCounter;
  std::string help;
  std::vector<Text> events;   // names or globs; empty when `match` is there
  std::optional<Text> match;  // RE2 over a line's text
  std::vector<Condition> where;
  std::vector<Label> labels;
  std::optional<Text> value;  // numeric argument
  double scale = 1;
  std::vector<double> bounds;  // histogram
  std::optional<NativeHistogram> native;
  Place place;                 // of the metric's map
  bool is_sound = true;        // nothing in it is wrong
};

inline constexpr uint64_t kMostWorkers = 64;

struct Limits {
  uint64_t max_series_per_metric = 1000;  // of one guest
  uint64_t max_series = 1'000'000;        // of all metrics and guests; a guest holds at most as many as it leaves free
  uint64_t max_line_bytes = 65536;
  uint64_t max_open_spans = 65536;
  uint64_t max_lookup_entries = 65536;
  std::optional<std::chrono::microseconds> expire_after;  // a guest's series, once it had no line for so long
  std::optional<uint64_t> workers;                        // threads that read at once, 1 to kMostWorkers
  std::map<std::string, Place, std::less<>> given;        // which of these the config sets, and where
};

struct Config {
  std::string file;  // as given, several with ", " between; "<default>" for the built-in one
  std::string hash;  // 16 hex digits over the bytes of all files
  std::vector<Source> sources;
  std::vector<Text> trace_events;
  std::vector<Lookup> lookups;
  std::vector<Span> spans;
  std::vector<Metric> metrics;
  Limits limits;
  bool has_all_names = true;  // false: a lookup or a span may be missing that the files meant to declare
};

// A config, or everything that is wrong with it (at least one diagnostic, in the order of the files).
struct Loaded {
  std::optional<Config> config;
  std::vector<Diagnostic> diagnostics;
  // With diagnostics: the parts without any. Later checks look at these, so that a user sees all errors at once.
  Config sound;
};

// A config file's text; `name` is what places call it.
struct File {
  std::string name;
  std::string yaml;
};

// Reads a config from files that combine: what each lists is there together. What two of them say differently, a name
// that both give or a limit that both set, is wrong, and the diagnostic tells both places. A blank file is wrong as
// well, and so are files without any section: editors and full disks leave such files, and a reload of them would drop
// every series. Never throws.
Loaded Parse(const std::vector<File>& files);
Loaded Parse(std::string_view yaml, const std::string& name);

// Reads config files; one that cannot be read is a diagnostic as well. kBuiltIn among the paths means `built_in`.
inline constexpr std::string_view kBuiltIn = "default";
Loaded Load(const std::vector<std::string>& paths, std::string_view built_in);

// In the order of `files` (the names that places have), then by line and column; what concerns a whole file comes last.
void SortByPlace(const std::vector<std::string>& files, std::vector<Diagnostic>& diagnostics);

}  // namespace qte::config
