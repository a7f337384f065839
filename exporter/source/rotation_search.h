// Where files went that were rotated unseen: before a start, while their directory was away, while no
// source named them, or twice between two looks.
//
// A parked file that no longer stands where it is followed is looked for in its directory, as long as that is the same
// directory; another one, or none, means that the file is only away. A file with a longer name beside a followed path
// that was made later than the one known there was rotated away before anybody saw it: vm.log.1, if vm.log is new.
// Where a glob as vm.log* matches that name too, the file is followed anyway, and only its place among the others
// counts.
//
// Made for one look, since it remembers what it has listed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "source/discovery.h"
#include "source/position.h"
#include "source/stream.h"

namespace qte::source {

class RotationSearch {
 public:
  struct Sighting {
    enum class Kind { kAway, kThere, kGone };
    Kind kind = Kind::kAway;
    std::string path;   // where it is
    uint64_t size = 0;  // that it has now
    std::string error;  // why it is away
  };
  // Where the file of a position is now.
  Sighting Find(const StreamPosition& position);

  // The files known of a followed path.
  struct Files {
    FileIdentity newest;
    Age newest_age;
    int64_t first_birth = INT64_MAX;
  };
  struct Unseen {
    std::string origin;  // the followed path
    size_t source = 0;
    std::string path;
    FileIdentity file;
    int64_t birth = 0;
  };
  using Known = std::map<std::string, Files>;  // by path
  struct Directory {
    std::string path;
    DirectoryKey key;
  };
  // The files in a directory that were rotated away unseen. If no file of a path is known, those that are newer than
  // the last of `looks`.
  std::vector<Unseen> FindUnseen(const Directory& directory, const Scan& scan, const Known& known,
                                 const Discovery& discovery, const Looks& looks);

  // 2 of vm.log.2; 0 where the name ends in a date, or otherwise.
  static int64_t NumberOf(const std::string& path);
  // The order in which rotated files of one path were made, by their names where times of birth are equal.
  static bool IsOlder(const Unseen& a, const Unseen& b);

  // vm.log of vm.log.1 or vm.log-20261129.
  static std::optional<std::string> OriginalName(const std::string& path);
  // Whether both names may be of one log and its rotations: vm.log, vm.log.1 and vm-20261129.log, not vm1.log and
  // vm2.log.
  static bool AreOfOneLog(const std::string& a, const std::string& b);

 private:
  struct Entry {
    std::string name;
    uint64_t size = 0;
  };
  struct Listing {
    std::string error;  // why it cannot be listed
    std::multimap<FileIdentity, Entry> files;
  };
  const std::optional<FileIdentity>& IdentityOf(const std::string& directory);
  const Listing& List(const std::string& directory);
  Sighting FindIn(const std::string& directory, const StreamPosition& position);

  std::map<std::string, std::optional<FileIdentity>> identities_;  // of directories
  std::map<std::string, Listing> listings_;
};

}  // namespace qte::source
