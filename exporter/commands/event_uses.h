// Which metrics an event feeds, by itself or by what is derived from it.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "rules/program.h"

namespace qte::commands {

// The names of the metrics that an event of QEMU moves or names things for: by rules, spans, decoders and lookups.
// Empty if nothing uses it.
std::set<std::string> MetricsFedBy(const rules::Program& program, std::string_view event);

}  // namespace qte::commands
