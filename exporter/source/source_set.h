// All followed sources, stepped by one thread, which has others read with it while there is much.
//
// In: the paths and globs of the config. Out: bytes and changes of state to a Receiver, in the order they were written.
// A busy file is polled by fstat and pread, since a standing inotify watch on the log itself would slow down QEMU's own
// writes; only directories are watched, and an idle file may carry a one-shot watch. Where inotify does not help (a
// network file system, no watches left) idle files and directories are polled instead.
//
// A stream is one file, known by device, inode and time of birth, not a path. When another file takes the path (rename
// and recreate, delete and recreate, a switched link), it is a new stream: OnOpen with the same path and source,
// another id. The old file is read to its end first; then both are, until no late line came for kLateWriteWindow
// (stream_table.h). A file renamed to a name that matches, too (vm.log.1 for vm.log*), continues as the stream that it
// was. A file that matches several specs belongs to the first.
//
// A file is closed for many reasons: its directory is away, its source left the config, no late line came, or there are
// more files than descriptors. That only parks its stream (parked_streams.h): if the same file is found again, the
// stream continues at its offset. OnClose comes when the file is gone.
//
// FIFOs, and standard input where it is a pipe, are emptied by a thread of the SourceSet's own (pipe_reader.h) while
// the receiver is busy elsewhere, so that their writers do not wait until 14 MiB are outstanding for one, 16 MiB for
// all.
//
// Everything but Wake() belongs to one thread, and a Receiver must not call back. What the receiver hears on which
// thread is told by receiver.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "base/warning.h"
#include "source/position.h"
#include "source/receiver.h"

namespace qte::source {

struct SourceSpec {
  std::string path;                       // file, glob, FIFO, or "-" for standard input; may be relative
  bool start_at_end = false;              // for files that are there when the SourceSet is made: skip what they hold
  uint64_t reclaim_above = 0;             // bytes; told again by SavePositions. 0: what was read stays on the disk
  std::vector<std::string> exclude = {};  // globs as in `path`; one without a slash is held against the name alone
  bool is_attached = false;               // `path` is only a name: nothing is looked for, streams come by Attach
};

struct StreamStatus {
  StreamId id = 0;    // 0: nothing is open at this path
  size_t source = 0;  // index among the specs in force now; OnOpen gave the one of its time
  std::string path;
  bool up = false;           // open and readable
  std::string error;         // why not, when not up
  uint64_t offset = 0;       // bytes handed to the receiver from the current file
  uint64_t size = 0;         // of the current file; equals offset for FIFO and stdin
  bool takes_turns = false;  // not up for want of a descriptor, of which TakeWarnings tells once for all
  bool refused = false;      // not up since it holds no text
};

struct SourceTotals {
  uint64_t rotations = 0;  // a path came to name another file
  uint64_t truncations = 0;
  uint64_t lost_bytes = 0;           // known to have been written and gone before they could be read
  uint64_t opened = 0;               // how often a stream was opened, by this SourceSet
  uint64_t pipe_buffered_bytes = 0;  // read from FIFOs and standard input, not handed up yet
  Clock::Duration pipe_full_time{};  // in which some pipe was not read for want of room to buffer
};

struct FollowOptions {
  const Clock& clock = Clock::Steady();
  size_t max_open = 1 << 20;  // descriptors, those for the SourceSet's own needs included; more files take turns
};

// How far the files that were there at the start have been read.
struct CatchUp {
  uint64_t read_bytes = 0;
  uint64_t total_bytes = 0;
};

class SourceSet {
 public:
  // Opens what is there; the receiver hears of it in the first Step. With the positions of a saved state, files
  // continue where they were, under the ids that they had.
  SourceSet(std::vector<SourceSpec> specs, Receiver& receiver, Positions resume = {}, FollowOptions options = {});
  ~SourceSet();

  // One round: look for new files, read for some milliseconds from the streams that have something (chunk by chunk, in
  // turn; the next round continues where this one ends), hand it up.
  // If nothing was there, waits for something to do, at most `max_wait`, or until Wake(), and makes one more round.
  // After a round that left nothing, the next one begins 5 ms later, 10 ms if it brought little (or `max_wait`, if that
  // is less).
  void Step(std::chrono::milliseconds max_wait);
  // Ends a waiting Step early. The only call that other threads may make.
  void Wake();
  // True once every file that was there at the start has been read to the end it had then, as far as it can be: a file
  // that has no more to give, whatever its size says, or that is away counts as read.
  bool caught_up() const;
  CatchUp catch_up() const;
  // Reads every file (not FIFOs and stdin beyond what is there now) to its current end: the last act before exit.
  void Drain();
  // Takes other sources: streams that still match one continue where they are, under their id; others are parked (FIFOs
  // are closed). What is there already counts as old for a spec that is new and has `start_at_end`.
  void Reconfigure(std::vector<SourceSpec> specs);

  // Reads a pipe until its last writer has closed it, as a stream of the spec with this path; the receiver hears of it in
  // the next Step. `pipe` is the read end, non-blocking. The stream ends as well when a Reconfigure has no such spec.
  // Returns 0 if there is none now.
  StreamId Attach(UniqueFd pipe, const std::string& name, const std::string& spec_path);

  // Streams by id, then the paths that cannot be followed now and why, parked files and directories that cannot be
  // listed among them. Files that have left their path are not listed, though late lines are still read from them.
  std::vector<StreamStatus> Streams() const;
  // What is the matter with the sources now: patterns that match nothing, one file under two paths.
  const std::vector<Warning>& Warnings() const;
  // What the log should say once: logs that were lost, too few descriptors.
  std::vector<std::string> TakeWarnings();
  SourceTotals Totals() const;
  // Rises with all that any of these calls and the receiver could tell, but for how large files are. Cheap.
  uint64_t changes() const;
  // How far every file was read, rotated ones as well: what a later SourceSet needs to continue. Together with what the
  // receiver has made of all bytes up to now it is a consistent state.
  Positions SavePositions() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace qte::source
