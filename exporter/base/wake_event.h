// What one thread sets to wake another that waits for a descriptor: set until it is cleared, however often it was set.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "base/unique_fd.h"

namespace qte {

class WakeEvent {
 public:
  WakeEvent() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

  // Readable while it is set.
  int fd() const { return fd_.get(); }
  // From any thread. It can only fail when the counter is full, and then it is set as well.
  void Set() const {
    uint64_t one = 1;
    [[maybe_unused]] ssize_t written = ::write(fd_.get(), &one, sizeof one);
  }
  // True if it was set.
  bool Clear() const {
    uint64_t count = 0;
    return ::read(fd_.get(), &count, sizeof count) == sizeof count;
  }

 private:
  UniqueFd fd_;
};

}  // namespace qte
