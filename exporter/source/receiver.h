// What the followers of source/ hand up: streams open, bring bytes, start over, and close.
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
// and what was learned about the QEMU process is forgotten; counters go on.
enum class Restart {
  kTruncated,    // the file became shorter
  kWriterEnded,  // the last writer of a FIFO closed it
};

class Receiver {
 public:
  virtual void OnOpen(StreamId id, size_t source, const std::string& path, StreamId predecessor) = 0;
  // The next bytes, cut anywhere; kReadPadding bytes after them are readable.
  virtual void OnBytes(StreamId id, std::string_view bytes) = 0;
  virtual void OnRestart(StreamId id, Restart why) = 0;
  // Nothing more will come: standard input ended, the file is gone, or the source left the config.
  virtual void OnClose(StreamId id) = 0;
  // OnBytes of streams of different lanes may be called at the same time. Of an open stream; asked anew for each round.
  virtual size_t LaneOf(StreamId /*id*/) const { return 0; }

 protected:
  ~Receiver() = default;
};

}  // namespace qte::source
