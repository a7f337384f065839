// The exporter's own metrics by source and by VM: what is followed, what has come of it, and whose it is.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "guests/guests.h"
#include "metrics/snapshot.h"
#include "source/source_set.h"

namespace qte::daemon {

uint64_t Lag(const source::StreamStatus& stream);

using LogReports = std::map<source::StreamId, guests::Guests::LogReport>;
LogReports ReportsOf(const std::vector<source::StreamStatus>& streams, const guests::Guests& guests);

// A log that is gone has no series. Of reasons and envelopes, those that it has had.
void AppendSourceMetrics(const std::vector<source::StreamStatus>& streams, const LogReports& reports,
                         metrics::Snapshot& snapshot);
void AppendQemuUp(const guests::Guests::UpList& up, metrics::Snapshot& snapshot);

// {"lines", "unparsed_lines", "envelopes": [name, ...]} for /api/v1/status.
nlohmann::json ToJson(const guests::Guests::LogReport& report);

}  // namespace qte::daemon
