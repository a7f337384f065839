// The HTTP server's own metrics, which prometheus-cpp keeps, as a part of a scrape.
#pragma once

#include <prometheus/metric_family.h>

#include <vector>

#include "metrics/snapshot.h"

namespace qte::daemon {

void AppendHttpMetrics(const std::vector<prometheus::MetricFamily>& families, metrics::Snapshot& snapshot);

}  // namespace qte::daemon
