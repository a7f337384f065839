// The keys of a config: which there are, what each takes, and what it means. The readers of this folder refuse all
// others, and `qemu-trace-exporter schema` prints these tables as a JSON Schema for editors, so both know the same.
//
// docs/reference/config.md has the same meanings; a test compares them.
#pragma once

#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "config/names.h"

namespace qte::config {

struct Key {
  std::string_view name;
  std::string_view type;     // a definition of commands/schema.cc: "text", "sources"; "choice" of `words`
  std::string_view meaning;  // Markdown
  std::span<const std::string_view> words = {};
};

// As trace/envelope.h has them; a test in guests/ compares the lists.
inline constexpr auto kEnvelopes = std::to_array<std::string_view>(
    {"none", "docker-json", "journal-json", "json", "cri", "timestamp", "name", "syslog", "stap", "ftrace", "qemu"});
inline constexpr auto kStarts = std::to_array<std::string_view>({"beginning", "end"});

inline constexpr auto kConfigKeys =
    std::to_array<Key>({{"sources", "sources", "which logs are read; `--trace.path` stands for all of them"},
                        {"trace_events", "texts", "QEMU's declarations of events beyond the built-in ones"},
                        {"lookups", "lookups", "names learned from one event, for labels of others"},
                        {"spans", "spans", "a start and an end joined by a key; makes an event"},
                        {"metrics", "metrics", "the rules"},
                        {"limits", "limits", "what bounds memory, and threads"}});

inline constexpr auto kSourceKeys = std::to_array<Key>(
    {{"path", "text",
      "a file, a glob, a FIFO, or `-` for standard input; files that appear later are followed as well"},
     {"usdt", "text", "QEMU's binary: its processes are traced by their probes instead of a log"},
     {"exclude", "texts", "what to leave out; without a slash it means the file's name, with one the whole path"},
     {"path_pattern", "text",
      "named groups `(?P<name>...)` become labels of every series; one called `vm` replaces the default below"},
     {"name_pattern", "text", "the same for the guest's name, with `usdt`"},
     {"labels", "fixed_labels", "fixed labels of every series, with `usdt` templates; none called `event`"},
     {"envelope", "choice", "what wraps each line of these logs; `none` reads every line as it stands", kEnvelopes},
     {"start", "choice",
      "where to begin in files that are older than the daemon; newer ones are read from their first byte", kStarts},
     {"reclaim", "switch",
      "give what was read back to the disk while QEMU goes on writing; needs `--state.path`; never through a symbolic "
      "link, nor where the file has more than one name"},
     {"max_disk_bytes", "disk_bytes", "what a log may take on the disk then; only with `reclaim: true`"},
     {"qmp", "qmp", "QEMU's QMP socket, by which events are switched on"}});

inline constexpr auto kQmpKeys = std::to_array<Key>(
    {{"socket", "text",
      "the socket's path, up to 107 bytes; `{vm}` and other labels of the source stand in braces. A glob needs at least "
      "one of them"},
     {"drive_names", "switch", "ask QEMU for names of disks that the log does not show"},
     {"switch_off_at_exit", "switch", "switch off at exit what was switched on"}});

inline constexpr auto kLookupKeys = std::to_array<Key>(
    {{"event", "text", "the event to learn from; one of QEMU's own, not a derived one"},
     {"key", "texts", "by what to find the name again"},
     {"value", "text", "the name; a later one of the same key replaces it"},
     {"names", "names",
      "instead of the other three: names of one argument's values; a value without one is shown as it is"}});

inline constexpr auto kSpanKeys =
    std::to_array<Key>({{"start", "texts", "what opens it"},
                        {"end", "texts", "what ends it"},
                        {"key", "texts", "what a start and its end share"},
                        {"timeout", "duration", "of the trace's own time; an older open one is dropped, and counted"}});

inline constexpr auto kMetricKeys = std::to_array<Key>(
    {{"name", "metric_name",
      "counters end in `_total`, others do not; none begins with `qemu_trace_exporter_` or `process_`, or is "
      "`qemu_trace_events_total`"},
     {"type", "choice", "as Prometheus knows it", kTypeNames},
     {"help", "text", "HELP of the exposition"},
     {"event", "texts", "what moves it; spans and derived events as well"},
     {"match", "text",
      "instead of `event`, for the text of any line, trace events included (without their prefix); named groups are "
      "its "
      "arguments"},
     {"where", "conditions", "all must hold; not with `match`"},
     {"labels", "labels", "beside those of the source"},
     {"value", "text",
      "what to add (counter), show (gauge) or observe (histogram); required for the latter two. `in_flight` is the "
      "number of a span's open ones, for gauges: labels and `where` by arguments of the start alone"},
     {"scale", "number", "a factor for the value: 512 turns sectors into bytes; not negative for a counter"},
     {"buckets", "buckets", "upper bounds; required for a histogram, and for nothing else"},
     {"native", "native", "`true` for a native histogram beside the buckets, for Prometheus servers that scrape these"}});

inline constexpr auto kLabelKeys =
    std::to_array<Key>({{"lookup", "text", "one of `lookups`"},
                        {"key", "texts", "by what to find the name; where there is none, its text"},
                        {"template", "texts", "the label's value if all conditions hold"},
                        {"where", "conditions", "if one of them does not hold, the label is empty; not with `match`"}});

inline constexpr auto kConditionKeys = std::to_array<Key>({{"not", "texts", "none of these; not with the others"},
                                                           {"min", "text", "at least this"},
                                                           {"max", "text", "at most this"}});

inline constexpr auto kBucketKeys = std::to_array<Key>(
    {{"start", "number", "the first bound; above 0 with `factor`"},
     {"factor", "number",
      "each bound is so many times the one before: `{start: 512, factor: 2, count: 14}` is 512 bytes to 4 MiB"},
     {"width", "number",
      "each bound is the one before and so much more: `{start: 10, width: 10, count: 3}` is 10, 20, 30"},
     {"count", "bucket_count", "how many bounds"}});

inline constexpr auto kNativeKeys = std::to_array<Key>(
    {{"schema", "native_schema", "resolution: each bucket is wider than the one before by the factor 2^(2^-schema)"},
     {"max_buckets", "native_buckets", "buckets that hold values; if more are needed, the schema is lowered by one"},
     {"zero_threshold", "number", "values up to this distance from 0 are counted together"},
     {"reset_after", "duration",
      "if more buckets are needed, a series that is so old begins anew at 0, and the schema stays"}});

// Those with a member of their own in limits.cc first, in its order.
inline constexpr auto kLimitKeys = std::to_array<Key>(
    {{"max_series_per_metric", "count",
      "series of one metric in one guest; what is over it folds into the guest's `_other_`"},
     {"max_series", "count",
      "series of all metrics and guests together; a guest may hold at most as many as it leaves free"},
     {"max_line_bytes", "count", "a longer line is skipped to its end and counted"},
     {"max_open_spans", "count",
      "open ones of one span in one QEMU process; beyond it the oldest is dropped and counted"},
     {"max_lookup_entries", "count",
      "names of one lookup in one QEMU process; beyond it the oldest is dropped and counted"},
     {"expire_after", "duration", "series of a guest that had no line for so long are removed"},
     {"workers", "workers", "threads that read when there is much to read"}});

inline std::vector<std::string_view> NamesOf(std::span<const Key> keys) {
  std::vector<std::string_view> names;
  for (const Key& key : keys) names.push_back(key.name);
  return names;
}

}  // namespace qte::config
