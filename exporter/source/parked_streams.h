// Files that are known and not open: what a checkpoint knew, and what had to be closed.
//
// A directory was moved away, a file system was unmounted, a source left the config for a while, descriptors were few:
// none of this may lead to a file being read twice. So a closed file leaves its position here, and continues from there
// as the same stream when it is found again. A file is known by device, inode and time of birth. If the file system was
// mounted again under another device number, inode, birth and the bytes before the offset tell.
//
// Bounded: at most kMost positions, each for kLongest since its file was seen last. One thread.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "source/discovery.h"
#include "source/position.h"

namespace qte::source {

struct ParkedStream {
  // Why it is not open.
  enum class State {
    kUnwanted,   // no source names its path
    kAway,       // its directory is missing, cannot be listed, or is another one
    kElsewhere,  // it has left its path and has no unread bytes
    kWaiting,    // for a descriptor, or for permission
  };

  StreamPosition position;  // `unseen_seconds` is that of `since`
  Clock::Time since;        // when it was seen last
  Clock::Time parked_at;
  std::optional<size_t> source = {};  // that names its path
  State state = State::kUnwanted;
  std::string error = {};   // why it is away
  bool is_missed = false;   // the last look did not find it in its directory
  bool was_at_end = false;  // nothing was left when it was closed
};

class ParkedStreams {
 public:
  static constexpr size_t kMost = 65'536;
  static constexpr std::chrono::hours kLongest{7 * 24};

  void Add(ParkedStream parked);
  // The position of a file that was just opened.
  std::optional<StreamPosition> Take(FileIdentity identity, int file);
  // The positions of files that are gone, since another file has their inode.
  std::vector<ParkedStream> TakeReplaced(FileIdentity identity, int file);
  ParkedStream Take(StreamId id);
  // Those beyond the bounds, the longest unseen first.
  std::vector<ParkedStream> TakeForgotten(Clock::Time now);
  // Tells each of them which source names its path.
  void Bind(const Discovery& discovery);

  // Any that may be this file, by device and inode alone; null if there is none.
  ParkedStream* Find(FileIdentity identity);
  bool Knows(FileIdentity identity, int64_t birth) const;
  std::map<StreamId, ParkedStream>& by_id() { return by_id_; }
  const std::map<StreamId, ParkedStream>& by_id() const { return by_id_; }
  std::vector<StreamPosition> Positions(Clock::Time now) const;

 private:
  using Ids = std::multimap<ino_t, StreamId>;

  std::map<StreamId, ParkedStream> by_id_;
  Ids by_inode_;
};

}  // namespace qte::source
