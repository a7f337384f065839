// Reads streams of different lanes on several threads at the same time, and those of one lane in turn.
//
// In: streams that are due. Out: their bytes, each lane's on its own thread, to Receiver::OnBytes; nothing else happens
// there. In a lane the streams are looked at one after the other, a chunk each, again and again until none has more or
// the time is over, so that a busy file takes from a quiet one the time of one chunk. Where the time was over, the lane
// goes on the next time. That time is short, since a scrape waits for its end, and long beside what it takes to wake a
// thread and to wait for the last one.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "base/thread_team.h"
#include "source/follower.h"
#include "source/receiver.h"
#include "source/stream.h"

namespace qte::source {

class ParallelReader {
 public:
  // What came of one stream.
  struct Turn {
    Stream* stream = nullptr;
    bool is_looked_at = false;  // otherwise there was no time
    Reading last;               // the last look at it; bytes have been handed up, the rest is to be dealt with
    bool has_data = false;      // some look brought bytes
    bool has_more = true;       // it was left for want of time
    uint64_t lost_bytes = 0;    // that looks with bytes told of
  };

  ParallelReader(Receiver& receiver, const Clock& clock) : receiver_(receiver), clock_(clock) {}

  // So long at least, one chunk longer at most.
  static constexpr std::chrono::milliseconds kQuantum{5};

  // Does nothing, and returns nothing, where all are of one lane. Turns are in the order of the streams, which is that
  // of their ids.
  const std::vector<Turn>& Read(const std::vector<Stream*>& streams, size_t chunk_bytes);

 private:
  struct Lane {
    std::vector<char> buffer;
    std::vector<Turn*> turns;
    StreamId last_read = 0;
  };

  bool Assign(const std::vector<Stream*>& streams);
  static void GoOn(Lane& lane);
  void ReadLane(Lane& lane, Clock::Time end);
  void ReadChunk(Turn& turn, Lane& lane);

  Receiver& receiver_;
  const Clock& clock_;
  size_t chunk_bytes_ = 0;
  ThreadTeam team_;
  std::vector<Turn> turns_;
  std::vector<Lane> lanes_;     // by number
  std::vector<Lane*> at_work_;  // that have anything to read
};

}  // namespace qte::source
