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
  out.push_back(std::move(overflow));

  if (last_stamp_.prefix.kind != trace::PrefixKind::kNone) {
    int64_t time_us = trace::ReadTime({last_stamp_.text.data(), last_stamp_.text.size()}, last_stamp_.prefix);
    out.push_back(Single("last_event_timestamp_seconds", "Time that the last event with a timestamp carried.",
                         Type::kGauge, static_cast<double>(time_us) / 1e6));
  }
}

// Spans of the config and of decoders, summed over all sources.
void Pipeline::AppendSpanMetrics(std::vector<PlainFamily>& out) const {
  struct Count {
    double open = 0;
    double abandoned = 0;
  };
  std::map<std::string, Count> spans;
  for (const rules::SpanPlan& span : program_->spans) spans[span.name];
  for (const rules::DecoderPlan& decoder : program_->decoders) {
    if (!decoder.kind->span.empty()) spans[std::string(decoder.kind->span)];
  }
  for (auto& [name, count] : spans) {
    auto before = abandoned_before_.find(name);
    if (before != abandoned_before_.end()) count.abandoned = static_cast<double>(before->second);
  }
  auto add = [&](const std::string& name, size_t open, uint64_t abandoned) {
    spans[name].open += static_cast<double>(open);
    spans[name].abandoned += static_cast<double>(abandoned);
  };
  for (const auto& [id, feed] : feeds_) {
    for (size_t i = 0; i < program_->spans.size(); ++i) {
      add(program_->spans[i].name, feed.stream->open_spans(i), feed.stream->abandoned_spans(i));
    }
    for (size_t i = 0; i < program_->decoders.size(); ++i) {
      std::string span(program_->decoders[i].kind->span);
      if (!span.empty()) add(span, feed.stream->decoder(i).open(), feed.stream->decoder(i).abandoned());
    }
  }
  PlainFamily open{"qemu_trace_exporter_open_spans", "Requests that have started and not yet ended.", Type::kGauge, {}};
  PlainFamily abandoned{
      "qemu_trace_exporter_spans_abandoned_total", "Requests dropped without an end.", Type::kCounter, {}};
  for (const auto& [name, count] : spans) {
    open.series.push_back({{{"span", name}}, count.open});
    abandoned.series.push_back({{{"span", name}}, count.abandoned});
  }
  out.push_back(std::move(open));
  out.push_back(std::move(abandoned));
}

}  // namespace qte::pipeline
