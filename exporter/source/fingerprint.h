// The bytes by which a file is known again: its first ones, and the last ones that were read of it.
//
// Device, inode and size do not tell a file that was truncated and has grown past the old offset, nor, after a restart,
// another file that got the inode. The first bytes tell the first, as a rule (they hold a timestamp); the bytes before
// the offset tell what begins alike.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/hash.h"

namespace qte::source {

inline constexpr uint32_t kHeadBytes = 512;
inline constexpr uint32_t kTailBytes = 64;

struct Fingerprint {
  uint64_t head_hash = 0;  // of the first head_size bytes
  uint64_t tail_hash = 0;  // of the tail_size bytes before the offset
  uint32_t head_size = 0;  // at most kHeadBytes, and not beyond the offset
  uint32_t tail_size = 0;  // at most kTailBytes

  bool IsHead(std::string_view bytes) const { return StableHash(bytes.substr(0, head_size)) == head_hash; }
  bool IsTail(std::string_view bytes) const { return StableHash(bytes.substr(0, tail_size)) == tail_hash; }
  bool operator==(const Fingerprint&) const = default;
};

// How far a file was read, and by what it is known to be the same.
struct FilePoint {
  uint64_t offset = 0;
  uint64_t known_size = 0;  // the largest size seen, for what a truncation destroys
  bool has_data = false;    // something else than NULs has come
  Fingerprint fingerprint;
};

}  // namespace qte::source
