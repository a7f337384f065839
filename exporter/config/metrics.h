// `metrics:`: the rules that turn events into series. What can be told of one rule by itself is checked here, what
// depends on the others in cross_checks.h.
#pragma once

#include <vector>

#include "config/fields.h"

namespace qte::config {

std::vector<Metric> ReadMetrics(const Field& field, Report& report);

}  // namespace qte::config
