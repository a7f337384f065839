// The thread that empties pipes ahead of the work, so that a guest that traces into one does not wait for a scrape, a
// reload or another busy file.
//
// In: the read ends of FIFOs and of standard input. Out: their bytes, buffered beside each Pipe, at most
// kPipeBufferBytes for all of them; beyond that a pipe is not read, which holds up its writer, and the time of that is
// counted. The thread starts with the first pipe.
//
// It is awake only while bytes come, and then once in a millisecond unless they come fast: at the heels of a writer of
// single lines it would burn a core, and slow down each of QEMU's writes by waking up for it.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
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
  void Remove(Pipe& pipe);

  // Bytes read from pipes and not handed up yet.
  uint64_t buffered_bytes() const { return pool_.buffered_bytes; }
  // How long some pipe had bytes and could not be read for want of room.
  Clock::Duration full_time() const;

 private:
  void Run();
  Pipe::Look Round();
  void LookAt(const std::shared_ptr<Pipe>& pipe, Pipe::Look& most);
  std::shared_ptr<Pipe> Find(uint64_t key) const;
  void KeepFullTime();

  Sleeper sleeper_;
  ChunkPool pool_{kPipeBufferBytes / Chunk::kCapacity, sleeper_};
  const UniqueFd epoll_;
  std::atomic<bool> is_stopping_ = false;

  Chunk scratch_;                                    // of the thread
  std::vector<std::shared_ptr<Pipe>> without_room_;  // of the thread

  mutable std::mutex mutex_;
  std::map<uint64_t, std::shared_ptr<Pipe>> pipes_;  // guarded by mutex_
  uint64_t last_key_ = 0;                            // guarded by mutex_
  Clock::Duration full_time_{};                      // guarded by mutex_
  std::optional<Clock::Time> full_since_;            // guarded by mutex_
  std::thread thread_;                               // last: it uses all of the above
};

}  // namespace qte::source
