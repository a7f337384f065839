#include "source/sleeper.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

namespace qte::source {

using std::chrono::nanoseconds;
using std::chrono::seconds;

Sleeper::Sleeper() : wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

void Sleeper::Wake() {
  uint64_t one = 1;
  // It can only fail when the counter is full, and then the sleeper wakes as well.
  [[maybe_unused]] ssize_t written = ::write(wake_.get(), &one, sizeof one);
}

bool Sleeper::Sleep(Clock::Duration time, std::span<const int> readable) {
  entries_.assign(1, {.fd = wake_.get(), .events = POLLIN, .revents = 0});
  for (int fd : readable) entries_.push_back({.fd = fd, .events = POLLIN, .revents = 0});
  time = std::max(time, Clock::Duration::zero());
  auto whole = std::chrono::duration_cast<seconds>(time);
  timespec timeout{.tv_sec = whole.count(), .tv_nsec = nanoseconds(time - whole).count()};
  ::ppoll(entries_.data(), entries_.size(), &timeout, nullptr);
  uint64_t wakes = 0;
  return ::read(wake_.get(), &wakes, sizeof wakes) == sizeof wakes;
}

}  // namespace qte::source
