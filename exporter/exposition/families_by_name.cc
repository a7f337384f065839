#include "exposition/families_by_name.h"

#include <cassert>
#include <utility>
#include <vector>

namespace qte::exposition {

FamiliesByName ByName(const metrics::Snapshot& snapshot) {
  FamiliesByName families;
  auto add = [&families](std::string_view name, std::string_view help, metrics::Type type, auto&& series) {
    if (series->at_end()) return;
    [[maybe_unused]] bool added = families.try_emplace(name, NamedFamily{help, type, std::move(series)}).second;
    assert(added);  // the config check rejects duplicate names and names of the exporter's own metrics
  };
  std::map<std::string_view, std::vector<const metrics::FamilySnapshot*>> guests;
  for (const metrics::FamilySnapshot& family : snapshot.families) guests[family.spec->name].push_back(&family);
  for (auto& [name, parts] : guests) {
    const metrics::FamilySpec& spec = *parts.front()->spec;
    add(spec.name, spec.help, spec.type, MakeCursor(std::move(parts)));
  }
  for (const metrics::CountsByName& counts : snapshot.counts) {
    add(counts.name, counts.help, metrics::Type::kCounter, MakeCursor(counts));
  }
  for (const metrics::PlainFamily& family : snapshot.plain) {
    add(family.name, family.help, family.type, MakeCursor(family));
  }
  return families;
}

}  // namespace qte::exposition
