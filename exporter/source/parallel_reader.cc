#include "source/parallel_reader.h"

#include <chrono>

namespace qte::source {
namespace {

constexpr std::chrono::milliseconds kQuantum{5};
// Small, so that lanes end at about the same time, and a chunk is still in the second-level cache when it is worked on.
constexpr size_t kLaneChunkBytes = 64 * 1024;

}  // namespace

const std::vector<ParallelReader::Turn>& ParallelReader::Read(const std::vector<Stream*>& streams) {
  if (!Assign(streams)) {
    turns_.clear();
    return turns_;
  }
  Clock::Time end = clock_.Now() + kQuantum;
  team_.Run(at_work_.size(), [&](size_t part) { ReadLane(*at_work_[part], end); });
  return turns_;
}

// True if there is work for more than one lane.
bool ParallelReader::Assign(const std::vector<Stream*>& streams) {
  for (Lane& lane : lanes_) lane.turns.clear();
  at_work_.clear();
  turns_.assign(streams.size(), {});
  for (size_t i = 0; i < streams.size(); ++i) {
    size_t number = receiver_.LaneOf(streams[i]->id);
    if (number >= lanes_.size()) lanes_.resize(number + 1);
    turns_[i].stream = streams[i];
    lanes_[number].turns.push_back(&turns_[i]);
  }
  for (Lane& lane : lanes_) {
    if (!lane.turns.empty()) at_work_.push_back(&lane);
  }
  return at_work_.size() > 1;
}

void ParallelReader::ReadLane(Lane& lane, Clock::Time end) {
  lane.buffer.resize(kLaneChunkBytes + kTailBytes + kReadPadding);
  bool has_more = true;
  do {
    has_more = false;
    for (Turn* turn : lane.turns) {
      if (turn->has_more) ReadChunk(*turn, lane);
      has_more = has_more || turn->has_more;
    }
  } while (has_more && clock_.Now() < end);
}

void ParallelReader::ReadChunk(Turn& turn, Lane& lane) {
  Follower& follower = *turn.stream->follower;
  uint64_t before = follower.offset();
  turn.last = follower.Next({lane.buffer.data(), kLaneChunkBytes + kTailBytes});
  turn.has_more = turn.last.kind == Reading::Kind::kBytes && LeavesMore(follower, turn.last, before, kLaneChunkBytes);
  if (turn.last.kind != Reading::Kind::kBytes) return;
  turn.has_data = true;
  turn.lost_bytes += turn.last.lost_bytes;
  if (!turn.last.bytes.empty()) receiver_.OnBytes(turn.stream->id, turn.last.bytes);
}

}  // namespace qte::source
