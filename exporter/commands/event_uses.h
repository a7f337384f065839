// Which metrics an event feeds, directly or through derived events.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "rules/program.h"

namespace qte::commands {

// Names of the metrics that depend on this QEMU event through rules, spans, decoders or lookups. Empty if nothing uses
// the event.
std::set<std::string> MetricsFedBy(const rules::Program& program, std::string_view event);

}  // namespace qte::commands
