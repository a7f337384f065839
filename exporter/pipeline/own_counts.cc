#include "pipeline/own_counts.h"

#include <algorithm>

namespace qte::pipeline {
namespace {

using metrics::PlainFamily;
using metrics::Type;

std::string Own(const char* name) {
  return std::string("qemu_trace_exporter_") + name;
}

PlainFamily Single(const char* name, std::string help, Type type, uint64_t value) {
  return {Own(name), std::move(help), type, {{{}, static_cast<double>(value)}}};
}

PlainFamily CountersBy(const char* label, const char* name, std::string help,
                       const std::map<std::string, uint64_t>& counts) {
  PlainFamily family{Own(name), std::move(help), Type::kCounter, {}};
  for (const auto& [value, count] : counts) family.series.push_back({{{label, value}}, static_cast<double>(count)});
  return family;
}

void AddUp(std::map<std::string, uint64_t>& sums, const std::map<std::string, uint64_t>& counts) {
  for (const auto& [name, count] : counts) sums[name] += count;
}

void TakeOff(std::map<std::string, uint64_t>& sums, const std::map<std::string, uint64_t>& counts) {
  for (const auto& [name, count] : counts) sums[name] -= std::min(sums[name], count);
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

void Losses::Add(const Losses& other) {
  AddUp(abandoned, other.abandoned);
  AddUp(forgotten, other.forgotten);
}

void Losses::Subtract(const Losses& other) {
  TakeOff(abandoned, other.abandoned);
  TakeOff(forgotten, other.forgotten);
}

void OwnCounts::Add(const OwnCounts& other) {
  lines += other.lines;
  bytes += other.bytes;
  series += other.series;
  expired += other.expired;
  for (size_t i = 0; i < kUnparsedReasons; ++i) unparsed[i] += other.unparsed[i];
  AddUp(overflowed, other.overflowed);
  AddUp(open_spans, other.open_spans);
  losses.Add(other.losses);
  last_event_us = std::max(last_event_us, other.last_event_us);
}

std::vector<PlainFamily> ToFamilies(const OwnCounts& counts) {
  std::map<std::string, uint64_t> unparsed;
  for (size_t i = 0; i < kUnparsedReasons; ++i) {
    unparsed[std::string(NameOf(static_cast<Unparsed>(i)))] = counts.unparsed[i];
  }
  std::vector<PlainFamily> families;
  families.push_back(Single("lines_total", "Lines read from all sources.", Type::kCounter, counts.lines));
  families.push_back(Single("read_bytes_total", "Bytes read from all sources.", Type::kCounter, counts.bytes));
  families.push_back(Single("series", "Series of all configured metrics.", Type::kGauge, counts.series));
  families.push_back(Single("series_expired_total", "Series removed because their source was silent for expire_after.",
                            Type::kCounter, counts.expired));
  families.push_back(
      CountersBy("reason", "unparsed_lines_total", "Lines that no rule could use, by reason.", unparsed));
  families.push_back(CountersBy("metric", "series_overflow_total",
                                "Label sets beyond max_series_per_metric, folded into the series labelled _other_.",
                                counts.overflowed));
  families.push_back(
      CountersBy("span", "open_spans", "Requests that have started and not yet ended.", counts.open_spans));
  families.back().type = Type::kGauge;
  families.push_back(
      CountersBy("span", "spans_abandoned_total", "Requests dropped without an end.", counts.losses.abandoned));
  families.push_back(CountersBy("lookup", "lookups_forgotten_total",
                                "Names that lookups and decoders had learned and gave up to make room.",
                                counts.losses.forgotten));
  if (counts.last_event_us) {
    PlainFamily last =
        Single("last_event_timestamp_seconds", "Time that the last event with a timestamp carried.", Type::kGauge, 0);
    last.series[0].value = static_cast<double>(*counts.last_event_us) / 1e6;
    families.push_back(std::move(last));
  }
  return families;
}

}  // namespace qte::pipeline
