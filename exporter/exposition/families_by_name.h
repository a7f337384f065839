// Groups a snapshot by the names of metrics: families of several guests with one name become one family.
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

// Sorted by name. Families without series are omitted. The snapshot must outlive the result.
using FamiliesByName = std::map<std::string_view, NamedFamily>;

FamiliesByName ByName(const metrics::Snapshot& snapshot);

}  // namespace qte::exposition
