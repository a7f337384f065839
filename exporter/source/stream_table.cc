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
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

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
  stream.has_successor = false;
  stream.is_idle = false;
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

  std::unordered_map<std::string_view, const FoundFile*> by_path;
  std::map<FileIdentity, const FoundFile*> by_identity;
  std::set<FileIdentity> followed;
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
  AdoptRotatedAway(trail, index);
  for (const auto& stream : streams_) {
    if (!stream->is_stdin) Rebind(*stream, index, now);
  }
  OpenFound(scan, index);
  for (const auto& stream : streams_) {
    if (stream->id > last_old) stream->last_data = now;
    if (stream->id > last_linked_ && !stream->has_predecessor) LinkToPredecessor(*stream, now);
  }
  // What was just opened may have come to its path after the look, which showed its predecessor there: once more, then.
  last_linked_ = last_old;
  BoundDraining();
  // Of a file that is gone, the inode may come again as another file, which is to be read from its beginning.
  std::erase_if(starts_, [&](const auto& start) { return !index.by_identity.contains(start.first); });
}

void StreamTable::OpenStdin(size_t source) {
  Stream& stream = Add("-", source);
  stream.is_stdin = true;
  stream.follower = FollowStdin(pipes_);
}

// A file that is gone again was lost before anybody could look; there is nothing left to report on.
void StreamTable::AdoptRotatedAway(const RenameTrail& trail, Index& index) {
  for (const RenameTrail::Entry& entry : trail.entries()) {
    Result<Stream*> opened = Open(entry.path, entry.source, index);
    if (!opened || *opened == nullptr) continue;
    (*opened)->opened_as = entry.origin;
    (*opened)->path = entry.origin;
  }
}

void StreamTable::OpenFound(Scan& scan, Index& index) {
  for (const FoundFile& file : scan.files) {
    Result<Stream*> opened = Open(file.path, file.source, index);
    if (opened) continue;
    scan.problems.push_back({file.path, file.source, opened.error()});
    scan.directories[ParentOf(file.path)].attributes = true;
  }
}

Stream* StreamTable::Find(StreamId id) const {
  auto found = std::find_if(streams_.begin(), streams_.end(), [id](const auto& stream) { return stream->id == id; });
  return found == streams_.end() ? nullptr : found->get();
}

Stream& StreamTable::Add(const std::string& path, size_t source) {
  auto stream = std::make_unique<Stream>();
  stream->id = ++last_id_;
  stream->source = source;
  stream->opened_as = path;
  stream->path = path;
  streams_.push_back(std::move(stream));
  return *streams_.back();
}

// The new stream, or null if the file is followed already. It is looked at before it is opened, since opening has side
// effects (a FIFO's writer wakes up), and again afterwards, since the path may name another file by then.
Result<Stream*> StreamTable::Open(const std::string& path, size_t source, Index& index) {
  struct stat status;
  if (::stat(path.c_str(), &status) != 0) return Failure();
  if (!S_ISREG(status.st_mode) && !S_ISFIFO(status.st_mode)) return Error{"is neither a file nor a FIFO"};
  if (index.followed.contains(FileIdentity::Of(status))) return nullptr;
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  if (!file || ::fstat(file.get(), &status) != 0) return Failure();
  FileIdentity identity = FileIdentity::Of(status);
  if (!index.followed.insert(identity).second) return nullptr;

  Stream& stream = Add(path, source);
  stream.identity = identity;
  auto start = starts_.extract(identity);
  if (S_ISFIFO(status.st_mode)) {
    stream.follower = FollowFifo(pipes_, std::move(file));
  } else {
    stream.follower = std::make_unique<FileFollower>(std::move(file), start ? start.mapped() : 0);
  }
  return &stream;
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
    stream.late_window = kMovedAwayWindow;
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
  ++rotations_;
}

void StreamTable::BoundDraining() {
  size_t draining = 0;
  for (auto stream = streams_.rbegin(); stream != streams_.rend(); ++stream) {
    if ((*stream)->is_draining && ++draining > kMaxDraining) (*stream)->late_window = {};
  }
}

}  // namespace qte::source
