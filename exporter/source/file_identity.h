// Which file it is, whatever it is called now.
//
// Device and inode are exact as long as a descriptor keeps the inode from being reused, so every followed file is held
// open. What must survive a restart (a checkpoint) needs more than that, the first bytes for one; it is added here.
#pragma once

#include <sys/stat.h>

#include <compare>

namespace qte::source {

struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;

  static FileIdentity Of(const struct stat& status) { return {status.st_dev, status.st_ino}; }
  auto operator<=>(const FileIdentity&) const = default;  // NOLINT(modernize-use-nullptr): clang-tidy 14 misreads <=>
};

}  // namespace qte::source
