// What the daemon has warned of: each is logged once, and kept for /api/v1/status. Any thread.
#pragma once

#include <mutex>
#include <set>
#include <vector>

#include "base/warning.h"

namespace qte::daemon {

class Warnings {
 public:
  // Something that has happened, or was seen to be so: it stays.
  void Add(std::vector<Warning> warnings);
  // All that is the matter now and may end: what is new is logged, what is over is dropped.
  void SetCurrent(const std::vector<Warning>& warnings);

  std::vector<Warning> All() const;

 private:
  static constexpr size_t kMost = 1000;  // of each kind

  mutable std::mutex mutex_;
  std::set<Warning> added_;    // guarded by mutex_
  std::set<Warning> current_;  // guarded by mutex_
};

}  // namespace qte::daemon
