// The memory in which the bytes of pipes wait for the ingest thread: bounded for all pipes together, and given back to
// the system once they are handed up.
//
// Chunks are mapped rather than taken from the heap, which would keep 16 MiB forever after one flood. Free ones are
// kept until all are free, and some of them forever, so that a steady flow maps nothing.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "source/receiver.h"
#include "source/sleeper.h"

namespace qte::source {

// A piece of memory with bytes from `begin` to `end`; kReadPadding bytes behind its capacity are readable.
struct Chunk {
  static constexpr size_t kCapacity = 128 * 1024;

  struct Unmap {
    void operator()(char* memory) const;
  };

  // Without memory if the system has none to give.
  static Chunk Map();

  explicit operator bool() const { return memory != nullptr; }
  size_t size() const { return end - begin; }
  size_t room() const { return memory == nullptr ? 0 : kCapacity - end; }
  // Where `room()` bytes may be put.
  char* back() const { return memory.get() + end; }
  // The next bytes, at most `max`, which are then behind `begin`.
  std::string_view Take(size_t max);

  std::unique_ptr<char, Unmap> memory;
  size_t begin = 0;
  size_t end = 0;
};

// Chunks are taken by the one thread that reads, and returned by any.
class ChunkPool {
 public:
  // A returned chunk wakes `reader` if that has asked for room in vain.
  ChunkPool(size_t max_chunks, Sleeper& reader) : max_chunks_(max_chunks), reader_(reader) {}

  // Whether a pipe that holds `held` chunks may have another. It may hold seven times what it leaves free, so that one
  // flood gets 7/8 of the memory and still cannot take all of it from the others.
  bool HasRoom(size_t held);
  // Refuses, as HasRoom without room does: the next chunk returned wakes the reader.
  void AwaitReturn();
  // Counts the filled chunk as taken, and puts a fresh one in its place.
  Chunk Exchange(Chunk& filled);
  Chunk Fresh();
  void Return(Chunk chunk);

  // Bytes read and not handed up yet.
  std::atomic<uint64_t> buffered_bytes = 0;

 private:
  const size_t max_chunks_;
  Sleeper& reader_;
  std::mutex mutex_;
  size_t taken_ = 0;         // guarded by mutex_
  bool is_awaited_ = false;  // guarded by mutex_
  std::vector<Chunk> free_;  // guarded by mutex_
};

}  // namespace qte::source
