#include "base/thread_team.h"

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
  while (threads_.size() + 1 < parts) {
    threads_.emplace_back([this, part = threads_.size() + 1] { Loop(part); });
  }
  {
    std::lock_guard lock(mutex_);
    do_part_ = &do_part;
    parts_ = parts;
    at_work_ = parts - 1;
    ++run_;
  }
  begin_.notify_all();
  do_part(0);
  std::unique_lock lock(mutex_);
  end_.wait(lock, [this] { return at_work_ == 0; });
}

void ThreadTeam::Loop(size_t part) {
  uint64_t seen = 0;
  std::unique_lock lock(mutex_);
  while (true) {
    begin_.wait(lock, [&] { return stopping_ || (run_ != seen && part < parts_); });
    if (stopping_) return;
    seen = run_;
    const std::function<void(size_t)>& do_part = *do_part_;
    lock.unlock();
    do_part(part);
    lock.lock();
    if (--at_work_ == 0) end_.notify_one();
  }
}

}  // namespace qte
