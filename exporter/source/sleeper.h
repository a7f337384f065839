// A thread's sleep: until a time, until a descriptor is readable, or until another thread calls Wake().
#pragma once

#include <poll.h>

#include <span>
#include <vector>

#include "base/clock.h"
#include "base/wake_event.h"

namespace qte::source {

class Sleeper {
 public:
  // From any thread. A call before Sleep() is not lost.
  void Wake() { wake_.Set(); }
  // At most `time`. True if it was Wake() that ended it. Negative descriptors are ignored.
  bool Sleep(Clock::Duration time, std::span<const int> readable = {});

 private:
  WakeEvent wake_;
  std::vector<pollfd> entries_;  // kept for its memory
};

}  // namespace qte::source
