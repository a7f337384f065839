// The three cases of Rebind, for a stream that stood at path P:
//
//   P still names its file                    it stays (and drains no longer, if P was away for a while)
//   P does not, another matching path does    it moves there: vm.log is vm.log.1 now and the glob is vm.log*
//   none does                                 it drains
//
// If nothing can be told about P, since its directory cannot be listed, the stream stays as it is.
//
// A file that comes to stand at a path that a stream has left is that stream's successor, which is what a rotation is.

#include "source/stream_table.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "source/stream_look.h"

namespace qte::source {
namespace {

void Shorten(Clock::Duration window, Stream& stream, Clock::Time now) {
  if (stream.late_window <= window) return;
  stream.late_window = window;
  stream.drain_since = now;
}

void Leave(Stream& stream) {
  stream.is_idle = false;
  if (stream.has_left) return;
  stream.has_left = true;
  stream.has_successor = false;
}

struct Place {
  std::string path;
  FileIdentity directory;
};

// Where an open file stands now. What the kernel calls it may be no path (it was deleted, or its file system was
// unmounted): then where it stood.
Place PlaceOf(const Stream& stream) {
  std::error_code error;
  std::string link = "/proc/self/fd/" + std::to_string(stream.follower->fd());
  std::string path = std::filesystem::read_symlink(link, error).string();
  if (error || IdentityAt(path) != stream.identity) return {stream.place, stream.directory};
  return {path, IdentityAt(ParentOf(path)).value_or(FileIdentity{})};
}

StreamPosition PositionOf(const Stream& stream) {
  // A file that stands at its path is where the last look found it.
  Place place = stream.is_draining ? PlaceOf(stream) : Place{stream.place, stream.directory};
  // What has left its directory is not reclaimed; of a link the reclaimer says so.
  bool is_where_found = stream.is_link || place.directory == stream.found_in;
  return {.id = stream.id,
          .path = stream.opened_as,
          .place = std::move(place.path),
          .file = stream.identity,
          .directory = place.directory,
          .birth = stream.birth,
          .point = *stream.follower->point(),
          .predecessor = stream.predecessor,
          .has_successor = stream.has_successor,
          .is_announced = stream.is_known || stream.is_announced,
          .is_link = stream.is_link,
          .reclaimed = stream.reclaimed,
          .source = is_where_found ? stream.source : SIZE_MAX};
}

// Another file system stands where the stream's was found, or none does.
bool IsUnmounted(const Stream& stream) {
  std::optional<FileIdentity> directory = IdentityAt(ParentOf(stream.path));
  return directory && directory->device != stream.found_in.device;
}

}  // namespace

Age AgeOf(const Stream& stream) {
  return {stream.birth, stream.has_left, stream.id};
}

Age AgeOf(const StreamPosition& position) {
  return {position.birth, position.place != position.path, position.id};
}

void Locate(Stream& stream) {
  Place place = PlaceOf(stream);
  stream.place = std::move(place.path);
  stream.directory = place.directory;
}

void StreamTable::SkipContents(const Scan& scan, size_t source) {
  std::set<FileIdentity> followed;
  for (const auto& stream : streams_) followed.insert(stream->identity);
  for (const FoundFile& file : scan.files) {
    if (file.source == source && !followed.contains(file.identity)) starts_.emplace(file.identity, file.size);
  }
}

void StreamTable::Bind(const Discovery& discovery) {
  parked_.Bind(discovery);
  directories_.clear();
}

void StreamTable::Resume(source::Positions saved, Clock::Time now) {
  looks_ = std::move(saved.looks);
  for (StreamPosition& position : saved.streams) {
    last_id_ = std::max(last_id_, position.id);
    bool was_at_end = position.point.offset >= position.point.known_size;
    parked_.Add({.position = std::move(position), .since = now, .parked_at = now, .was_at_end = was_at_end});
  }
  for (StreamId id : AwaitedPredecessors()) {
    if (!parked_.by_id().contains(id)) ended_.push_back(id);
  }
}

// Files may come to a directory while it is away, so it counts for a pattern only while all of the pattern's are there.
void StreamTable::NoteLook(const Scan& scan, const Discovery& discovery, size_t sources, int64_t time) {
  for (size_t i = 0; i < sources; ++i) {
    const std::string pattern = discovery.PatternOf(i);
    if (pattern.empty()) continue;
    looks_.Follow(pattern);
    if (!scan.incomplete.contains(i)) looks_.Note(pattern, time);
  }
  for (const auto& [path, directory] : directories_) looks_.Note(directory.key, time);
}

Looks StreamTable::LooksToSave() const {
  Looks looks = looks_;
  looks.Bound();
  return looks;
}

void StreamTable::Reconcile(Scan& scan, const RenameTrail& trail, const Discovery& discovery, Clock::Time now) {
  Look look(scan, discovery, streams_, now);
  HeedLimit(look);
  AdoptTrail(trail.entries(), look);
  SearchParked(look);
  for (const auto& stream : streams_) {
    if (stream->has_place()) Rebind(*stream, look);
  }
  OpenFound(look);
  for (const auto& stream : streams_) {
    if (stream->looks_for_predecessor > 0 && stream->predecessor == 0) LinkToPredecessor(*stream, look);
    if (stream->looks_for_predecessor > 0) --stream->looks_for_predecessor;
  }
  BoundDraining();
  Forget(look);
  // The inode of a file that is gone may come again as another file, which has to be read from its beginning.
  std::erase_if(starts_, [&](const auto& start) { return !look.by_identity.contains(start.first); });
}

std::set<StreamId> StreamTable::AwaitedPredecessors() const {
  std::set<StreamId> awaited;
  for (const auto& stream : streams_) {
    if (!stream->is_announced && !stream->is_known) awaited.insert(stream->predecessor);
  }
  for (const auto& [id, parked] : parked_.by_id()) {
    if (!parked.position.is_announced) awaited.insert(parked.position.predecessor);
  }
  awaited.erase(0);
  return awaited;
}

Stream* StreamTable::Find(StreamId id) const {
  auto found = std::partition_point(streams_.begin(), streams_.end(), [id](const auto& s) { return s->id < id; });
  return found == streams_.end() || (*found)->id != id ? nullptr : found->get();
}

void StreamTable::Sweep() {
  std::erase_if(streams_, [](const auto& stream) { return stream->follower == nullptr; });
}

void StreamTable::Rebind(Stream& stream, const Look& look) {
  auto at_path = look.by_path.find(stream.path);
  if (at_path != look.by_path.end() && at_path->second->identity == stream.identity) {
    if (stream.has_left) Locate(stream);
    stream.has_left = stream.path != stream.log_path();
    stream.is_draining = false;
    stream.source = at_path->second->source;
    return;
  }
  if (look.scan.IsUnknown(stream.path)) return;
  auto moved = look.by_identity.find(stream.identity);
  if (moved != look.by_identity.end()) {
    if (!stream.is_draining) Leave(stream);
    stream.is_draining = false;
    stream.path = moved->second->path;
    stream.has_left = stream.path != stream.log_path();
    Locate(stream);
    return;
  }
  if (!stream.is_draining) {
    Leave(stream);
    StartDraining(stream, look.now);
  }
  if (stream.follower->links() == 0) Shorten(kLateWriteWindow, stream, look.now);
}

void StreamTable::StartDraining(Stream& stream, Clock::Time now) {
  stream.is_draining = true;
  stream.drain_since = now;
  // A descriptor keeps an unmounted file system busy.
  bool is_short = stream.has_successor || IsUnmounted(stream);
  stream.late_window = is_short ? Clock::Duration(kLateWriteWindow) : kMovedAwayWindow;
}

// What has come to stand at a path follows the file that left it last. A file that has left it again by the time it is
// found tells its place by its time of birth, and may have to be put between two others.
void StreamTable::LinkToPredecessor(Stream& stream, Look& look) {
  Stream* predecessor = nullptr;
  Stream* successor = nullptr;
  bool is_path_shared = false;
  auto [begin, end] = look.OfPath(stream.log_path(), streams_);
  for (auto entry = begin; entry != end; ++entry) {
    Stream& other = *entry->second;
    const bool is_older = IsOlder(AgeOf(other), AgeOf(stream));
    if (!other.has_left && other.id < stream.id) is_path_shared = true;
    if (stream.has_left && !is_older && &other != &stream) {
      if (successor == nullptr || IsOlder(AgeOf(other), AgeOf(*successor))) successor = &other;
    }
    if (!other.has_left || !(is_older || (!stream.has_left && other.id < stream.id))) continue;
    if (other.has_successor && !stream.has_left) continue;
    if (predecessor == nullptr || IsOlder(AgeOf(*predecessor), AgeOf(other))) predecessor = &other;
  }
  stream.awaits_look = false;
  const bool is_after_parked = LinkToParked(stream, predecessor, look);
  if (!is_after_parked && predecessor != nullptr) {
    Follow(*predecessor, stream, look.now);
    if (predecessor->opened_as == stream.opened_as) ++rotations_;
  } else if (!is_after_parked) {
    // The look and the trail are of different moments: the next look tells which of the two has left the path.
    stream.awaits_look = is_path_shared && stream.looks_for_predecessor > 1;
    if (stream.awaits_look) look.scan.is_outdated = true;
  }
  // One that looks for its own predecessor finds this one.
  if (successor == nullptr || (successor->predecessor == 0 && successor->looks_for_predecessor > 0)) return;
  stream.has_successor = true;
  if (successor->is_announced || successor->is_known) return;
  if (successor->predecessor == 0 && successor->opened_as == stream.opened_as) ++rotations_;
  Follow(stream, *successor, look.now);
}

void StreamTable::Follow(Stream& predecessor, Stream& successor, Clock::Time now) {
  predecessor.has_successor = true;
  predecessor.is_awaited = true;
  predecessor.is_idle = false;
  Shorten(kLateWriteWindow, predecessor, now);
  successor.predecessor = predecessor.id;
  successor.after = predecessor.id;
}

// The predecessor may be closed already: lost unseen, or moved away long ago.
bool StreamTable::LinkToParked(Stream& stream, const Stream* open, Look& look) {
  if (auto gone = look.gone.find(stream.opened_as);
      gone != look.gone.end() && (open == nullptr || gone->second.id > open->id)) {
    stream.predecessor = gone->second.id;
    if (!gone->second.is_counted) ++rotations_;
    look.gone.erase(gone);
    return true;
  }
  ParkedStream* parked = stream.has_left ? OlderParked(stream) : LastLeft(stream, look);
  if (parked == nullptr) return false;
  const StreamPosition& position = parked->position;
  if (open != nullptr && IsOlder(AgeOf(position), AgeOf(*open))) return false;
  parked->position.has_successor = true;
  stream.predecessor = position.id;
  ++rotations_;
  return true;
}

// The one that left the path of a new file last, if nothing else has come there since.
ParkedStream* StreamTable::LastLeft(const Stream& stream, Look& look) {
  auto left = look.left.find(stream.opened_as);
  if (left == look.left.end() || left->second > stream.id) return nullptr;
  return &parked_.by_id().at(look.left.extract(left).mapped());
}

ParkedStream* StreamTable::OlderParked(const Stream& stream) {
  ParkedStream* newest = nullptr;
  for (auto& [id, parked] : parked_.by_id()) {
    if (parked.position.path != stream.opened_as || !IsOlder(AgeOf(parked.position), AgeOf(stream))) continue;
    if (newest == nullptr || IsOlder(AgeOf(newest->position), AgeOf(parked.position))) newest = &parked;
  }
  return newest;
}

void StreamTable::BoundDraining() {
  const size_t most = std::min(kMaxDraining, std::max<size_t>(max_files_ / 2, 1));
  size_t draining = 0;
  for (auto stream = streams_.rbegin(); stream != streams_.rend(); ++stream) {
    if ((*stream)->is_draining && ++draining > most) (*stream)->late_window = {};
  }
}

void StreamTable::Park(Stream& stream, Clock::Time now) {
  Locate(stream);
  ParkedStream parked{.position = PositionOf(stream), .since = now, .parked_at = now, .was_at_end = stream.is_at_end};
  parked.position.is_drained = stream.is_draining && (now >= stream.drain_deadline() || stream.is_at_end);
  parked.state = stream.is_draining ? ParkedStream::State::kElsewhere : ParkedStream::State::kWaiting;
  parked.source = stream.source;
  parked.position.source = SIZE_MAX;
  parked_.Add(std::move(parked));
  stream.follower.reset();
}

std::vector<StreamPosition> StreamTable::Positions(Clock::Time now) const {
  std::vector<StreamPosition> positions = parked_.Positions(now);
  for (const auto& stream : streams_) {
    if (stream->follower->point() != nullptr) positions.push_back(PositionOf(*stream));
  }
  return positions;
}

}  // namespace qte::source
