#include "daemon/warnings.h"

#include <spdlog/spdlog.h>

#include <utility>

namespace qte::daemon {

void Warnings::Add(std::vector<Warning> warnings) {
  std::lock_guard lock(mutex_);
  for (Warning& warning : warnings) {
    if (added_.contains(warning)) continue;
    spdlog::warn("{}", warning.Line());
    if (added_.size() < kMost) added_.insert(std::move(warning));
  }
}

void Warnings::SetCurrent(const std::vector<Warning>& warnings) {
  std::lock_guard lock(mutex_);
  std::set<Warning> current;
  for (const Warning& warning : warnings) {
    if (current.size() == kMost) break;
    if (current.insert(warning).second && !current_.contains(warning)) spdlog::warn("{}", warning.Line());
  }
  current_ = std::move(current);
}

std::vector<Warning> Warnings::All() const {
  std::lock_guard lock(mutex_);
  std::vector<Warning> all(current_.begin(), current_.end());
  all.insert(all.end(), added_.begin(), added_.end());
  return all;
}

}  // namespace qte::daemon
