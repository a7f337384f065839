#include "source/chunk_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <utility>

namespace qte::source {
namespace {

// With a page for the padding, which is never written to and so takes no memory.
constexpr size_t kMappedBytes = Chunk::kCapacity + 4096;
constexpr size_t kKeptFree = 4;
constexpr size_t kShareOfFree = 7;

}  // namespace

void Chunk::Unmap::operator()(char* mapped) const {
  ::munmap(mapped, kMappedBytes);
}

Chunk Chunk::Map() {
  void* memory = ::mmap(nullptr, kMappedBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  Chunk chunk;
  if (memory != MAP_FAILED) chunk.memory.reset(static_cast<char*>(memory));
  return chunk;
}

std::string_view Chunk::Take(size_t max) {
  std::string_view bytes(memory.get() + begin, std::min(max, size()));
  begin += bytes.size();
  return bytes;
}

bool ChunkPool::HasRoom(size_t held) {
  std::lock_guard lock(mutex_);
  if (held < kShareOfFree * (max_chunks_ - taken_)) return true;
  is_awaited_ = true;
  return false;
}

void ChunkPool::AwaitReturn() {
  std::lock_guard lock(mutex_);
  is_awaited_ = true;
}

Chunk ChunkPool::Exchange(Chunk& filled) {
  Chunk fresh = Fresh();
  std::lock_guard lock(mutex_);
  ++taken_;
  return std::exchange(filled, std::move(fresh));
}

Chunk ChunkPool::Fresh() {
  std::lock_guard lock(mutex_);
  if (free_.empty()) return Chunk::Map();
  Chunk chunk = std::move(free_.back());
  free_.pop_back();
  return chunk;
}

void ChunkPool::Return(Chunk chunk) {
  chunk.begin = chunk.end = 0;
  std::lock_guard lock(mutex_);
  --taken_;
  free_.push_back(std::move(chunk));
  if (taken_ == 0 && free_.size() > kKeptFree) free_.resize(kKeptFree);
  if (std::exchange(is_awaited_, false)) reader_.Wake();
}

}  // namespace qte::source
