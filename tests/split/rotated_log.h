// The writer's side: one QEMU's log, at a path that names one file after another.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace qte::split {

enum class Way {
  kRename,            // vm.log goes to a name of its own; QEMU opens vm.log anew (`logfile` in its monitor)
  kRenameThenReopen,  // the same, but for a while QEMU writes to the renamed file, and there is no vm.log
  kRenameLateLines,   // the same, but some lines reach the old file after the new one was made
  kTruncate,          // copytruncate: behind a hole of NULs if the writer does not append
  kDelete,            // the file has no name any more; QEMU opens vm.log anew
  kSwitchLink,        // vm.log is a symbolic link, and names another file now
  kShift,             // virtlogd: vm.log is vm.log.0, vm.log.0 is vm.log.1, ...
};
inline constexpr int kWays = 7;
std::string NameOf(Way way);

class RotatedLog {
 public:
  // Makes the first file. `is_link`: `path` is a symbolic link.
  RotatedLog(std::filesystem::path path, bool is_link, bool appends);

  const std::filesystem::path& path() const { return path_; }
  bool appends() const { return appends_; }
  bool is_link() const { return is_link_; }

  void Write(std::string_view text);
  // The old file leaves the path. What is written now still reaches it.
  void MoveAway(Way way);
  // A new file takes the path, and gets what is written from now on. `appends` is how it is opened.
  void OpenNew(bool appends);
  // To the file that was open before the last OpenNew.
  void WriteLate(std::string_view text);
  void Truncate();

 private:
  void Open(bool appends);

  std::filesystem::path path_;
  bool is_link_;
  bool appends_ = true;
  UniqueFd fd_;
  UniqueFd old_fd_;
  int files_ = 0;
};

}  // namespace qte::split
