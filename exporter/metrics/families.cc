#include "metrics/families.h"

#include <string_view>
#include <unordered_map>
#include <utility>

namespace qte::metrics {

void Families::Use(std::shared_ptr<const FamilyKinds> kinds) {
  std::vector<std::unique_ptr<Family>> next(kinds->size());
  std::unordered_map<std::string_view, std::unique_ptr<Family>*> by_name;
  for (std::unique_ptr<Family>& family : families_) {
    if (family != nullptr) by_name.emplace(family->spec().name, &family);
  }
  for (size_t i = 0; i < kinds->size(); ++i) {
    const std::shared_ptr<const FamilyKind>& kind = (*kinds)[i];
    auto before = by_name.find(kind->spec.name);
    if (before == by_name.end() || !Compatible((*before->second)->spec(), kind->spec)) continue;
    std::unique_ptr<Family> family = std::move(*before->second);
    by_name.erase(before);
    if (family->spec().label_names == kind->spec.label_names) {
      family->Use(kind);
      next[i] = std::move(family);
    } else {  // the same labels in another order
      next[i] = std::make_unique<Family>(kind, share_);
      next[i]->Restore(family->TakeSnapshot(nullptr));
      next[i]->set_overflowed(family->overflowed());
    }
  }
  families_ = std::move(next);
  kinds_ = std::move(kinds);
}

}  // namespace qte::metrics
