// The meaning of a metric as one text. A series continues over a reload or a restart only if this text is unchanged.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "config/config.h"
#include "rules/vocabulary.h"

namespace qte::rules {

// Default for a span whose config sets none.
inline constexpr std::chrono::microseconds kDefaultSpanTimeout{600'000'000};

// The canonical text of a metric: its event or match, where, value, scale, buckets, labels, and the lookups, spans and
// decoders that it uses. The order of keys and the help text make no difference. `events` are the events that the
// metric's names and globs match.
std::string DefinitionOf(const config::Metric& metric, const config::Config& config,
                         const std::vector<EventBuilder*>& events);

}  // namespace qte::rules
