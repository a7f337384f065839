// Metrics with `match:`: a regex over a line's text stands for the event, its named groups for the arguments.
#pragma once

#include "config/fields.h"

namespace qte::config {

// Reports a regex that does not compile, labels and values that are none of its named groups, and `where`.
void CheckMatch(const Fields& fields, const Metric& metric, Report& report);

}  // namespace qte::config
