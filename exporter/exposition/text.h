// Writes a snapshot as text: Prometheus' format 0.0.4, and OpenMetrics 1.0.
//
// Families are sorted by name, series by labels. Families with the same name are merged, and families without series
// are omitted. Label values become valid UTF-8 (each invalid byte becomes U+FFFD), and labels with an empty value are
// omitted.
#pragma once

#include <string>

#include "metrics/snapshot.h"

namespace qte::exposition {

std::string ToText(const metrics::Snapshot& snapshot);

// A counter whose name does not end in "_total" has the type "unknown", so that a series has the same name in all
// formats. `with_created` adds the creation time of each counter and histogram, as series that end in "_created".
std::string ToOpenMetrics(const metrics::Snapshot& snapshot, bool with_created = true);

}  // namespace qte::exposition
