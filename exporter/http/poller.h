// Descriptors and what to wait for on each, by epoll. On one thread.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>

#include "base/unique_fd.h"

namespace qte::http {

class Poller {
 public:
  // Names a descriptor; never given twice, so that an event for one that is gone is not taken for that of another.
  using Id = uint64_t;
  // A descriptor that is watched. It has to be open when this begins to watch; closing it ends that.
  struct Watch {
    Id id = 0;
    uint32_t events = 0;
    bool is_new = true;
  };

  Poller() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

  Watch NewWatch() { return {++last_id_, 0, true}; }
  // Waits for these events of it from now on; ends and errors are told in any case. Does nothing where it is so already.
  void Set(int fd, Watch& watch, uint32_t events) const {
    if (!watch.is_new && watch.events == events) return;
    epoll_event event{};
    event.events = events;
    event.data.u64 = watch.id;
    ::epoll_ctl(epoll_.get(), watch.is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event);
    watch.events = events;
    watch.is_new = false;
  }
  // Calls `on_ready` with what is ready, after `millis` at most; -1: no limit.
  template <typename OnReady>
  void Wait(int millis, const OnReady& on_ready) const {
    std::array<epoll_event, 256> ready;
    int count = ::epoll_wait(epoll_.get(), ready.data(), static_cast<int>(ready.size()), millis);
    for (int i = 0; i < count; ++i) on_ready(Id{ready[static_cast<size_t>(i)].data.u64});
  }

 private:
  const UniqueFd epoll_;
  Id last_id_ = 0;
};

}  // namespace qte::http
