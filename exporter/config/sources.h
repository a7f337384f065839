// `sources:` and `trace_events:`: which files are read, and what their series are labelled with.
#pragma once

#include <vector>

#include "config/fields.h"

namespace qte::config {

std::vector<Source> ReadSources(const Field& field, Report& report);
std::vector<Text> ReadTraceEvents(const Field& field, Report& report);

}  // namespace qte::config
