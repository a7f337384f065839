#include "source/watcher.h"

#include <fnmatch.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace qte::source {
namespace {

constexpr uint32_t kOwnFate = IN_DELETE_SELF | IN_MOVE_SELF;
constexpr uint32_t kNames = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;
constexpr uint32_t kFileEvents = IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF | IN_ONESHOT;

// File systems whose files are also written elsewhere: inotify tells only of what this kernel does.
constexpr std::array<unsigned long, 7> kRemoteFileSystems = {NFS_SUPER_MAGIC,  SMB_SUPER_MAGIC, SMB2_SUPER_MAGIC,
                                                             CIFS_SUPER_MAGIC, V9FS_MAGIC,      FUSE_SUPER_MAGIC,
                                                             AFS_SUPER_MAGIC};

bool IsRemote(const struct statfs& status) {
  return std::find(kRemoteFileSystems.begin(), kRemoteFileSystems.end(), static_cast<unsigned long>(status.f_type)) !=
         kRemoteFileSystems.end();
}

uint32_t MaskOf(const DirectoryInterest& interest) {
  return kOwnFate | (interest.names.empty() ? 0 : kNames) | (interest.attributes ? IN_ATTRIB : 0U);
}

bool MatchesAny(const std::vector<std::string>& patterns, const char* name) {
  return std::any_of(patterns.begin(), patterns.end(), [name](const std::string& pattern) {
    return pattern == name || ::fnmatch(pattern.c_str(), name, FNM_PERIOD | FNM_NOESCAPE) == 0;
  });
}

}  // namespace

Watcher::Watcher() : inotify_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {}

bool Watcher::SetDirectories(const DirectoryInterests& wanted) {
  Directories watched;
  complete_ = true;
  for (const auto& [path, interest] : wanted) {
    if (!AddDirectory(path, interest, watched)) complete_ = false;
  }
  bool has_new = false;
  for (const auto& [watch, directory] : watched) {
    auto old = directories_.find(watch);
    has_new = has_new || old == directories_.end() || (directory.mask & ~old->second.mask) != 0;
  }
  for (const auto& [watch, directory] : directories_) {
    if (!watched.contains(watch)) ::inotify_rm_watch(inotify_.get(), watch);
  }
  directories_ = std::move(watched);
  return has_new;
}

// Two paths may lead to one directory, which has one watch: their interests add up. So do those of earlier looks, for
// what happens while the kernel replaces a watch's mask is not told.
bool Watcher::AddDirectory(const std::string& path, const DirectoryInterest& interest, Directories& watched) {
  uint32_t mask = MaskOf(interest);
  int watch = ::inotify_add_watch(inotify_.get(), path.c_str(), mask | IN_ONLYDIR | IN_MASK_ADD);
  if (watch < 0) return false;
  Directory& directory = watched[watch];
  if (directory.mask == 0) directory.path = path;
  directory.mask |= mask;
  directory.names.insert(directory.names.end(), interest.names.begin(), interest.names.end());
  struct statfs status;
  return ::statfs(path.c_str(), &status) == 0 && !IsRemote(status);
}

bool Watcher::WatchOnce(int file, uint32_t tag) {
  struct statfs status;
  if (::fstatfs(file, &status) != 0 || IsRemote(status)) return false;
  std::string path = "/proc/self/fd/" + std::to_string(file);  // this very inode, whatever its name
  int watch = ::inotify_add_watch(inotify_.get(), path.c_str(), kFileEvents);
  if (watch < 0) return false;
  file_tags_[watch] = tag;
  file_watches_[tag] = watch;
  return true;
}

void Watcher::Unwatch(uint32_t tag) {
  auto found = file_watches_.find(tag);
  if (found == file_watches_.end()) return;
  ::inotify_rm_watch(inotify_.get(), found->second);
  file_tags_.erase(found->second);
  file_watches_.erase(found);
}

Watcher::News Watcher::Take() {
  News news;
  alignas(inotify_event) char buffer[16384];
  while (inotify_) {
    ssize_t n = ::read(inotify_.get(), buffer, sizeof buffer);
    if (n <= 0) break;
    for (const char* p = buffer; p < buffer + n;) {
      inotify_event event;
      std::memcpy(&event, p, sizeof event);
      TakeEvent(event, event.len > 0 ? p + sizeof event : "", news);
      p += sizeof event + event.len;
    }
  }
  return news;
}

void Watcher::TakeEvent(const inotify_event& event, const char* name, News& news) {
  if (event.mask & IN_Q_OVERFLOW) {
    news.overflowed = true;
    return;
  }
  if (auto file = file_tags_.find(event.wd); file != file_tags_.end()) {
    news.files.push_back(file->second);
    if (event.mask & (IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF)) news.names_changed = true;
    file_watches_.erase(file->second);
    file_tags_.erase(file);
    return;
  }
  auto found = directories_.find(event.wd);
  if (found == directories_.end()) return;
  const Directory& directory = found->second;
  bool is_self = event.len == 0;
  if (is_self || MatchesAny(directory.names, name)) news.names_changed = true;
  if (!is_self) TakeArrival(event, directory.path + "/" + name, news);
  if (event.mask & IN_IGNORED) directories_.erase(found);
}

void Watcher::TakeArrival(const inotify_event& event, std::string path, News& news) {
  if (event.mask & IN_MOVED_FROM) {
    moved_from_ = std::move(path);
    moved_cookie_ = event.cookie;
  } else if (event.mask & IN_MOVED_TO) {
    bool is_inside = event.cookie == moved_cookie_;
    news.moves.push_back({is_inside ? std::exchange(moved_from_, {}) : "", std::move(path)});
  } else if (event.mask & IN_CREATE) {
    news.moves.push_back({"", std::move(path)});
  }
}

}  // namespace qte::source
