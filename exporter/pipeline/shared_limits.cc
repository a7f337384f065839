#include "pipeline/shared_limits.h"

namespace qte::pipeline {
namespace {

// Names of undeclared events that are counted one by one, as the metrics' reference says.
constexpr size_t kMaxUndeclaredEvents = 10'000;

}  // namespace

bool UndeclaredNames::Admit(std::string_view name) {
  if (!is_full_.load(std::memory_order_acquire)) {
    std::lock_guard lock(mutex_);
    if (names_.size() < max_) names_.Add(name);
    if (names_.size() == max_) is_full_.store(true, std::memory_order_release);
    return names_.Find(name) != trace::NameTable::kNone;
  }
  return names_.Find(name) != trace::NameTable::kNone;
}

SharedLimits::SharedLimits(const rules::Program& program)
    : label_sets(std::make_shared<metrics::Budget>(program.limits.max_series_per_metric)),
      undeclared(std::make_shared<UndeclaredNames>(kMaxUndeclaredEvents)) {
  for (size_t i = 0; i < program.families.size(); ++i) {
    series.push_back(std::make_shared<metrics::Budget>(program.limits.max_series_per_metric));
  }
}

}  // namespace qte::pipeline
