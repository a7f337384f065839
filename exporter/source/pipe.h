// The read end of a pipe, and what was read from it ahead of the work: shared by the reader thread, which reads as soon
// as something is there, and the ingest thread, which takes it chunk by chunk.
//
// In: bytes and the ends of writers, from the kernel. Out: both in the same order, as Readings. Where nothing is
// buffered the ingest thread reads for itself, under the same lock; so a look never misses what is in the pipe, and the
// order cannot break. As long as it keeps up, the reader thread only tells it when something is there. A pipe that may
// not buffer more is left alone, fills up, and makes its writer wait.
//
// The calls are grouped by the thread that makes them. The lock is held over one read that does not block.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <span>

#include "base/unique_fd.h"
#include "base/wake_event.h"
#include "source/chunk_pool.h"
#include "source/follower.h"

namespace qte::source {

// Another open file, not blocking, of the same pipe, even if its name is gone or stands for another one by now.
UniqueFd OpenPipeAgain(int pipe);

class Pipe {
 public:
  // What it means that no process has the pipe open for writing.
  enum class WithoutWriter {
    kNextMayCome,  // a FIFO: it is held open for the next one
    kEnded,        // standard input
  };
  // What became of a look by the reader thread.
  enum class Look { kNothing, kLittle, kMuch, kNoRoom };

  // `reader` is woken when there is something else to wait for.
  Pipe(UniqueFd input, WithoutWriter without_writer, ChunkPool& pool, Sleeper& reader);
  ~Pipe();
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  // Reader thread.
  Look ReadAhead(Chunk& scratch);
  // Readable when the next look may find something; -1 where that does not depend on the pipe.
  int awaited_fd() const;

  // Ingest thread. What Next() gives is in the buffer, or in a chunk that lives until the next call.
  Reading Next(std::span<char> buffer);
  uint64_t Pending() const;
  uint64_t offset() const { return offset_; }
  uint64_t links() const;
  bool has_writer() const;
  bool has_more() const;
  // Readable while Next() has something to give.
  int ready_fd() const { return ready_.fd(); }
  // The reader thread may still hold the pipe: descriptor and memory go now.
  void Close();

  // Bytes that the kernel holds for a writer.
  size_t capacity() const { return capacity_; }

 private:
  // These want the lock.
  Reading Read(std::span<const iovec> places);
  Reading NoWriter();
  Reading ReadHere(std::span<char> buffer);
  Reading TakeBuffered();
  bool LeaveToIngest();
  bool MayGrow();
  size_t TailRoom() const;
  void Keep(size_t n, Chunk& scratch);
  bool IsEmpty() const { return offset_ == read_ && writer_ends_.empty(); }
  void SetReady(bool ready);

  const WithoutWriter without_writer_;
  ChunkPool& pool_;
  Sleeper& reader_;
  const WakeEvent ready_;
  const size_t capacity_;

  mutable std::mutex mutex_;  // guards all that follows; the ingest thread alone writes offset_ and current_
  UniqueFd input_;
  bool blocks_ = false;  // the open file is shared with other processes and cannot be made non-blocking
  bool is_ready_ = false;
  bool has_writer_ = false;
  bool read_from_writer_ = false;  // since the read end was opened
  bool has_ended_ = false;
  bool has_no_room_ = false;
  std::optional<uint64_t> left_at_;   // offset_ when the last look left bytes to the ingest thread
  bool has_failed_ = false;           // the reader thread leaves it to the ingest thread, which can tell of it
  uint64_t read_ = 0;                 // bytes
  uint64_t offset_ = 0;               // bytes handed up
  std::deque<uint64_t> writer_ends_;  // the values of read_ at which a writer went
  std::deque<Chunk> chunks_;
  Chunk current_;  // the one being handed up
};

}  // namespace qte::source
