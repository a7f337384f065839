// How far every file was read, as a checkpoint keeps it.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "source/file_identity.h"
#include "source/fingerprint.h"
#include "source/looks.h"
#include "source/receiver.h"

namespace qte::source {

// One regular file. FIFOs and standard input bring no byte twice and have no position.
struct StreamPosition {
  StreamId id = 0;
  std::string path;   // as OnOpen told
  std::string place;  // where the file stood, whatever its name was by then
  FileIdentity file;
  FileIdentity directory;  // that held the file at `place`: another one, or none, means that the file is only away
  int64_t birth = 0;       // when the file was made, in ns since the epoch; 0 where the file system does not tell
  FilePoint point;
  StreamId predecessor = 0;    // the stream whose path this file took
  bool has_successor = false;  // another file took its path
  bool is_drained = false;     // it has left its path, and no late line came for long
  bool is_announced = false;   // the receiver has heard of it
  bool is_link = false;        // it was found through a symbolic link
  uint64_t reclaimed = 0;      // the disk got back what is before this offset
  int64_t unseen_seconds = 0;  // how long it has been looked for in vain
  // Of this process, not to be saved.
  size_t source = SIZE_MAX;    // index of the spec in force, where it is open
  uint64_t reclaim_above = 0;  // of that spec
};

struct Positions {
  Looks looks;
  std::vector<StreamPosition> streams;
  bool reclaims = false;  // some spec in force asks for it; not to be saved

  // What the receiver is still to know. A predecessor may have ended before its successor could take over from it.
  std::set<StreamId> Ids() const {
    std::set<StreamId> ids;
    for (const StreamPosition& position : streams) {
      ids.insert(position.id);
      if (!position.is_announced) ids.insert(position.predecessor);
    }
    return ids;
  }
};

}  // namespace qte::source
