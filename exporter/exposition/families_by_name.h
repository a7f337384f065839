// What a snapshot holds, by the names of metrics: what comes from several guests or places is one family.
#pragma once

#include <map>
#include <memory>
#include <string_view>

#include "exposition/series_cursor.h"
#include "metrics/snapshot.h"

namespace qte::exposition {

struct NamedFamily {
  std::string_view help;
  metrics::Type type = metrics::Type::kCounter;
  std::unique_ptr<SeriesCursor> series;  // at the first one
};

// By name. Families without series are left out. The snapshot has to outlive it.
using FamiliesByName = std::map<std::string_view, NamedFamily>;

FamiliesByName ByName(const metrics::Snapshot& snapshot);

}  // namespace qte::exposition
