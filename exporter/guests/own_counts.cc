#include "guests/own_counts.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

namespace qte::guests {
namespace {

using metrics::PlainFamily;
using metrics::Type;
using nlohmann::json;

using ByName = std::map<std::string, uint64_t>;

std::string Own(const char* name) {
  return std::string("qemu_trace_exporter_") + name;
}

PlainFamily Single(const char* name, std::string help, Type type, uint64_t value) {
  return {Own(name), std::move(help), type, {{{}, static_cast<double>(value)}}};
}

PlainFamily CountersBy(const char* label, const char* name, std::string help, const ByName& counts) {
  PlainFamily family{Own(name), std::move(help), Type::kCounter, {}};
  for (const auto& [value, count] : counts) family.series.push_back({{{label, value}}, static_cast<double>(count)});
  return family;
}

void AddUp(std::vector<uint64_t>& sums, const std::vector<uint64_t>& counts) {
  sums.resize(std::max(sums.size(), counts.size()));
  for (size_t i = 0; i < counts.size(); ++i) sums[i] += counts[i];
}

uint64_t At(const std::vector<uint64_t>& counts, size_t index) {
  return index < counts.size() ? counts[index] : 0;
}

ByName UnparsedByName(const UnparsedCounts& counts) {
  ByName by_name;
  for (size_t i = 0; i < kUnparsedReasons; ++i) {
    by_name[std::string(NameOf(static_cast<Unparsed>(i)))] = counts[i];
  }
  return by_name;
}

ByName OverflowedByName(const OwnCounts& counts, const Common& common) {
  ByName by_name;
  for (size_t i = 0; i < common.kinds->size(); ++i) {
    by_name[(*common.kinds)[i]->spec.name] = At(counts.overflowed, i);
  }
  return by_name;
}

// Of all joins, or of those that open requests alone. Two decoders may have parts of one name.
ByName JoinsByName(const std::vector<uint64_t>& counts, const Common& common, bool (*is_shown)(const Join&)) {
  ByName by_name;
  for (size_t i = 0; i < common.joins.size(); ++i) {
    if (is_shown(common.joins[i])) by_name[common.joins[i].name] += At(counts, i);
  }
  return by_name;
}

bool Opens(const Join& join) {
  return join.opens;
}
bool Learns(const Join& join) {
  return join.kind != Join::Kind::kSpan;
}

// The reverse of NotZero(JoinsByName(...)): the first join of a name gets its count.
std::vector<uint64_t> JoinsFromJson(const json& from, const Common& common, bool (*is_shown)(const Join&)) {
  std::vector<uint64_t> counts(common.joins.size());
  for (const auto& [name, count] : from.items()) {
    for (size_t i = 0; i < counts.size(); ++i) {
      if (common.joins[i].name != name || !is_shown(common.joins[i])) continue;
      counts[i] = count.get<uint64_t>();
      break;
    }
  }
  return counts;
}

ByName NotZero(ByName counts) {
  std::erase_if(counts, [](const auto& entry) { return entry.second == 0; });
  return counts;
}

}  // namespace

std::string_view NameOf(Unparsed reason) {
  switch (reason) {
    case Unparsed::kNotAnEvent:
      return "not_an_event";
    case Unparsed::kUndeclaredEvent:
      return "undeclared_event";
    case Unparsed::kFormatMismatch:
      return "format_mismatch";
    case Unparsed::kLineTooLong:
      return "line_too_long";
    case Unparsed::kPartialLine:
      return "partial_line";
    case Unparsed::kNegativeValue:
      return "negative_value";
    case Unparsed::kNotANumber:
      return "not_a_number";
  }
  return "";
}

json UnparsedToJson(const UnparsedCounts& counts) {
  return NotZero(UnparsedByName(counts));
}

UnparsedCounts UnparsedFromJson(const json& from) {
  UnparsedCounts counts;
  for (size_t i = 0; i < kUnparsedReasons; ++i) {
    counts[i] = from.value(std::string(NameOf(static_cast<Unparsed>(i))), uint64_t{0});
  }
  return counts;
}

void JoinCounts::Add(const JoinCounts& other) {
  AddUp(open, other.open);
  AddUp(abandoned, other.abandoned);
  AddUp(forgotten, other.forgotten);
}

void OwnCounts::Add(const OwnCounts& other) {
  lines += other.lines;
  bytes += other.bytes;
  series += other.series;
  expired += other.expired;
  for (size_t i = 0; i < kUnparsedReasons; ++i) unparsed[i] += other.unparsed[i];
  AddUp(overflowed, other.overflowed);
  overflowed_events += other.overflowed_events;
  lost_events += other.lost_events;
  joins.Add(other.joins);
  last_event_us = std::max(last_event_us, other.last_event_us);
}

std::vector<PlainFamily> ToFamilies(const OwnCounts& counts, const Common& common) {
  std::vector<PlainFamily> families;
  families.push_back(Single("lines_total", "Total number of lines read.", Type::kCounter, counts.lines));
  families.push_back(Single("read_bytes_total", "Total number of bytes read.", Type::kCounter, counts.bytes));
  families.push_back(Single("series", "Number of series of all configured metrics.", Type::kGauge, counts.series));
  families.push_back(Single("series_expired_total", "Total number of series removed after expire_after without a line.",
                            Type::kCounter, counts.expired));
  families.push_back(CountersBy("reason", "unparsed_lines_total", "Total number of lines that no rule could use.",
                                UnparsedByName(counts.unparsed)));
  ByName overflowed = OverflowedByName(counts, common);
  overflowed["qemu_trace_events_total"] = counts.overflowed_events;
  families.push_back(CountersBy("metric", "series_overflow_total",
                                "Total number of updates that a series limit folded into the series labelled _other_.",
                                overflowed));
  families.push_back(CountersBy("span", "open_spans", "Number of requests that have started and not yet ended.",
                                JoinsByName(counts.joins.open, common, Opens)));
  families.back().type = Type::kGauge;
  families.push_back(CountersBy("span", "spans_abandoned_total", "Total number of requests dropped without an end.",
                                JoinsByName(counts.joins.abandoned, common, Opens)));
  families.push_back(CountersBy("lookup", "lookups_forgotten_total",
                                "Total number of learned names that lookups and decoders dropped to make room.",
                                JoinsByName(counts.joins.forgotten, common, Learns)));
  if (counts.last_event_us) {
    PlainFamily last =
        Single("last_event_timestamp_seconds", "Timestamp of the most recent trace event.", Type::kGauge, 0);
    last.series[0].value = static_cast<double>(*counts.last_event_us) / 1e6;
    families.push_back(std::move(last));
  }
  return families;
}

json ToJson(const OwnCounts& counts, const Common& common) {
  return {{"lines", counts.lines},
          {"bytes", counts.bytes},
          {"expired", counts.expired},
          {"unparsed", UnparsedToJson(counts.unparsed)},
          {"overflowed", NotZero(OverflowedByName(counts, common))},
          {"overflowed_events", counts.overflowed_events},
          {"lost_events", counts.lost_events},
          {"abandoned", NotZero(JoinsByName(counts.joins.abandoned, common, Opens))},
          {"forgotten", NotZero(JoinsByName(counts.joins.forgotten, common, Learns))},
          {"last_event_us", counts.last_event_us ? json(*counts.last_event_us) : json()}};
}

OwnCounts OwnCountsFromJson(const json& from, const Common& common) {
  OwnCounts counts;
  from.at("lines").get_to(counts.lines);
  from.at("bytes").get_to(counts.bytes);
  from.at("expired").get_to(counts.expired);
  counts.unparsed = UnparsedFromJson(from.at("unparsed"));
  for (const auto& kind : *common.kinds) {
    counts.overflowed.push_back(from.at("overflowed").value(kind->spec.name, uint64_t{0}));
  }
  from.at("overflowed_events").get_to(counts.overflowed_events);
  counts.lost_events = from.value("lost_events", uint64_t{0});  // older checkpoints have none
  counts.joins.abandoned = JoinsFromJson(from.at("abandoned"), common, Opens);
  counts.joins.forgotten = JoinsFromJson(from.at("forgotten"), common, Learns);
  if (const json& last = from.at("last_event_us"); !last.is_null()) counts.last_event_us = last.get<int64_t>();
  return counts;
}

}  // namespace qte::guests
