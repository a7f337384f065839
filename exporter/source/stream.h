// One followed file, FIFO or standard input, with what the scheduler has to know about it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "source/file_identity.h"
#include "source/follower.h"
#include "source/receiver.h"

namespace qte::source {

struct Stream {
  StreamId id = 0;
  size_t source = 0;      // index among the current specs
  std::string opened_as;  // the path OnOpen names
  std::string path;       // where it stands now, or stood last
  FileIdentity identity;  // unused for standard input
  int64_t birth = 0;      // of a regular file
  StreamId was = 0;       // the stream's id in the saved state that it goes on from
  std::unique_ptr<Follower> follower;
  bool is_stdin = false;
  bool is_announced = false;  // OnOpen was called
  uint64_t read_in = 0;       // the round in which it was last read beside others
  std::string error;          // of the last look

  // Rotation. A stream whose inode has left its path for good is draining: late lines are still read, until none came
  // for `late_window`. Whatever came to stand at the path waits for `after`, its predecessor, to be read to the end.
  std::optional<std::string> former_path;  // the followed path it has left
  bool has_successor = false;              // another file came to stand there
  bool has_predecessor = false;            // it is such a file itself
  bool is_awaited = false;                 // that file waits for this one's end
  StreamId after = 0;
  StreamId predecessor = 0;
  bool is_draining = false;
  Clock::Time drain_since;
  Clock::Duration late_window{};

  // Pace.
  bool is_idle = false;  // looked at on an inotify event or at `next_look`, not in every round
  Clock::Time last_data;
  Clock::Time next_look;     // of an idle stream
  uint64_t catch_up_to = 0;  // the end the file had when the SourceSet was made

  Clock::Time drain_deadline() const { return std::max(last_data, drain_since) + late_window; }
};

}  // namespace qte::source
