// The limits that hold for all pipelines of a process together. Each asks when it meets something new; what it knows
// already costs no line an atomic or a lock.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "metrics/budget.h"
#include "rules/program.h"
#include "trace/name_table.h"

namespace qte::pipeline {

// The names of undeclared events that are counted one by one: the first ones that any pipeline met.
class UndeclaredNames {
 public:
  explicit UndeclaredNames(size_t max) : max_(max), is_full_(max == 0) {}

  // True if the name is one of them, or has just become one.
  bool Admit(std::string_view name);

 private:
  const size_t max_;
  std::mutex mutex_;
  trace::NameTable names_;  // guarded by mutex_ until is_full_, constant from then on
  std::atomic<bool> is_full_;
};

struct SharedLimits {
  explicit SharedLimits(const rules::Program& program);

  std::vector<std::shared_ptr<metrics::Budget>> series;  // by family
  std::shared_ptr<metrics::Budget> label_sets;           // of sources, in counts by event
  std::shared_ptr<UndeclaredNames> undeclared;
};

}  // namespace qte::pipeline
