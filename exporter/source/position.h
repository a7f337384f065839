// How far every file was read, as a checkpoint keeps it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "source/file_identity.h"
#include "source/fingerprint.h"
#include "source/receiver.h"

namespace qte::source {

// One regular file. FIFOs and standard input bring no byte twice and have no position.
struct StreamPosition {
  StreamId id = 0;
  std::string path;   // as OnOpen told
  std::string place;  // where the file stood, whatever its name was by then
  FileIdentity file;
  int64_t birth = 0;  // when the file was made, in ns since the epoch; 0 where the file system does not tell
  FilePoint point;
  bool is_finished = false;      // rotated away, and read to its end: told only so that it is not taken for a new one
  bool has_successor = false;    // a file at its old path was told from it
  bool has_predecessor = false;  // it is such a file
  // Of this process, not to be saved.
  size_t source = SIZE_MAX;    // index of the spec in force, where it is open
  uint64_t reclaim_above = 0;  // of that spec
};

struct Positions {
  std::vector<std::string> specs;  // the paths and globs that were followed
  int64_t looked_at = 0;           // when it was looked for files last, by the clock that stamps files
  std::vector<StreamPosition> streams;
  bool reclaims = false;  // some spec in force asks for it; not to be saved
};

}  // namespace qte::source
