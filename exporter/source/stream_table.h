// The streams that are followed, kept in line with what discovery finds.
//
// Identity decides, not the name: a file that was renamed and matches under its new name continues where it was; a file
// that has left its path drains (see stream.h); a file that is not followed yet is opened; one that is parked
// continues. One thread. What happens to open streams is in stream_table.cc, how they are opened and parked in
// stream_opening.cc.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "source/discovery.h"
#include "source/parked_streams.h"
#include "source/pipe_reader.h"
#include "source/position.h"
#include "source/rename_trail.h"
#include "source/rotation_search.h"
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
  // `max_files` bounds the descriptors that are open at the same time.
  explicit StreamTable(size_t max_files) : max_files_(max_files), limit_(max_files) {}

  // Skips what the found files of a source hold now, when they come to be opened.
  void SkipContents(const Scan& scan, size_t source);
  // Starts with the streams of a saved state, all of them parked; before anything else.
  void Resume(Positions saved, Clock::Time now);
  // Follows what was found. What fails to open is added to the scan's problems, and its directory's interests: a change
  // of permission is worth another try.
  // After Reconcile: that this scan of so many sources began at a time, by the clock that stamps files.
  void NoteLook(const Scan& scan, const Discovery& discovery, size_t sources, int64_t time);
  Looks LooksToSave() const;
  void Reconcile(Scan& scan, const RenameTrail& trail, const Discovery& discovery, Clock::Time now);
  void OpenStdin(size_t source);
  // See SourceSet::Attach.
  StreamId OpenPipe(UniqueFd pipe, const std::string& name, size_t source, const std::string& attached_to);
  // Closes the descriptor of a regular file and keeps its position; the entry itself stays until Sweep.
  void Park(Stream& stream, Clock::Time now);
  // The sources have changed.
  // Other sources; directories are searched as if they were new.
  void Bind(const Discovery& discovery);
  void Sweep();

  // By ascending id, so that a file comes before its successor.
  std::vector<std::unique_ptr<Stream>>& streams() { return streams_; }
  const std::vector<std::unique_ptr<Stream>>& streams() const { return streams_; }
  const std::map<StreamId, ParkedStream>& parked() const { return parked_.by_id(); }
  Stream* Find(StreamId id) const;
  std::vector<StreamPosition> Positions(Clock::Time now) const;
  // The predecessors of streams that the receiver has not heard of yet.
  std::set<StreamId> AwaitedPredecessors() const;
  const PipeReader& pipes() const { return pipes_; }

  // Streams of which nothing more will come. The receiver is told once it has heard of their successors.
  std::vector<StreamId>& ended() { return ended_; }
  // Streams that were parked for want of descriptors since this was asked last.
  std::vector<StreamId> TakeEvicted() { return std::exchange(evicted_, {}); }
  std::vector<std::string>& warnings() { return warnings_; }

  // The files that wait for a descriptor, or for their predecessor, and may have unread bytes, with their sizes.
  const std::map<FileIdentity, uint64_t>& waiting() const { return waiting_; }
  // There are more files than descriptors.
  bool is_short() const { return is_short_ || limit_ < max_files_; }

  uint64_t rotations() const { return rotations_; }
  uint64_t lost_bytes() const { return lost_bytes_; }
  uint64_t opened() const { return opened_; }

 private:
  // One Reconcile: what the scan found, by path and by identity, and what is followed already.
  struct Look;
  // A file that is to be opened.
  struct Wanted {
    std::string path;
    size_t source = 0;
    const FoundFile* found = nullptr;  // null where it stands at no followed path
  };

  // Directories to be searched for rotated files, with what was known when they were new.
  struct Search {
    Clock::Time since;
    std::vector<RotationSearch::Directory> directories;
    RotationSearch::Known known;
    Looks looks;
  };

  Stream& Add(StreamId id, const std::string& path, size_t source);
  Result<Stream*> Open(const Wanted& wanted, Look& look);
  void OpenFile(UniqueFd file, const std::optional<StreamPosition>& position, Stream& stream);
  void Continue(const StreamPosition& position, const Wanted& wanted, Stream& stream, const Look& look);
  void AdoptTrail(const std::vector<RenameTrail::Entry>& entries, Look& look);
  bool AdoptRotated(const Wanted& wanted, const std::string& origin, Look& look);
  void LookAgainFor(const std::string& path, const std::string& origin, Look& look);
  void OpenFound(Look& look);
  bool OpenOne(const FoundFile& file, Look& look);
  static void NoteFirstPath(Stream& stream, const Look& look);
  void NoteShortage(size_t left_out, const Look& look);
  bool IsQuiet(const FoundFile& file);
  static size_t DescriptorsOf(const Stream& stream);
  void HeedLimit(Look& look);
  void NoteRefusal(Look& look);
  bool MakeRoom(Look& look);
  bool Evict(Look& look);
  Stream* Evictable(Clock::Time now) const;

  void SearchParked(Look& look);
  void SearchParked(ParkedStream& parked, RotationSearch& search, std::vector<RotationSearch::Unseen>& rotated,
                    Look& look);
  std::vector<RotationSearch::Unseen> FindUnseen(RotationSearch& search, const Look& look);
  void FindRenamed(std::vector<RotationSearch::Unseen>& rotated, Look& look);
  std::vector<RotationSearch::Directory> NewDirectories(const Scan& scan);
  RotationSearch::Known KnownFiles() const;
  void Lose(ParkedStream lost, Look& look);

  void Rebind(Stream& stream, const Look& look);
  void StartDraining(Stream& stream, Clock::Time now);
  void LinkToPredecessor(Stream& stream, Look& look);
  static void Follow(Stream& predecessor, Stream& successor, Clock::Time now);
  bool LinkToParked(Stream& stream, const Stream* open, Look& look);
  ParkedStream* LastLeft(const Stream& stream, Look& look);
  ParkedStream* OlderParked(const Stream& stream);
  void BoundDraining();
  void Forget(Look& look);

  const size_t max_files_;
  size_t limit_;            // the same, or fewer for a while after the kernel refused one
  Clock::Time refused_at_;  // when it did
  PipeReader pipes_;        // outlives the streams
  std::vector<std::unique_ptr<Stream>> streams_;
  ParkedStreams parked_;
  std::map<FileIdentity, uint64_t> starts_;          // where to begin in files that are not open yet
  // That the last scan listed.
  struct ListedDirectory {
    FileIdentity identity;
    DirectoryKey key;
  };
  std::map<std::string, ListedDirectory> directories_;
  std::vector<Search> searches_;
  std::set<FileIdentity> unclear_;  // files that may have been rotated during the last look
  std::map<FileIdentity, uint64_t> waiting_;
  std::vector<StreamId> ended_;
  std::vector<StreamId> evicted_;
  std::vector<std::string> warnings_;
  bool is_short_ = false;
  Looks looks_;
  Clock::Time finished_looked_at_;  // when parked files with a successor were looked for
  StreamId last_id_ = 0;
  uint64_t opened_ = 0;
  uint64_t rotations_ = 0;
  uint64_t lost_bytes_ = 0;
};

}  // namespace qte::source
