// Writes a snapshot in Prometheus' protobuf format: io.prometheus.client.MetricFamily messages, each preceded by its
// length (prometheus/client_model, metrics.proto).
#pragma once

#include <string>

#include "metrics/snapshot.h"

namespace qte::exposition {

// Families and series have the order, names and labels of ToText (text.h).
std::string ToProtobuf(const metrics::Snapshot& snapshot);

}  // namespace qte::exposition
