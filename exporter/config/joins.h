// `lookups:` and `spans:`: what is joined out of several trace events.
#pragma once

#include <vector>

#include "config/fields.h"

namespace qte::config {

std::vector<Lookup> ReadLookups(const Field& field, Report& report);
std::vector<Span> ReadSpans(const Field& field, Report& report);

}  // namespace qte::config
