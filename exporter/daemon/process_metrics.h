// The standard process_* metrics, from /proc/self.
#pragma once

#include <vector>

#include "metrics/snapshot.h"

namespace qte::daemon {

std::vector<metrics::PlainFamily> ProcessMetrics();

}  // namespace qte::daemon
