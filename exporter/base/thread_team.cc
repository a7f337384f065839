#include "base/thread_team.h"

#include <algorithm>
#include <cassert>
#include <system_error>
#include <utility>

#include "base/thread_name.h"

namespace qte {

ThreadTeam::~ThreadTeam() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  begin_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadTeam::Run(size_t parts, const std::function<void(size_t)>& do_part) {
  assert(parts > 0);
  StartThreads(parts - 1);
  const size_t with_thread = std::min(parts, threads_.size() + 1);
  {
    std::lock_guard lock(mutex_);
    do_part_ = &do_part;
    parts_ = with_thread;
    at_work_ = with_thread - 1;
    ++run_;
  }
  begin_.notify_all();
  Do(do_part, 0);
  for (size_t part = with_thread; part < parts; ++part) Do(do_part, part);
  std::unique_lock lock(mutex_);
  end_.wait(lock, [this] { return at_work_ == 0; });
  if (std::exception_ptr thrown = std::exchange(thrown_, nullptr)) std::rethrow_exception(thrown);
}

// Or fewer: the system may have another thread the next time.
void ThreadTeam::StartThreads(size_t count) {
  try {
    while (threads_.size() < count) {
      threads_.emplace_back([this, part = threads_.size() + 1] { Loop(part); });
    }
  } catch (const std::system_error&) {
    return;
  }
}

void ThreadTeam::Do(const std::function<void(size_t)>& do_part, size_t part) {
  try {
    do_part(part);
  } catch (...) {
    std::lock_guard lock(mutex_);
    thrown_ = std::current_exception();
  }
}

void ThreadTeam::Loop(size_t part) {
  NameThread("lane");
  uint64_t seen = 0;
  std::unique_lock lock(mutex_);
  while (true) {
    begin_.wait(lock, [&] { return stopping_ || (run_ != seen && part < parts_); });
    if (stopping_) return;
    seen = run_;
    const std::function<void(size_t)>& do_part = *do_part_;
    lock.unlock();
    Do(do_part, part);
    lock.lock();
    if (--at_work_ == 0) end_.notify_one();
  }
}

}  // namespace qte
