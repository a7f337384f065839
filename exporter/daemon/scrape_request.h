// What a scrape asks for: a format, by its Accept header, and a part of the metrics, by its query.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "exposition/format.h"
#include "http/response.h"
#include "metrics/snapshot.h"

namespace qte::daemon {

struct ScrapeRequest {
  exposition::Format format = exposition::Format::kText;
  bool with_created = true;         // OpenMetrics: "created=false" leaves out the series that end in "_created"
  bool guests = true;               // "collect[]=guests": what the rules count, and events
  bool exporter = true;             // "collect[]=exporter": the exporter's own metrics
  std::set<std::string> vms = {};   // "vm=NAME": series of these alone; empty for all

  bool operator==(const ScrapeRequest&) const = default;
};

// The format that a client likes best; text where it names none of ours.
exposition::Format FormatFor(std::string_view accept);

// Parameters that are none of these are left alone.
Result<ScrapeRequest> ReadScrapeRequest(const http::Request& request);

// Requests of one text have one answer.
std::string KeyOf(const ScrapeRequest& request);

// Removes what was not asked for. The error says which VMs there are, where none of those that were asked for is there.
Status Select(const ScrapeRequest& request, metrics::Snapshot& snapshot);

std::string Serialize(const ScrapeRequest& request, const metrics::Snapshot& snapshot);

}  // namespace qte::daemon
