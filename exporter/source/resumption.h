// What a checkpoint knew, held against what is there now.
//
// While nobody looked, files were rotated (once or many times), truncated, deleted and replaced. A file is known again
// by device, inode and time of birth, and by its bytes (FileFollower looks at those). One that no longer stands where
// it is followed is looked for in its directory. A file with a longer name beside it that was made later was rotated
// away before anybody saw it: vm.log.1, if vm.log is new.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "source/discovery.h"
#include "source/position.h"
#include "source/rename_trail.h"

namespace qte::source {

class Resumption {
 public:
  Resumption() = default;
  explicit Resumption(Positions saved);

  // The files that were rotated away and are to be read first, where they are now, in the order they were made.
  std::vector<RenameTrail::Entry> RotatedAway(const Scan& scan, const Discovery& discovery) const;
  // The position of a file that was just opened; it is then no longer waited for.
  std::optional<StreamPosition> Take(FileIdentity identity, int file);
  // Those that are told only so that they are not read again.
  std::vector<StreamPosition> TakeFinished();
  // Those that are not there any more, once the scan's files have been opened. What may come later (its directory is
  // missing, it cannot be opened) is still waited for.
  std::vector<StreamPosition> TakeGone(const Scan& scan);
  // Those that are waited for.
  std::vector<StreamPosition> Waiting() const;
  StreamId last_id() const;

 private:
  using Streams = std::multimap<FileIdentity, StreamPosition>;
  struct Newest {
    StreamId id = 0;
    FileIdentity file;
    int64_t birth = 0;
  };
  using Places = std::map<std::string, FileIdentity, std::less<>>;  // what the scan found, by path

  Streams::const_iterator Find(FileIdentity identity, int64_t birth) const;
  std::optional<RenameTrail::Entry> RotatedAway(const std::string& path, const Places& found,
                                                const Discovery& discovery) const;

  int64_t looked_at_ = 0;
  Streams streams_;                       // that are waited for, and those that are finished
  std::map<std::string, Newest> newest_;  // by the path under which it was followed
};

}  // namespace qte::source
