// Threads that do one piece of work together, each its part, and then rest until the next one.
//
// Run is called by one thread, which does the first part itself. The other threads are started when they are first
// needed and wait without waking until there is something to do. Where the system has no thread left (a container's
// limit, say) the caller does what they would have done.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace qte {

class ThreadTeam {
 public:
  ThreadTeam() = default;
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  // Calls do_part(0) here and do_part(1) ... do_part(parts - 1) on threads of their own, and returns when all are done.
  // What was written before is seen by all parts, and what they have written is seen after. At least one part. If some
  // throw, the others are done all the same, and then one of the exceptions goes on to the caller.
  void Run(size_t parts, const std::function<void(size_t)>& do_part);

 private:
  void StartThreads(size_t count);
  void Loop(size_t part);
  void Do(const std::function<void(size_t)>& do_part, size_t part);

  std::mutex mutex_;
  std::condition_variable begin_;
  std::condition_variable end_;
  const std::function<void(size_t)>* do_part_ = nullptr;  // guarded by mutex_
  size_t parts_ = 0;                                      // that have a thread; guarded by mutex_
  uint64_t run_ = 0;                                      // guarded by mutex_
  size_t at_work_ = 0;                                    // guarded by mutex_
  bool stopping_ = false;                                 // guarded by mutex_
  std::exception_ptr thrown_;                             // guarded by mutex_
  std::vector<std::thread> threads_;                      // used by the caller of Run
};

}  // namespace qte
