// The exporter's own metrics that a pipeline can tell.
#include <map>

#include "pipeline/pipeline.h"
#include "trace/prefix.h"

namespace qte::pipeline {
namespace {

using metrics::PlainFamily;
using metrics::Type;

PlainFamily Single(std::string name, std::string help, Type type, double value) {
  return {"qemu_trace_exporter_" + std::move(name), std::move(help), type, {{{}, value}}};
}

}  // namespace

metrics::Snapshot Pipeline::TakeSnapshot() const {
  metrics::Snapshot snapshot;
  for (const metrics::Family& family : families_) snapshot.families.push_back(family.TakeSnapshot());
  snapshot.plain.push_back(event_counts_.ToFamily());
  AppendOwnMetrics(snapshot.plain);
  AppendSpanMetrics(snapshot.plain);
  return snapshot;
}

void Pipeline::AppendOwnMetrics(std::vector<PlainFamily>& out) const {
  auto number = [](uint64_t n) { return static_cast<double>(n); };
  out.push_back(Single("lines_total", "Lines read from all sources.", Type::kCounter, number(lines_)));
  out.push_back(Single("read_bytes_total", "Bytes read from all sources.", Type::kCounter, number(bytes_)));
  out.push_back(Single("series", "Series of all configured metrics.", Type::kGauge, number(series_count())));

  out.push_back(Single("series_expired_total", "Series removed because their source was silent for expire_after.",
                       Type::kCounter, number(expired_)));

  PlainFamily unparsed{
      "qemu_trace_exporter_unparsed_lines_total", "Lines that no rule could use, by reason.", Type::kCounter, {}};
  for (size_t i = 0; i < kUnparsedReasons; ++i) {
    std::string reason(NameOf(static_cast<Unparsed>(i)));
    unparsed.series.push_back({{{"reason", reason}}, number(unparsed_[i])});
  }
  out.push_back(std::move(unparsed));

  PlainFamily overflow{"qemu_trace_exporter_series_overflow_total",
                       "Label sets beyond max_series_per_metric, folded into the series labelled _other_.",
                       Type::kCounter,
                       {}};
  for (const metrics::Family& family : families_) {
    overflow.series.push_back({{{"metric", family.spec().name}}, number(family.overflowed())});
  }
  overflow.series.push_back({{{"metric", "qemu_trace_events_total"}}, number(event_counts_.overflowed())});
  out.push_back(std::move(overflow));

  if (last_stamp_.prefix.kind != trace::PrefixKind::kNone) {
    int64_t time_us = trace::ReadTime({last_stamp_.text.data(), last_stamp_.text.size()}, last_stamp_.prefix);
    out.push_back(Single("last_event_timestamp_seconds", "Time that the last event with a timestamp carried.",
                         Type::kGauge, static_cast<double>(time_us) / 1e6));
  }
}

// Of spans, lookups and decoders, summed over all sources.
void Pipeline::AppendSpanMetrics(std::vector<PlainFamily>& out) const {
  std::map<std::string, size_t> open;
  for (const rules::SpanPlan& span : program_->spans) open[span.name];
  for (const rules::DecoderPlan& decoder : program_->decoders) {
    if (!decoder.kind->span.empty()) open[std::string(decoder.kind->span)];
  }
  Losses losses;
  for (const auto& [span, count] : open) losses.abandoned[span];
  for (const rules::LookupPlan& lookup : program_->lookups) losses.forgotten[lookup.name];
  for (const rules::DecoderPlan& decoder : program_->decoders) losses.forgotten[std::string(decoder.kind->name)];
  losses.Add(losses_before_);
  for (const auto& [id, feed] : feeds_) {
    losses.Add(LossesOf(*feed.stream));
    for (size_t i = 0; i < program_->spans.size(); ++i) open[program_->spans[i].name] += feed.stream->open_spans(i);
    for (size_t i = 0; i < program_->decoders.size(); ++i) {
      std::string span(program_->decoders[i].kind->span);
      if (!span.empty()) open[span] += feed.stream->decoder(i).open();
    }
  }
  auto add = [&out](const char* name, const char* help, Type type, const char* label, const auto& counts) {
    PlainFamily family{std::string("qemu_trace_exporter_") + name, help, type, {}};
    for (const auto& [value, count] : counts) family.series.push_back({{{label, value}}, static_cast<double>(count)});
    out.push_back(std::move(family));
  };
  add("open_spans", "Requests that have started and not yet ended.", Type::kGauge, "span", open);
  add("spans_abandoned_total", "Requests dropped without an end.", Type::kCounter, "span", losses.abandoned);
  add("lookups_forgotten_total", "Names that lookups and decoders had learned and gave up to make room.",
      Type::kCounter, "lookup", losses.forgotten);
}

}  // namespace qte::pipeline
