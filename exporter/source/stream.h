// One followed file, FIFO or standard input, with what the scheduler has to know about it.
#pragma once

#include <algorithm>
#include <memory>
#include <string>

#include "base/clock.h"
#include "source/file_identity.h"
#include "source/follower.h"
#include "source/receiver.h"

namespace qte::source {

struct Stream {
  StreamId id = 0;
  size_t source = 0;       // index among the current specs
  std::string opened_as;   // the path OnOpen names
  std::string path;        // where it stands now, or stood last
  std::string place;       // the same without links, as far as it was looked up
  FileIdentity directory;  // of `place`
  FileIdentity found_in;   // the directory in which the pattern matched it
  FileIdentity identity;   // unused for standard input
  int64_t birth = 0;       // of a regular file
  bool is_link = false;    // the path is a symbolic link
  uint64_t reclaimed = 0;  // see StreamPosition
  std::unique_ptr<Follower> follower;
  bool is_stdin = false;
  std::string attached_to;    // the path of the spec, of a pipe that was attached to it
  bool is_known = false;      // the receiver heard of it before it was parked
  bool is_announced = false;  // OnOpen was called since it was opened
  uint64_t read_in = 0;       // the round in which it was last read beside others
  std::string error;          // of the last look
  bool is_refused = false;    // it holds no text

  // Rotation. A stream whose inode has left its path is draining: late lines are still read, until none came
  // for `late_window`. Whatever came to stand at the path waits for `after`, its predecessor, to be read to the end.
  std::string first_path;         // of a file found under a rotated name beside its log; empty if it is `opened_as`
  bool has_left = false;          // that path
  bool has_successor = false;     // another file came to stand there
  StreamId predecessor = 0;       // it is such a file itself
  int looks_for_predecessor = 0;  // left to be made
  bool awaits_look = false;       // not to be read before the next of them
  bool is_awaited = false;        // that file waits for this one's end
  StreamId after = 0;
  bool is_draining = false;
  Clock::Time drain_since;
  Clock::Duration late_window{};

  // Pace.
  bool is_idle = false;    // looked at on an inotify event or at `next_look`, not in every round
  bool is_at_end = false;  // the last look found nothing
  Clock::Time opened_at;
  Clock::Time last_data;
  Clock::Time next_look;     // of an idle stream
  uint64_t catch_up_to = 0;  // the end the file had when the SourceSet was made; 0 once it had no more to give

  // Where it stood first: files of one such path follow each other.
  const std::string& log_path() const { return first_path.empty() ? opened_as : first_path; }
  Clock::Time drain_deadline() const { return std::max(last_data, drain_since) + late_window; }
  // At a path of the file system.
  bool has_place() const { return !is_stdin && attached_to.empty(); }
  bool is_file() const { return follower != nullptr && !follower->pollable(); }
};

// The order in which files stood at one path, as far as it is known.
struct Age {
  int64_t birth = 0;  // 0 if the file system does not tell
  bool has_left = false;
  StreamId id = 0;
};

// Files may be found in another order than they were made. The kernel's clock for times of birth has steps of some
// milliseconds, in which a log may be rotated more than once; then at least what stands at the path is the newest.
inline bool IsOlder(Age a, Age b) {
  const bool is_told = a.birth != 0 && b.birth != 0 && a.birth != b.birth;
  if (is_told) return a.birth < b.birth;
  return a.has_left != b.has_left ? a.has_left : a.id < b.id;
}

}  // namespace qte::source
