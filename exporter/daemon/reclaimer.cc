#include "daemon/reclaimer.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/unique_fd.h"
#include "source/file_follower.h"

namespace qte::daemon {
namespace {

// Of most file systems; others round by themselves.
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

}  // namespace

bool Reclaimer::IsUrgent(const source::Positions& now) const {
  return std::any_of(now.streams.begin(), now.streams.end(), [this](const source::StreamPosition& position) {
    if (!IsNamed(position)) return false;
    auto known = known_.find(position.file);
    if (known != known_.end() && known->second.is_impossible) return false;
    uint64_t reclaimed = known == known_.end() ? 0 : known->second.reclaimed;
    return EndOf(position) > reclaimed + position.reclaim_above / 2;
  });
}

void Reclaimer::Reclaim(const source::Positions& written) {
  std::map<source::FileIdentity, Known> known;
  for (const source::StreamPosition& position : written.streams) {
    if (!IsNamed(position)) continue;
    Known& file = known[position.file] = known_[position.file];
    // Truncated since: what stands there now has not been given back.
    if (file.reclaimed > position.point.offset) file.reclaimed = 0;
    if (!file.is_impossible) ReclaimFile(position, file);
  }
  known_ = std::move(known);
}

void Reclaimer::ReclaimFile(const source::StreamPosition& position, Known& known) {
  uint64_t begin = std::max(known.reclaimed, kBlock);
  uint64_t end = EndOf(position);
  if (end < begin + kLeast && known.reclaimed > 0) return;

  UniqueFd file(::open(position.place.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat status;
  if (!file && errno == ENOENT) return;  // renamed or deleted meanwhile; the next checkpoint knows where to
  if (file && ::fstat(file.get(), &status) == 0) {
    if (source::FileIdentity::Of(status) != position.file) return;
    if (!source::FileFollower::IsSameFile(file.get(), position.point)) return;
    // Nothing to give back yet: asks behind the end whether it could be.
    bool is_probe = end <= begin;
    off_t at = is_probe ? (status.st_size / kBlock + 1) * kBlock : static_cast<off_t>(begin);
    off_t size = static_cast<off_t>(is_probe ? kBlock : end - begin);
    if (::fallocate(file.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, size) == 0) {
      known.reclaimed = std::max(begin, end);
      if (!is_probe) bytes_ += end - begin;
      return;
    }
  }
  known.is_impossible = true;
  std::string reason = errno == EOPNOTSUPP ? "its file system cannot punch holes" : std::strerror(errno);
  spdlog::error("{}: cannot give back what was read of it: {}; it will go on growing", position.path, reason);
}

}  // namespace qte::daemon
