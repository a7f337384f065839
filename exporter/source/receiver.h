// What the followers of source/ hand up: streams open, bring bytes, start over, and close.
//
// A stream is one file that is known, with or without an open descriptor. While it has none (it is parked), the
// receiver hears nothing and keeps what it knows; when the same file is found again, OnOpen comes with the same id.
//
// All calls come on the one thread that steps the SourceSet, but for OnBytes: while more is there than can be read at
// once, streams of different lanes are read on several threads at the same time. No other call is made meanwhile, and
// those of one stream keep their order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace qte::source {

// Bytes after the end of a chunk that may be read (not used), so that scanners can load whole words.
inline constexpr size_t kReadPadding = 64;

using StreamId = uint32_t;

// Why the next bytes of a stream do not continue the last ones. In every case a partial line is dropped (and counted)
// and what was learned about the QEMU process is forgotten; counters continue.
enum class Restart {
  kTruncated,    // the file became shorter
  kWriterEnded,  // the last writer of a FIFO closed it
};

class Receiver {
 public:
  // A file, FIFO or standard input is followed from now on. If the id was opened before, by this SourceSet or in the
  // saved state that it resumes, the bytes continue where they stopped. `source` is the index of the SourceSpec, `path`
  // is absolute ("-" for standard input); both may have changed since the last OnOpen. `predecessor` is the stream
  // whose path this file took (a rotation), 0 if there is none. The predecessor has been read to its end, or was lost.
  // Only the first OnOpen of an id names it.
  virtual void OnOpen(StreamId id, size_t source, const std::string& path, StreamId predecessor) = 0;
  // The next bytes, cut anywhere; kReadPadding bytes after them are readable. `offset` is where they
  // begin in the file; 0 for a pipe.
  virtual void OnBytes(StreamId id, std::string_view bytes, uint64_t offset) = 0;
  virtual void OnRestart(StreamId id, Restart why) = 0;
  // Nothing more will ever come: standard input ended, the file is gone, or its position was forgotten. For a stream of
  // the saved state this may come without OnOpen.
  virtual void OnClose(StreamId id) = 0;
  // OnBytes of streams of different lanes may be called at the same time. The stream is open; the lane is asked for in
  // each round.
  virtual size_t LaneOf(StreamId /*id*/) const { return 0; }

 protected:
  ~Receiver() = default;
};

}  // namespace qte::source
