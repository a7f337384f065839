// The streams that are open, kept in line with what discovery finds.
//
// Identity decides, not the name: a file that was renamed and matches under its new name goes on where it was; a file
// that has left its path drains (see stream.h); a file nobody follows yet is opened. One thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "source/discovery.h"
#include "source/pipe_reader.h"
#include "source/position.h"
#include "source/rename_trail.h"
#include "source/resumption.h"
#include "source/stream.h"

namespace qte::source {

// How long a file that was deleted, or whose path another file has taken, is still looked at after its last line:
// QEMU's threads may hold the old file for a moment after `logfile F`, and an administrator may be slow to send it.
inline constexpr std::chrono::seconds kLateWriteWindow{5};
// The same for a file that was moved away and has no successor yet: QEMU still writes to it as a rule.
inline constexpr std::chrono::minutes kMovedAwayWindow{10};
// More drained files than this at once (a fast rotation) are not kept for the window: descriptors are bounded.
inline constexpr size_t kMaxDraining = 256;

class StreamTable {
 public:
  // Skips what the found files of a source hold now, when they come to be opened.
  void SkipContents(const Scan& scan, size_t source);
  // Follows what was found. What fails to open is added to the scan's problems, and its directory's interests: a change
  // of permission is worth another try.
  void Reconcile(Scan& scan, const RenameTrail& trail, Clock::Time now);
  void OpenStdin(size_t source);
  // Goes on from a saved state; before anything else. The files that were rotated away meanwhile are opened first.
  void Resume(Resumption resumption, Scan& scan, const Discovery& discovery);
  // The streams of the saved state whose files are gone.
  std::vector<StreamPosition> TakeGone(const Scan& scan) { return resumption_.TakeGone(scan); }
  // Remembers a file that was read to its end, as long as it might be taken for a new one after a restart.
  void Finish(const Stream& stream);
  std::vector<StreamPosition> Positions() const;
  StreamId NewId() { return ++last_id_; }

  // By ascending id, so that a file comes before its successor.
  std::vector<std::unique_ptr<Stream>>& streams() { return streams_; }
  const std::vector<std::unique_ptr<Stream>>& streams() const { return streams_; }
  Stream* Find(StreamId id) const;
  uint64_t rotations() const { return rotations_; }
  uint64_t opened() const { return last_id_; }
  const PipeReader& pipes() const { return pipes_; }

 private:
  // What a scan found, by path and by identity, and what is followed already.
  struct Index;

  Stream& Add(const std::string& path, size_t source);
  Result<Stream*> Open(const std::string& path, size_t source, Index& index, const FoundFile* found = nullptr);
  void OpenFile(UniqueFd file, Stream& stream);
  void AdoptRotatedAway(const std::vector<RenameTrail::Entry>& entries, Index& index);
  void OpenFound(Scan& scan, Index& index);
  void Rebind(Stream& stream, const Index& index, Clock::Time now);
  void LinkToPredecessor(Stream& stream, Clock::Time now);
  void BoundDraining();
  void ForgetFinished();

  PipeReader pipes_;  // outlives the streams
  std::vector<std::unique_ptr<Stream>> streams_;
  std::map<FileIdentity, uint64_t> starts_;  // where to begin in files that are not open yet
  Resumption resumption_;
  std::vector<StreamPosition> finished_;
  StreamId last_id_ = 0;
  StreamId last_linked_ = 0;  // streams up to this one look for a predecessor no more
  uint64_t rotations_ = 0;
};

}  // namespace qte::source
