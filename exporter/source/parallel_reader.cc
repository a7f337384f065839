#include "source/parallel_reader.h"

#include <algorithm>

namespace qte::source {
namespace {

// Small, so that lanes end at about the same time, and a chunk is still in the second-level cache when it is worked on.
constexpr size_t kLaneChunkBytes = 64 * 1024;

}  // namespace

const std::vector<ParallelReader::Turn>& ParallelReader::Read(const std::vector<Stream*>& streams, size_t chunk_bytes) {
  chunk_bytes_ = std::min(chunk_bytes, kLaneChunkBytes);
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
    if (lane.turns.empty()) continue;
    GoOn(lane);
    at_work_.push_back(&lane);
  }
  return at_work_.size() > 1;
}

// With what comes after the stream that was read last.
void ParallelReader::GoOn(Lane& lane) {
  auto next = std::find_if(lane.turns.begin(), lane.turns.end(),
                           [&lane](const Turn* turn) { return turn->stream->id > lane.last_read; });
  std::rotate(lane.turns.begin(), next, lane.turns.end());
}

void ParallelReader::ReadLane(Lane& lane, Clock::Time end) {
  lane.buffer.resize(kLaneChunkBytes + kTailBytes + kReadPadding);
  bool has_more = true;
  while (has_more) {
    has_more = false;
    for (Turn* turn : lane.turns) {
      if (!turn->has_more) continue;
      ReadChunk(*turn, lane);
      has_more = has_more || turn->has_more;
      if (clock_.Now() >= end) return;
    }
  }
}

void ParallelReader::ReadChunk(Turn& turn, Lane& lane) {
  Follower& follower = *turn.stream->follower;
  uint64_t before = follower.offset();
  lane.last_read = turn.stream->id;
  turn.is_looked_at = true;
  turn.last = follower.Next({lane.buffer.data(), chunk_bytes_ + kTailBytes});
  turn.has_more = turn.last.kind == Reading::Kind::kBytes && LeavesMore(follower, turn.last, before, chunk_bytes_);
  if (turn.last.kind != Reading::Kind::kBytes) return;
  turn.has_data = true;
  turn.lost_bytes += turn.last.lost_bytes;
  if (!turn.last.bytes.empty()) receiver_.OnBytes(turn.stream->id, turn.last.bytes, BeginOf(turn.last, follower));
}

}  // namespace qte::source
