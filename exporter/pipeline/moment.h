// A moment of pipeline and sources together: what a checkpoint holds.
//
//   {"pipeline": as in save.cc,
//    "positions": {"specs": [path, ...], "looked_at",
//                  "streams": [{"id", "path", "place", "device", "inode", "directory": [device, inode], "birth",
//                  "offset",
//                               "known_size", "has_data", "head": [size, hash], "tail": [size, hash], "predecessor",
//                               "has_successor", "drained", "announced", "link", "reclaimed", "unseen"}, ...]},
//    "qmp": as in qmp/keeper.h; may be missing,
//    "totals": {"rotations", "truncations", "lost_bytes", "reclaimed_bytes",
//               "pipe_full_seconds"}}
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "pipeline/pipeline.h"
#include "source/source_set.h"

namespace qte::pipeline {

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

// Series and offsets, taken between two batches.
struct Moment {
  std::vector<Pipeline::Saved> pipelines;  // at least one
  source::Positions positions;
  Totals totals;
  nlohmann::json qmp;    // what was switched on by QMP
  uint64_t version = 0;  // no other moment of this process has the same, unless there was nothing new
};

nlohmann::json ToJson(Moment moment);

// What a later process begins with: `pipeline` is for Pipeline::Restore.
struct Resumption {
  nlohmann::json pipeline;
  source::Positions positions;
  Totals totals;
  nlohmann::json qmp;
};

// Throws std::exception where the JSON is not what ToJson makes.
Resumption ResumptionFromJson(nlohmann::json payload);

}  // namespace qte::pipeline
