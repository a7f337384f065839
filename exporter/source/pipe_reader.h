// The thread that empties pipes ahead of the work, so that a guest that traces into one does not wait for a scrape, a
// reload or another busy file.
//
// In: the read ends of FIFOs and of standard input. Out: their bytes, buffered beside each Pipe, at most
// kPipeBufferBytes for all of them; beyond that a pipe is not read, which holds up its writer, and the time of that is
// counted. The thread starts with the first pipe.
//
// It is awake only while bytes come, and rests once it has found little, for as long as the smallest pipe can take it.
// At the heels of a writer of single lines it would burn a core and slow down each write, which has to wake it. For the
// same reason it polls only once nothing more is there: epoll, which is told of every write, made QEMU's 15 % dearer.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "source/chunk_pool.h"
#include "source/pipe.h"
#include "source/sleeper.h"

namespace qte::source {

inline constexpr size_t kPipeBufferBytes = 16 << 20;

class PipeReader {
 public:
  PipeReader();
  // All pipes have been removed by then.
  ~PipeReader();
  PipeReader(const PipeReader&) = delete;
  PipeReader& operator=(const PipeReader&) = delete;

  std::shared_ptr<Pipe> Add(UniqueFd input, Pipe::WithoutWriter without_writer);
  void Remove(const std::shared_ptr<Pipe>& pipe);

  // Bytes read from pipes and not handed up yet.
  uint64_t buffered_bytes() const { return pool_.buffered_bytes; }
  // How long some pipe had bytes and could not be read for want of room.
  Clock::Duration full_time() const;

 private:
  void Run();
  Pipe::Look Round();
  void Wait();
  void KeepFullTime(bool is_full);

  Sleeper sleeper_;
  ChunkPool pool_{kPipeBufferBytes / Chunk::kCapacity, sleeper_};
  std::atomic<bool> is_stopping_ = false;
  std::atomic<size_t> smallest_pipe_ = 1 << 20;

  // Used by the thread alone; the lists are kept for their memory.
  Chunk scratch_;
  std::vector<std::shared_ptr<Pipe>> looked_at_;
  std::vector<int> awaited_fds_;

  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Pipe>> pipes_;  // guarded by mutex_
  Clock::Duration full_time_{};               // guarded by mutex_
  std::optional<Clock::Time> full_since_;     // guarded by mutex_
  std::thread thread_;                        // last: it uses all of the above
};

}  // namespace qte::source
