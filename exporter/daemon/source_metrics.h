// The exporter's own metrics by source and by VM: what is followed, what has come of it, and whose it is.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "guests/guests.h"
#include "metrics/snapshot.h"
#include "source/source_set.h"

namespace qte::daemon {

// The label `source` of each log, made once for a scrape. Two paths with bytes that are not valid UTF-8 may become one
// label; Prometheus refuses a scrape in which a series occurs twice.
class SourceLabels {
 public:
  const std::shared_ptr<const metrics::Labels>& Of(const std::string& path);

 private:
  // Keys lie in the labels.
  std::unordered_map<std::string_view, std::shared_ptr<const metrics::Labels>> by_source_;
};

uint64_t Lag(const source::StreamStatus& stream);

// How files are read goes by where they stand, what came of them by the path at which they stood first. What is gone
// has no series. Only reasons and envelopes that a log has had have series.
void AppendFileMetrics(const std::vector<source::StreamStatus>& streams, SourceLabels& labels, metrics::Snapshot& snapshot);
void AppendLogMetrics(const guests::Guests::LogReports& reports, SourceLabels& labels, metrics::Snapshot& snapshot);
// Files that hold no text are not logs.
void RemoveRefused(const std::vector<source::StreamStatus>& streams, guests::Guests::LogReports& reports);
void AppendLostEvents(const guests::Guests::LostList& lost, metrics::Snapshot& snapshot);
void AppendQemuUp(const guests::Guests::UpList& up, metrics::Snapshot& snapshot);

// {"lines", "unparsed_lines", "envelopes": [name, ...]} for /api/v1/status.
nlohmann::json ToJson(const guests::Guests::LogReport& report);

}  // namespace qte::daemon
