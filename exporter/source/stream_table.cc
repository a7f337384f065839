// The three cases of Rebind, for a stream that stood at path P:
//
//   P still names its file                    it stays (and drains no longer, if P was away for a while)
//   P does not, another matching path does    it moves there: vm.log is vm.log.1 now and the glob is vm.log*
//   none does                                 it drains
//
// A file that comes to stand at a path that a stream has left is that stream's successor, which is what a rotation is.

#include "source/stream_table.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "base/hash.h"
#include "source/file_follower.h"
#include "source/pipe_follower.h"

namespace qte::source {
namespace {

Error Failure() {
  return {std::string("cannot open: ") + std::strerror(errno)};
}

void Shorten(Clock::Duration window, Stream& stream, Clock::Time now) {
  if (stream.late_window <= window) return;
  stream.late_window = window;
  stream.drain_since = now;
}

void Leave(Stream& stream) {
  stream.former_path = stream.path;
  // One that was rotated away before a restart has its successor already.
  if (stream.is_announced || stream.was == 0) stream.has_successor = false;
  stream.is_idle = false;
}

// Where an open file stands; with a note of the kernel's behind it, if it is deleted.
std::string PlaceOf(int file) {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(file), error).string();
}

StreamPosition PositionOf(const Stream& stream, bool is_finished) {
  const FilePoint& point = *stream.follower->point();
  // As long as the receiver has not heard of the stream, its state is still kept under the old id.
  StreamId id = stream.is_announced || stream.was == 0 ? stream.id : stream.was;
  return {.id = id,
          .path = stream.opened_as,
          .place = PlaceOf(stream.follower->fd()),
          .file = stream.identity,
          .birth = stream.birth,
          .point = point,
          .is_finished = is_finished,
          .has_successor = stream.has_successor,
          .has_predecessor = stream.has_predecessor,
          .source = stream.source};
}

std::optional<FileIdentity> IdentityAt(const std::string& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return FileIdentity::Of(status);
}

void Return(Stream& stream) {
  stream.is_draining = false;
  stream.former_path.reset();
}

}  // namespace

struct StreamTable::Index {
  Index(const Scan& scan, const std::vector<std::unique_ptr<Stream>>& streams) {
    for (const FoundFile& file : scan.files) {
      by_path.emplace(file.path, &file);
      by_identity.emplace(file.identity, &file);
    }
    for (const auto& stream : streams) {
      if (!stream->is_stdin) followed.insert(stream->identity);
    }
  }

  std::unordered_map<std::string_view, const FoundFile*, TextHash> by_path;
  std::map<FileIdentity, const FoundFile*> by_identity;
  std::set<FileIdentity> followed;
  bool is_outdated = false;

  Stream* Outdated() {
    is_outdated = true;
    return nullptr;
  }
};

void StreamTable::SkipContents(const Scan& scan, size_t source) {
  Index index(scan, streams_);
  for (const FoundFile& file : scan.files) {
    if (file.source == source && !index.followed.contains(file.identity)) starts_.emplace(file.identity, file.size);
  }
}

void StreamTable::Reconcile(Scan& scan, const RenameTrail& trail, Clock::Time now) {
  Index index(scan, streams_);
  StreamId last_old = last_id_;
  AdoptRotatedAway(trail.entries(), index);
  for (const auto& stream : streams_) {
    if (!stream->is_stdin) Rebind(*stream, index, now);
  }
  OpenFound(scan, index);
  for (const auto& stream : streams_) {
    if (stream->id > last_old) stream->last_data = now;
    if (stream->id > last_linked_ && !stream->has_predecessor) LinkToPredecessor(*stream, now);
  }
  // Where names changed all the time, the look may have shown its predecessor still at its path: once more, then.
  last_linked_ = last_old;
  BoundDraining();
  ForgetFinished();
  // Of a file that is gone, the inode may come again as another file, which is to be read from its beginning.
  std::erase_if(starts_, [&](const auto& start) { return !index.by_identity.contains(start.first); });
}

void StreamTable::OpenStdin(size_t source) {
  Stream& stream = Add("-", source);
  stream.is_stdin = true;
  stream.follower = FollowStdin(pipes_);
}

// A file that is gone again was lost before anybody could look; there is nothing left to report on.
void StreamTable::AdoptRotatedAway(const std::vector<RenameTrail::Entry>& entries, Index& index) {
  for (const RenameTrail::Entry& entry : entries) {
    Result<Stream*> opened = Open(entry.path, entry.source, index);
    if (!opened || *opened == nullptr) continue;
    (*opened)->opened_as = entry.origin;
    (*opened)->path = entry.origin;  // which it leaves in what follows
  }
}

void StreamTable::OpenFound(Scan& scan, Index& index) {
  for (const FoundFile& file : scan.files) {
    Result<Stream*> opened = Open(file.path, file.source, index, &file);
    if (opened) continue;
    scan.problems.push_back({file.path, file.source, opened.error()});
    scan.directories[ParentOf(file.path)].attributes = true;
  }
  scan.is_outdated = index.is_outdated;
}

Stream* StreamTable::Find(StreamId id) const {
  auto found = std::find_if(streams_.begin(), streams_.end(), [id](const auto& stream) { return stream->id == id; });
  return found == streams_.end() ? nullptr : found->get();
}

Stream& StreamTable::Add(const std::string& path, size_t source) {
  auto stream = std::make_unique<Stream>();
  stream->id = NewId();
  stream->source = source;
  stream->opened_as = path;
  stream->path = path;
  streams_.push_back(std::move(stream));
  return *streams_.back();
}

// The new stream, or null if the file is followed already. It is looked at before it is opened, since opening has side
// effects (a FIFO's writer wakes up), and again afterwards, since the path may name another file by then.
//
// Null, too, if that is not the one that was `found` there: what came to the path in between has its turn after the
// next look. Both by the path, for some file systems give an open file another identity.
Result<Stream*> StreamTable::Open(const std::string& path, size_t source, Index& index, const FoundFile* found) {
  struct stat status;
  if (::stat(path.c_str(), &status) != 0) return Failure();
  if (!S_ISREG(status.st_mode) && !S_ISFIFO(status.st_mode)) return Error{"is neither a file nor a FIFO"};
  if (index.followed.contains(FileIdentity::Of(status))) return nullptr;
  if (found != nullptr && FileIdentity::Of(status) != found->identity) return index.Outdated();
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  if (!file || ::fstat(file.get(), &status) != 0) return Failure();
  FileIdentity identity = FileIdentity::Of(status);
  if (found != nullptr && identity != found->identity && IdentityAt(path) == identity) return index.Outdated();
  if (!index.followed.insert(identity).second) return nullptr;

  Stream& stream = Add(path, source);
  stream.identity = identity;
  if (S_ISFIFO(status.st_mode)) {
    stream.follower = FollowFifo(pipes_, std::move(file));
  } else {
    OpenFile(std::move(file), stream);
  }
  return &stream;
}

void StreamTable::OpenFile(UniqueFd file, Stream& stream) {
  stream.birth = BirthOf(file.get());
  auto start = starts_.extract(stream.identity);
  if (std::optional<StreamPosition> position = resumption_.Take(stream.identity, file.get())) {
    stream.was = position->id;
    stream.has_successor = position->has_successor;
    stream.has_predecessor = position->has_predecessor;
    stream.opened_as = position->path;
    stream.follower = std::make_unique<FileFollower>(std::move(file), position->point);
  } else if (start) {
    stream.follower = FileFollower::StartingAt(std::move(file), start.mapped());
  } else {
    stream.follower = std::make_unique<FileFollower>(std::move(file));
  }
}

void StreamTable::Rebind(Stream& stream, const Index& index, Clock::Time now) {
  auto at_path = index.by_path.find(stream.path);
  if (at_path != index.by_path.end() && at_path->second->identity == stream.identity) {
    if (stream.is_draining) Return(stream);
    stream.source = at_path->second->source;
    return;
  }
  auto moved = index.by_identity.find(stream.identity);
  if (moved != index.by_identity.end()) {
    if (!stream.is_draining) Leave(stream);
    stream.is_draining = false;
    stream.path = moved->second->path;
    return;
  }
  if (!stream.is_draining) {
    Leave(stream);
    stream.is_draining = true;
    stream.drain_since = now;
    stream.late_window = stream.has_successor ? Clock::Duration(kLateWriteWindow) : kMovedAwayWindow;
  }
  if (stream.follower->links() == 0) Shorten(kLateWriteWindow, stream, now);
}

void StreamTable::LinkToPredecessor(Stream& stream, Clock::Time now) {
  Stream* predecessor = nullptr;
  for (const auto& other : streams_) {
    if (other->id < stream.id && other->former_path == stream.opened_as && !other->has_successor) {
      predecessor = other.get();
    }
  }
  if (predecessor == nullptr) return;
  predecessor->has_successor = true;
  predecessor->is_awaited = true;
  Shorten(kLateWriteWindow, *predecessor, now);
  stream.has_predecessor = true;
  stream.after = predecessor->id;
  stream.predecessor = predecessor->id;
  ++rotations_;
}

void StreamTable::BoundDraining() {
  size_t draining = 0;
  for (auto stream = streams_.rbegin(); stream != streams_.rend(); ++stream) {
    if ((*stream)->is_draining && ++draining > kMaxDraining) (*stream)->late_window = {};
  }
}

void StreamTable::Resume(Resumption resumption, Scan& scan, const Discovery& discovery) {
  resumption_ = std::move(resumption);
  last_id_ = resumption_.last_id();
  finished_ = resumption_.TakeFinished();
  Index index(scan, streams_);
  AdoptRotatedAway(resumption_.RotatedAway(scan, discovery), index);
}

void StreamTable::Finish(const Stream& stream) {
  if (stream.birth != 0 && stream.follower->links() > 0) finished_.push_back(PositionOf(stream, true));
}

// A file is taken for a new one if it was made no earlier than one that is followed under the same path.
void StreamTable::ForgetFinished() {
  std::erase_if(finished_, [this](const StreamPosition& finished) {
    return std::none_of(streams_.begin(), streams_.end(), [&](const auto& stream) {
      return stream->opened_as == finished.path && stream->birth <= finished.birth;
    });
  });
}

std::vector<StreamPosition> StreamTable::Positions() const {
  std::vector<StreamPosition> positions = resumption_.Waiting();
  positions.insert(positions.end(), finished_.begin(), finished_.end());
  for (const auto& stream : streams_) {
    if (stream->follower->point() != nullptr) positions.push_back(PositionOf(*stream, false));
  }
  return positions;
}

}  // namespace qte::source
