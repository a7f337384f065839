// How streams come to be open, and which of them have a descriptor where there are more files than descriptors.
//
// Files then take turns. One that was read to its end gives its descriptor to a file that waits, the longest silent one
// first; a busy one after kTurn. A parked file that is as large as it was waits for nothing. Each look moves at most
// half of the descriptors, so that most of the time goes into reading.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <tuple>
#include <utility>

#include "source/file_follower.h"
#include "source/pipe_follower.h"
#include "source/stream_look.h"

namespace qte::source {
namespace {

constexpr std::chrono::seconds kTurn{2};
constexpr size_t kPerPipe = 2;  // its read end, and what tells that it is readable
// A new stream looks for its predecessor in two looks: where names change all the time, the first one may have shown
// the predecessor still at its path.
constexpr int kLooksForPredecessor = 2;

Error Failure() {
  return {std::string("cannot open: ") + std::strerror(errno) + RemedyOf(errno)};
}

bool IsLink(const std::string& path) {
  struct stat status;
  return ::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode);
}

}  // namespace

void StreamTable::OpenStdin(size_t source) {
  Stream& stream = Add(++last_id_, "-", source);
  stream.is_stdin = true;
  stream.follower = FollowStdin(pipes_);
}

StreamId StreamTable::OpenPipe(UniqueFd pipe, const std::string& name, size_t source, const std::string& attached_to) {
  Stream& stream = Add(++last_id_, name, source);
  stream.attached_to = attached_to;
  stream.follower = FollowPipe(pipes_, std::move(pipe));
  return stream.id;
}

Stream& StreamTable::Add(StreamId id, const std::string& path, size_t source) {
  auto stream = std::make_unique<Stream>();
  stream->id = id;
  stream->source = source;
  stream->opened_as = path;
  stream->path = path;
  ++opened_;
  auto place = std::partition_point(streams_.begin(), streams_.end(), [id](const auto& s) { return s->id < id; });
  return **streams_.insert(place, std::move(stream));
}

// The stream, or null if the file is followed already. It is looked at before it is opened, since opening has side
// effects (a FIFO's writer wakes up), and again afterwards, since the path may name another file by then.
//
// Null, too, if that is not the one that was `found` there: what came to the path in between has its turn after the
// next look. Both by the path, for some file systems give an open file another identity.
Result<Stream*> StreamTable::Open(const Wanted& wanted, Look& look) {
  const std::string& path = wanted.path;
  struct stat status;
  if (::stat(path.c_str(), &status) != 0) return Failure();
  if (!S_ISREG(status.st_mode) && !S_ISFIFO(status.st_mode)) return Error{"is neither a file nor a FIFO"};
  if (look.followed.contains(FileIdentity::Of(status))) return nullptr;
  if (wanted.found != nullptr && FileIdentity::Of(status) != wanted.found->identity) return look.Outdated();
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  if (!file || ::fstat(file.get(), &status) != 0) {
    Error failure = Failure();
    if (errno == EMFILE || errno == ENFILE) NoteRefusal(look);
    return failure;
  }
  FileIdentity identity = FileIdentity::Of(status);
  if (wanted.found != nullptr && identity != wanted.found->identity && IdentityAt(path) == identity) {
    return look.Outdated();
  }
  if (!look.followed.insert(identity).second) return nullptr;

  std::optional<StreamPosition> position;
  if (S_ISREG(status.st_mode)) {
    for (ParkedStream& replaced : parked_.TakeReplaced(identity, file.get())) Lose(std::move(replaced), look);
    position = parked_.Take(identity, file.get());
  }
  Stream& stream = Add(position ? position->id : ++last_id_, path, wanted.source);
  stream.identity = identity;
  stream.opened_at = look.now;
  stream.last_data = look.now;
  stream.place = path;
  stream.is_link = IsLink(path);
  stream.found_in = IdentityAt(ParentOf(path)).value_or(FileIdentity{});
  stream.directory = stream.found_in;
  stream.looks_for_predecessor = kLooksForPredecessor;
  if (S_ISFIFO(status.st_mode)) {
    stream.follower = FollowFifo(pipes_, std::move(file));
  } else {
    OpenFile(std::move(file), position, stream);
    Locate(stream);
  }
  look.descriptors += DescriptorsOf(stream);
  if (position) Continue(*position, wanted, stream, look);
  return &stream;
}

void StreamTable::OpenFile(UniqueFd file, const std::optional<StreamPosition>& position, Stream& stream) {
  stream.birth = BirthOf(file.get());
  auto start = starts_.extract(stream.identity);
  if (position) {
    stream.follower = std::make_unique<FileFollower>(std::move(file), position->point);
  } else if (start) {
    stream.follower = FileFollower::StartingAt(std::move(file), start.mapped());
  } else {
    stream.follower = std::make_unique<FileFollower>(std::move(file));
  }
}

// A stream that was parked. It keeps the path that it came with, unless no source names that any more.
void StreamTable::Continue(const StreamPosition& position, const Wanted& wanted, Stream& stream, const Look& look) {
  bool is_named = wanted.found == nullptr || look.discovery.SourceOf(position.path).has_value();
  if (is_named) stream.opened_as = position.path;
  // It was renamed while it was not open: what stands at its path now is its successor.
  stream.has_left = stream.opened_as != stream.path;
  if (wanted.found == nullptr) stream.is_link = position.is_link;
  stream.is_known = position.is_announced;
  stream.predecessor = position.predecessor;
  stream.has_successor = position.has_successor;
  stream.reclaimed = position.reclaimed;
  if (stream.is_known) stream.looks_for_predecessor = 0;
}

// A file that was rotated away. If it is gone again, it was lost before anybody could look; there is nothing left to
// report on. False if it cannot be opened for want of descriptors.
bool StreamTable::AdoptRotated(const Wanted& wanted, const std::string& origin, Look& look) {
  if (!MakeRoom(look)) return false;
  const StreamId last = last_id_;
  Result<Stream*> opened = Open(wanted, look);
  if (!opened || *opened == nullptr) return !look.lacks_descriptors;
  Stream& stream = **opened;
  if (stream.id > last) stream.opened_as = origin;
  stream.path = origin;
  stream.has_left = true;
  StartDraining(stream, look.now);
  return true;
}

void StreamTable::AdoptTrail(const std::vector<RenameTrail::Entry>& entries, Look& look) {
  for (const RenameTrail::Entry& entry : entries) {
    if (!AdoptRotated({entry.path, entry.source, nullptr}, entry.origin, look)) LookAgainFor(entry.path, entry.origin, look);
  }
}

// There was no descriptor for it. What came after it waits.
void StreamTable::LookAgainFor(const std::string& path, const std::string& origin, Look& look) {
  look.blocked.insert(origin);
  directories_.erase(ParentOf(path));  // so that it is searched again
}

// Without descriptors for all, those that have waited longest are opened first. Else vm.log.2 before vm.log.1 before
// vm.log, since times of birth may be equal.
void StreamTable::OpenFound(Look& look) {
  waiting_.clear();
  std::vector<std::pair<Clock::Time, const FoundFile*>> files;
  for (const FoundFile& file : look.scan.files) {
    if (!look.followed.contains(file.identity)) files.emplace_back(Clock::Time{}, &file);
  }
  auto number = [](const auto& file) { return RotationSearch::NumberOf(file.second->path); };
  std::stable_sort(files.begin(), files.end(), [&](const auto& a, const auto& b) { return number(a) > number(b); });
  if (look.descriptors + files.size() > limit_) {
    for (auto& [since, file] : files) {
      if (const ParkedStream* parked = parked_.Find(file->identity)) since = parked->parked_at;
    }
    std::stable_sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  }
  size_t left_out = 0;
  for (const auto& [since, file] : files) {
    if (!OpenOne(*file, look)) ++left_out;
  }
  NoteShortage(left_out, look);
}

// False if there is no descriptor for it.
bool StreamTable::OpenOne(const FoundFile& file, Look& look) {
  if (look.blocked.contains(file.path) || unclear_.contains(file.identity)) {
    waiting_.emplace(file.identity, file.size);
    return true;
  }
  if (look.descriptors >= limit_ && IsQuiet(file)) return false;
  if (MakeRoom(look)) {
    Result<Stream*> opened = Open({file.path, file.source, &file}, look);
    if (!opened && look.lacks_descriptors && Evict(look)) opened = Open({file.path, file.source, &file}, look);
    if (opened && *opened != nullptr && !(*opened)->is_known) NoteFirstPath(**opened, look);
    if (opened) return true;
    look.scan.problems.push_back({file.path, file.source, opened.error(), look.lacks_descriptors});
    look.scan.directories[ParentOf(file.path)].attributes = true;
    if (!look.lacks_descriptors) return true;
  } else if (parked_.Find(file.identity) == nullptr) {
    look.scan.problems.push_back({file.path, file.source, "waits for a free file descriptor", true});
  }
  waiting_.emplace(file.identity, file.size);
  return false;
}

// Rotated files that were there before their log was known are older parts of it, if they are older. They keep the path
// that they were found at, by which a pattern may know them as another VM's.
void StreamTable::NoteFirstPath(Stream& stream, const Look& look) {
  if (!stream.is_file() || stream.has_left) return;
  std::optional<std::string> origin = RotationSearch::OriginalName(stream.path);
  if (!origin || !look.by_path.contains(*origin)) return;
  const int64_t at_origin = BirthOf(AT_FDCWD, *origin);  // 0 in the middle of a rotation
  if (stream.birth == 0 || (at_origin != 0 && stream.birth > at_origin)) return;
  stream.first_path = std::move(*origin);
  stream.has_left = true;
}

// A file that has nothing to read, as far as its size tells.
bool StreamTable::IsQuiet(const FoundFile& file) {
  const ParkedStream* parked = parked_.Find(file.identity);
  return parked != nullptr && parked->was_at_end && parked->position.point.known_size == file.size;
}

void StreamTable::NoteShortage(size_t left_out, const Look& look) {
  // Without descriptors the look may have found no file at all.
  bool stays_short = is_short_ && limit_ < max_files_;
  bool was_short = std::exchange(is_short_, left_out > 0 || stays_short);
  if (!is_short_ || was_short) return;
  warnings_.push_back(
      std::to_string(look.scan.files.size()) + " logs are to be followed, but only " + std::to_string(streams_.size()) +
      " can be open at the same time, since file descriptors are limited. The logs take turns, so lines "
      "are counted late. Raise the limit (LimitNOFILE= in the systemd unit, ulimit -n in a shell)");
}

// Some have to be free for listing directories, or nothing would ever change.
void StreamTable::NoteRefusal(Look& look) {
  constexpr size_t kFree = 4;
  look.lacks_descriptors = true;
  limit_ = std::max(look.descriptors, kFree + 1) - kFree;
  refused_at_ = look.now;
}

void StreamTable::HeedLimit(Look& look) {
  constexpr std::chrono::minutes kNextTry{1};
  if (limit_ < max_files_ && look.now - refused_at_ >= kNextTry) limit_ = max_files_;
  while (look.descriptors > limit_ && Evict(look)) continue;
}

bool StreamTable::MakeRoom(Look& look) {
  if (look.lacks_descriptors) return false;
  return look.descriptors < limit_ || Evict(look);
}

bool StreamTable::Evict(Look& look) {
  Stream* stream = look.evictions < std::max<size_t>(max_files_ / 2, 1) ? Evictable(look.now) : nullptr;
  if (stream == nullptr) return false;
  ++look.evictions;
  look.lacks_descriptors = false;
  look.descriptors -= DescriptorsOf(*stream);
  evicted_.push_back(stream->id);
  Park(*stream, look.now);
  Sweep();
  return true;
}

// One that drains or has been silent for longest, else the one that has had its turn. A file that was deleted cannot be
// opened again, and one that another file waits for has to be read first.
Stream* StreamTable::Evictable(Clock::Time now) const {
  Stream* best = nullptr;
  auto rank = [](const Stream& stream) {
    Clock::Time since = stream.is_at_end ? stream.last_data : stream.opened_at;
    return std::tuple(!stream.is_at_end, !stream.is_draining, since);
  };
  for (const auto& stream : streams_) {
    bool is_free = stream->is_at_end || now - stream->opened_at >= kTurn;
    if (!stream->is_file() || !is_free || !stream->is_announced || stream->is_awaited) continue;
    if (stream->follower->links() == 0) continue;
    if (best == nullptr || rank(*stream) < rank(*best)) best = stream.get();
  }
  return best;
}

size_t StreamTable::DescriptorsOf(const Stream& stream) {
  return stream.is_file() ? 1 : kPerPipe;
}

}  // namespace qte::source
