// A family of a guest's own, with room enough: what tests of several folders share.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "metrics/family.h"

namespace qte::metrics {

inline std::shared_ptr<const Labels> Vm(const std::string& name) {
  return std::make_shared<const Labels>(Labels{{"vm", name}});
}

class FamilyForTest {
 public:
  explicit FamilyForTest(FamilySpec spec, size_t max_series = 100'000, size_t max_of_all = 1'000'000)
      : budget_(max_of_all), share_(budget_), family_(std::make_shared<const FamilyKind>(std::move(spec), max_series), share_) {}

  SeriesId Find(std::vector<std::string_view> values) { return family_.FindOrAdd(values); }
  FamilySnapshot Take(const std::string& vm = "v") const { return family_.TakeSnapshot(Vm(vm)); }
  FamilySnapshot Take(std::shared_ptr<const Labels> base) const { return family_.TakeSnapshot(std::move(base)); }
  Family* operator->() { return &family_; }
  Family& operator*() { return family_; }
  size_t held() const { return share_.held(); }

 private:
  Budget budget_;
  Share share_;
  Family family_;
};

}  // namespace qte::metrics
