#include "daemon/source_metrics.h"

#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/utf8.h"
#include "trace/envelope.h"

namespace qte::daemon {
namespace {

using metrics::PlainFamily;
using metrics::Type;
using SharedLabels = std::shared_ptr<const metrics::Labels>;
using Report = guests::Guests::LogReport;

PlainFamily Family(const char* name, const char* help, Type type) {
  return {std::string("qemu_trace_exporter_source_") + name, help, type, {}};
}

// The newest stream of each label. During a rotation, two streams may have one path.
std::unordered_map<SharedLabels, const source::StreamStatus*> BySourceLabel(const std::vector<source::StreamStatus>& streams,
                                                                            SourceLabels& labels) {
  std::unordered_map<SharedLabels, const source::StreamStatus*> newest;
  for (const source::StreamStatus& stream : streams) {
    if (stream.refused) continue;  // no log
    auto [known, added] = newest.try_emplace(labels.Of(stream.path), &stream);
    if (!added && stream.id > known->second->id) known->second = &stream;
  }
  return newest;
}

// The label of the log and those of its VM. A label of the VM that is also named `source` is left out.
metrics::Labels InfoLabels(const metrics::Labels& of_log, const metrics::Labels& of_guest) {
  metrics::Labels labels = of_log;
  for (const auto& label : of_guest) {
    if (label.first != "source") labels.push_back(label);
  }
  return labels;
}

std::vector<std::string> EnvelopesOf(const Report& report) {
  std::vector<std::string> names;
  for (size_t i = 0; i < trace::kEnvelopes; ++i) {
    if ((report.envelopes >> i & 1) != 0) names.emplace_back(trace::NameOf(static_cast<trace::Envelope>(i)));
  }
  return names;
}

}  // namespace

uint64_t Lag(const source::StreamStatus& stream) {
  return stream.size > stream.offset ? stream.size - stream.offset : 0;
}

const SharedLabels& SourceLabels::Of(const std::string& path) {
  std::string label = path;
  MakeValidUtf8(label);
  if (auto known = by_source_.find(label); known != by_source_.end()) return known->second;
  SharedLabels labels = std::make_shared<const metrics::Labels>(metrics::Labels{{"source", std::move(label)}});
  const std::string& source = labels->front().second;
  return by_source_.emplace(source, std::move(labels)).first->second;
}

void AppendFileMetrics(const std::vector<source::StreamStatus>& streams, SourceLabels& labels, metrics::Snapshot& snapshot) {
  PlainFamily up = Family("up", "Whether the log is open and readable.", Type::kGauge);
  PlainFamily offset = Family("offset_bytes", "Read position in the log's current file, in bytes.", Type::kGauge);
  PlainFamily lag =
      Family("lag_bytes", "Number of bytes of the log's current file that are not read yet.", Type::kGauge);
  for (const auto& [label, stream] : BySourceLabel(streams, labels)) {
    up.series.emplace_back(label, stream->up ? 1.0 : 0.0);
    offset.series.emplace_back(label, static_cast<double>(stream->offset));
    lag.series.emplace_back(label, static_cast<double>(Lag(*stream)));
  }
  for (PlainFamily* each : {&up, &offset, &lag}) snapshot.plain.push_back(std::move(*each));
}

void RemoveRefused(const std::vector<source::StreamStatus>& streams, guests::Guests::LogReports& reports) {
  for (const source::StreamStatus& stream : streams) {
    if (stream.refused) reports.erase(stream.path);
  }
}

void AppendLogMetrics(const guests::Guests::LogReports& reports, SourceLabels& labels, metrics::Snapshot& snapshot) {
  PlainFamily info = Family("info", "The labels that the log gives to its series; the value is always 1.", Type::kGauge);
  PlainFamily lines = Family("lines_total", "Total number of lines read from the log.", Type::kCounter);
  PlainFamily unparsed =
      Family("unparsed_lines_total", "Total number of lines of the log that no rule could use.", Type::kCounter);
  PlainFamily last =
      Family("last_event_timestamp_seconds", "Timestamp of the most recent trace event of the log.", Type::kGauge);
  PlainFamily envelope = Family(
      "envelope_info", "What lines of the log are wrapped in, if they are; the value is always 1.", Type::kGauge);
  std::unordered_set<SharedLabels> told;
  for (const auto& [path, report] : reports) {
    const SharedLabels& of_log = labels.Of(path);
    if (!told.insert(of_log).second) continue;
    auto add_by = [&](PlainFamily& to, const char* name, std::string value, double count) {
      to.series.push_back({{of_log->front(), {name, std::move(value)}}, count});
    };
    info.series.push_back({InfoLabels(*of_log, *report.labels), 1});
    lines.series.emplace_back(of_log, static_cast<double>(report.counts.lines));
    for (size_t i = 0; i < guests::kUnparsedReasons; ++i) {
      const uint64_t count = report.counts.unparsed[i];
      if (count == 0) continue;
      add_by(unparsed, "reason", std::string(NameOf(static_cast<guests::Unparsed>(i))), static_cast<double>(count));
    }
    if (std::optional<int64_t> time = report.counts.LastEventTime()) {
      last.series.emplace_back(of_log, static_cast<double>(*time) / 1e6);
    }
    for (std::string& name : EnvelopesOf(report)) add_by(envelope, "envelope", std::move(name), 1);
  }
  for (PlainFamily* each : {&info, &lines, &unparsed, &last, &envelope}) snapshot.plain.push_back(std::move(*each));
}

void AppendLostEvents(const guests::Guests::LostList& lost, metrics::Snapshot& snapshot) {
  PlainFamily family{"qemu_trace_exporter_lost_events_total",
                     "Total number of trace events that bpftrace could not keep up with.",
                     Type::kCounter,
                     {}};
  for (const auto& [labels, events] : lost) family.series.emplace_back(labels, static_cast<double>(events));
  if (!family.series.empty()) snapshot.plain.push_back(std::move(family));
}

void AppendQemuUp(const guests::Guests::UpList& up, metrics::Snapshot& snapshot) {
  PlainFamily family{"qemu_trace_exporter_qemu_up",
                     "Whether QEMU may be running: 0 from when its end is known until another one begins.",
                     Type::kGauge,
                     {}};
  for (const auto& [labels, is_up] : up) family.series.emplace_back(labels, is_up ? 1.0 : 0.0);
  snapshot.plain.push_back(std::move(family));
}

nlohmann::json ToJson(const Report& report) {
  const guests::UnparsedCounts& unparsed = report.counts.unparsed;
  return {{"lines", report.counts.lines},
          {"unparsed_lines", std::accumulate(unparsed.begin(), unparsed.end(), uint64_t{0})},
          {"envelopes", EnvelopesOf(report)}};
}

}  // namespace qte::daemon
