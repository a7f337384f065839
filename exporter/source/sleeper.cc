#include "source/sleeper.h"

#include <algorithm>
#include <chrono>

namespace qte::source {

using std::chrono::nanoseconds;
using std::chrono::seconds;

bool Sleeper::Sleep(Clock::Duration time, std::span<const int> readable) {
  entries_.assign(1, {.fd = wake_.fd(), .events = POLLIN, .revents = 0});
  for (int fd : readable) entries_.push_back({.fd = fd, .events = POLLIN, .revents = 0});
  time = std::max(time, Clock::Duration::zero());
  auto whole = std::chrono::duration_cast<seconds>(time);
  timespec timeout{.tv_sec = whole.count(), .tv_nsec = nanoseconds(time - whole).count()};
  ::ppoll(entries_.data(), entries_.size(), &timeout, nullptr);
  return wake_.Clear();
}

}  // namespace qte::source
