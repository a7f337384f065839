// A snapshot as Prometheus' protobuf format: io.prometheus.client.MetricFamily messages, each with its length before it
// (prometheus/client_model, metrics.proto).
#pragma once

#include <string>

#include "metrics/snapshot.h"

namespace qte::exposition {

// Families and series come in the order of ToText (text.h), with the same names and labels.
std::string ToProtobuf(const metrics::Snapshot& snapshot);

}  // namespace qte::exposition
