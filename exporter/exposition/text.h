// A snapshot as text: Prometheus' format 0.0.4, and OpenMetrics 1.0.
//
// Families come sorted by name, series by labels; families of one name become one, those without series are left out.
// Label values are made valid UTF-8 (each bad byte becomes U+FFFD), and labels with an empty value are left out.
#pragma once

#include <string>

#include "metrics/snapshot.h"

namespace qte::exposition {

std::string ToText(const metrics::Snapshot& snapshot);

// A counter whose name does not end in "_total" is of the type "unknown", so that a series has one name in all formats.
// `with_created` adds when each counter and histogram began, as series that end in "_created".
std::string ToOpenMetrics(const metrics::Snapshot& snapshot, bool with_created = true);

}  // namespace qte::exposition
