// What a metric means, as one text: a series may go on over a reload or a restart only if this is the same.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "config/config.h"
#include "rules/vocabulary.h"

namespace qte::rules {

// Of a span whose config gives none.
inline constexpr std::chrono::microseconds kDefaultSpanTimeout{600'000'000};

// The canonical text of a metric: its event or match, where, value, scale, buckets, labels, and the lookups, spans and
// decoders behind them. The order of keys and the help text make no difference. `events` are those that the metric's
// names and globs stand for.
std::string DefinitionOf(const config::Metric& metric, const config::Config& config,
                         const std::vector<EventBuilder*>& events);

}  // namespace qte::rules
