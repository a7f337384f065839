// Which file it is, whatever it is called now.
//
// Device and inode are exact as long as a descriptor keeps the inode from being reused. Once a file was closed, more is
// needed to know it again: when it was made, and some of its bytes (fingerprint.h).
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <compare>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>

namespace qte::source {

struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;

  static FileIdentity Of(const struct stat& status) { return {status.st_dev, status.st_ino}; }
  auto operator<=>(const FileIdentity&) const = default;  // NOLINT(modernize-use-nullptr): clang-tidy 14 misreads <=>
};

// The file or directory that a path names, through links.
inline std::optional<FileIdentity> IdentityAt(const std::string& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return FileIdentity::Of(status);
}

// When an open file (or, with AT_FDCWD, the one at `path`) was made, in ns since the epoch; 0 if that is not known.
inline int64_t BirthOf(int file, const std::string& path = {}) {
  struct statx status;
  int flags = path.empty() ? AT_EMPTY_PATH : 0;
  if (::statx(file, path.c_str(), flags, STATX_BTIME, &status) != 0 || (status.stx_mask & STATX_BTIME) == 0) return 0;
  return int64_t{status.stx_btime.tv_sec} * 1'000'000'000 + status.stx_btime.tv_nsec;
}

// A lower bound of the births of all files that are made from now on. Births move in ticks. Since Linux 6.13 they may be
// ahead of the tick, but never behind it.
inline int64_t FileClockNow() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace qte::source
