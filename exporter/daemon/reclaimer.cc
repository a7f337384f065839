#include "daemon/reclaimer.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/unique_fd.h"
#include "source/file_follower.h"
#include "source/path_pattern.h"

namespace qte::daemon {
namespace {

// The block size of most file systems; others round by themselves.
constexpr uint64_t kBlock = 4096;
// A hole costs a call and a journal entry: not for less than this.
constexpr uint64_t kLeast = 256 * 1024;

uint64_t EndOf(const source::StreamPosition& position) {
  uint64_t keep = source::kTailBytes;
  return position.point.offset < keep ? 0 : (position.point.offset - keep) / kBlock * kBlock;
}

bool IsNamed(const source::StreamPosition& position) {
  return position.reclaim_above > 0;
}

// The directory that held the file when it was looked at last; none if another one stands there.
UniqueFd OpenDirectory(const source::StreamPosition& position) {
  UniqueFd directory(::open(source::ParentOf(position.place).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct stat status;
  bool is_same =
      directory && ::fstat(directory.get(), &status) == 0 && source::FileIdentity::Of(status) == position.directory;
  return is_same ? std::move(directory) : UniqueFd();
}

}  // namespace

uint64_t Reclaimer::ReclaimedOf(const source::StreamPosition& position) const {
  auto known = known_.find(position.file);
  uint64_t reclaimed = known == known_.end() ? position.reclaimed : known->second.reclaimed;
  // Truncated since: what stands there now has not been given back.
  return reclaimed > position.point.offset ? 0 : reclaimed;
}

void Reclaimer::Fill(source::Positions& positions) const {
  for (source::StreamPosition& position : positions.streams) position.reclaimed = ReclaimedOf(position);
}

bool Reclaimer::IsUrgent(const source::Positions& now) const {
  return std::any_of(now.streams.begin(), now.streams.end(), [this](const source::StreamPosition& position) {
    if (!IsNamed(position)) return false;
    auto known = known_.find(position.file);
    if (known != known_.end() && known->second.is_refused) return false;
    return EndOf(position) > ReclaimedOf(position) + position.reclaim_above / 2;
  });
}

void Reclaimer::Reclaim(const source::Positions& written) {
  std::map<source::FileIdentity, Known> known;
  for (const source::StreamPosition& position : written.streams) {
    auto before = known_.find(position.file);
    Known file = before == known_.end() ? Known{} : before->second;
    file.reclaimed = ReclaimedOf(position);
    if (IsNamed(position)) ReclaimFile(position, file);
    if (file.reclaimed > 0 || file.is_refused) known[position.file] = file;
  }
  known_ = std::move(known);
}

// A refusal is told once, and tried again: links come and go.
void Reclaimer::ReclaimFile(const source::StreamPosition& position, Known& known) {
  if (EndOf(position) < std::max(known.reclaimed, kBlock) + kLeast && known.reclaimed > 0) return;
  std::string reason = Punch(position, known);
  bool was_refused = std::exchange(known.is_refused, !reason.empty());
  if (!known.is_refused || was_refused) return;
  spdlog::error("{}: cannot give back what was read of it: {}; it will go on growing", position.path, reason);
}

std::string Reclaimer::Punch(const source::StreamPosition& position, Known& known) {
  if (position.is_link) return "it is reached through a symbolic link";
  // Renamed or deleted meanwhile: the next checkpoint knows where to.
  UniqueFd directory = OpenDirectory(position);
  if (!directory) return {};
  std::string name = position.place.substr(position.place.rfind('/') + 1);
  UniqueFd file(::openat(directory.get(), name.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat status;
  if (!file || ::fstat(file.get(), &status) != 0) {
    bool has_moved = errno == ENOENT || errno == ELOOP;
    return has_moved ? "" : std::strerror(errno);
  }
  if (source::FileIdentity::Of(status) != position.file || !S_ISREG(status.st_mode)) return {};
  if (status.st_nlink != 1) return "it has " + std::to_string(status.st_nlink) + " names (hard links)";
  if (!source::FileFollower::IsSameFile(file.get(), position.point)) return {};

  const uint64_t begin = std::max(known.reclaimed, kBlock);
  const uint64_t end = EndOf(position);
  // Nothing to give back yet: asks behind the end whether it could be.
  const bool is_probe = end <= begin;
  off_t at = is_probe ? (status.st_size / static_cast<off_t>(kBlock) + 1) * static_cast<off_t>(kBlock)
                      : static_cast<off_t>(begin);
  off_t size = static_cast<off_t>(is_probe ? kBlock : end - begin);
  if (::fallocate(file.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, size) != 0) {
    return errno == EOPNOTSUPP ? "its file system cannot punch holes" : std::strerror(errno);
  }
  known.reclaimed = std::max(begin, end);
  if (!is_probe) bytes_ += end - begin;
  return {};
}

}  // namespace qte::daemon
