// One open file, FIFO or standard input, read chunk by chunk without ever blocking.
//
// A follower knows its descriptor and its offset, and nothing of paths, time or receivers: the SourceSet decides when
// to look and what to do about what was seen. One thread at a time.
#pragma once

#include <cerrno>
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "source/fingerprint.h"

namespace qte::source {

// What one look at a follower gives.
struct Reading {
  enum class Kind {
    kBytes,        // `bytes`; there may be more at once
    kAtEnd,        // nothing now; with `error`: the file is not to be read
    kTruncated,    // the file became shorter; the next look reads from its start
    kWriterEnded,  // the last writer of the FIFO is gone and all it wrote was handed up
    kEnded,        // nothing will ever come again
    kFailed,       // `error`; worth another try later
  };
  Kind kind = Kind::kAtEnd;
  std::string_view bytes;   // empty when all that was read is to be skipped
  uint64_t lost_bytes = 0;  // kTruncated: known to have been there, never read
  std::string error;

  static Reading Of(Kind kind) {
    Reading reading;
    reading.kind = kind;
    return reading;
  }
  static Reading Bytes(std::string_view bytes) {
    Reading reading = Of(Kind::kBytes);
    reading.bytes = bytes;
    return reading;
  }
  static Reading Refused(std::string why) {
    Reading reading;
    reading.error = std::move(why);
    return reading;
  }
  // With the reason in errno. An interrupted look is none.
  static Reading Failed(const char* what) {
    if (errno == EAGAIN || errno == EINTR) return {};
    Reading reading = Of(Kind::kFailed);
    reading.error = std::string(what) + ": " + std::strerror(errno);
    return reading;
  }
};

class Follower {
 public:
  virtual ~Follower() = default;

  // Hands up at most buffer.size() - kTailBytes bytes (a file's last ones come into the buffer again), in the
  // buffer or where they stay until the next call; kReadPadding bytes after them are readable.
  virtual Reading Next(std::span<char> buffer) = 0;
  virtual int fd() const = 0;
  // Bytes read from the current file so far.
  virtual uint64_t offset() const = 0;
  // Bytes that could be read now.
  virtual uint64_t Pending() const = 0;
  // True if poll(2) tells when there is something to read; regular files are always "ready" and must be looked at.
  virtual bool pollable() const = 0;
  // Names on disk: 0 once the file was deleted.
  virtual uint64_t links() const = 0;
  // How far a regular file was read; null for what cannot be read again.
  virtual const FilePoint* point() const { return nullptr; }
  // A FIFO that a process has open for writing: closing it would fail the writes.
  virtual bool has_writer() const { return false; }
  // Next() has something to give that was read ahead.
  virtual bool has_more() const { return false; }
};

// So much in a pipe (of 64 KiB, where it may not be larger) means that its writer may be waiting.
inline constexpr size_t kMuchOfPipe = 16 * 1024;

// Where the bytes that were just read begin in their file.
inline uint64_t BeginOf(const Reading& reading, const Follower& follower) {
  return follower.offset() - std::min<uint64_t>(follower.offset(), reading.bytes.size());
}

// Whether a look, of at most `chunk` bytes, that began at offset `before` has left something, as far as is known.
inline bool LeavesMore(const Follower& follower, const Reading& reading, uint64_t before, size_t chunk) {
  size_t much = follower.pollable() ? kMuchOfPipe : chunk;
  bool is_much = reading.kind == Reading::Kind::kBytes && follower.offset() - before >= much;
  return is_much || follower.has_more();
}

}  // namespace qte::source
