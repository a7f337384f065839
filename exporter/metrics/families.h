// All families of one guest, each made when it is first used, so that many guests which use few of them stay small.
//
// Families are numbered as in the program's list. They share the guest's part of the limit over all guests.
#pragma once

#include <memory>
#include <vector>

#include "metrics/family.h"

namespace qte::metrics {

using FamilyKinds = std::vector<std::shared_ptr<const FamilyKind>>;

class Families {
 public:
  Families(std::shared_ptr<const FamilyKinds> kinds, Budget& budget)
      : kinds_(std::move(kinds)), share_(budget), families_(kinds_->size()) {}

  // One that has been made.
  Family& operator[](size_t index) { return *families_[index]; }
  Family& Make(size_t index) {
    std::unique_ptr<Family>& family = families_[index];
    if (family == nullptr) family = std::make_unique<Family>((*kinds_)[index], share_);
    return *family;
  }
  // Null for one that was not made yet.
  const Family* Find(size_t index) const { return families_[index].get(); }
  size_t size() const { return families_.size(); }

  // Calls visit(index, family) for each that has been made.
  template <class Visit>
  void ForEach(Visit&& visit) const {
    for (size_t i = 0; i < families_.size(); ++i) {
      if (families_[i] != nullptr) visit(i, *families_[i]);
    }
  }
  size_t series_count() const { return share_.held(); }
  void Clear() { families_ = std::vector<std::unique_ptr<Family>>(kinds_->size()); }
  // Another config: families of metrics that mean the same go on under their new number, the others go.
  void Use(std::shared_ptr<const FamilyKinds> kinds);

 private:
  std::shared_ptr<const FamilyKinds> kinds_;
  Share share_;  // outlives the families
  std::vector<std::unique_ptr<Family>> families_;
};

}  // namespace qte::metrics
