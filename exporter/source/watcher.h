// inotify, as far as it is free of charge for QEMU.
//
// A standing IN_MODIFY watch on a log, or on its directory, makes each of QEMU's writes dearer. So directories are
// watched for names only (and for permissions only while a file in them is refused, since IN_ATTRIB makes the kernel
// look at the directory on each write to a child), and a file carries a watch only while it is idle, and only until the
// first event. Where inotify cannot be trusted (too few watches, network file systems) the watcher says so and the
// caller polls. One thread.
#pragma once

#include <sys/inotify.h>

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/unique_fd.h"
#include "source/path_pattern.h"

namespace qte::source {

class Watcher {
 public:
  // What stands at `to` now was at `from` before; it is new, or came from elsewhere, if `from` is empty. Full paths.
  struct Move {
    std::string from;
    std::string to;
  };

  // What happened since the last Take().
  struct News {
    bool names_changed = false;   // some entry of interest came, went or changed
    bool overflowed = false;      // events were lost: everything may have changed
    std::vector<uint32_t> files;  // tags of the files whose watch has fired, and is gone by that
    std::vector<Move> moves;      // in order
  };

  Watcher();

  // Readable when there is news; -1 without inotify.
  int fd() const { return inotify_.get(); }
  // True while every directory asked for is watched.
  bool complete() const { return complete_; }

  // Watches exactly these directories. True if something is watched now that was not before: what happened until then
  // is to be found by another look.
  bool SetDirectories(const DirectoryInterests& wanted);
  // Waits for one event on an open file. False if that is impossible.
  bool WatchOnce(int file, uint32_t tag);
  void Unwatch(uint32_t tag);

  News Take();

 private:
  struct Directory {
    std::string path;
    uint32_t mask = 0;
    std::vector<std::string> names;
  };
  using Directories = std::map<int, Directory>;

  bool AddDirectory(const std::string& path, const DirectoryInterest& interest, Directories& watched);
  void TakeEvent(const inotify_event& event, const char* name, News& news);
  void TakeArrival(const inotify_event& event, std::string path, News& news);

  UniqueFd inotify_;
  bool complete_ = false;
  Directories directories_;  // by watch descriptor
  std::unordered_map<int, uint32_t> file_tags_;
  std::unordered_map<uint32_t, int> file_watches_;
  std::string moved_from_;  // the last IN_MOVED_FROM, whose IN_MOVED_TO comes next if it was a move inside
  uint32_t moved_cookie_ = 0;
};

}  // namespace qte::source
