// All that a restart needs, taken between two batches: guests, positions, and what is switched on by QMP.
//
//   {"guests": as in guests.h,
//    "positions": {"patterns": {path or glob: time, ...}, "directories": [[inode, birth, time], ...],
//                  "streams": [{"id", "path", "place", "device", "inode", "directory": [device, inode], "birth",
//                               "offset", "known_size", "has_data", "head": [size, hash], "tail": [size, hash], "predecessor",
//                               "has_successor", "drained", "announced", "link", "reclaimed", "unseen"}, ...]},
//    "qmp": as in qmp/keeper.h; may be missing,
//    "logins": [network of clients that have logged in over HTTP, ...]; may be missing,
//    "totals": {"rotations", "truncations", "lost_bytes", "reclaimed_bytes",
//               "pipe_full_seconds"}}
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "guests/guests.h"
#include "source/source_set.h"

namespace qte::guests {

// Counts of all processes up to now.
struct Totals {
  uint64_t rotations = 0;
  uint64_t truncations = 0;
  uint64_t lost_bytes = 0;
  uint64_t reclaimed_bytes = 0;
  double pipe_full_seconds = 0;
};

// Without what was reclaimed, which sources do not know.
Totals Sum(const Totals& before, const source::SourceTotals& now);

struct Checkpoint {
  Guests::Saved guests;
  source::Positions positions;
  Totals totals;
  nlohmann::json qmp;               // what was switched on by QMP
  std::vector<std::string> logins;  // networks of clients that have logged in
  uint64_t version = 0;  // no other checkpoint of this process has the same, unless there was nothing new
};

// Moves what is large: learned names and open requests would otherwise be in memory twice.
nlohmann::json ToJson(Checkpoint checkpoint);

// What a later process begins with: `guests` is for Guests::Restore.
struct SavedState {
  nlohmann::json guests;
  source::Positions positions;
  Totals totals;
  nlohmann::json qmp;
  std::vector<std::string> logins;
};

// Throws std::exception where the JSON is not what ToJson makes.
SavedState SavedStateFromJson(nlohmann::json payload);

}  // namespace qte::guests
