// SourceSet's inside: rounds of looks (source_set.cc), names and what is closed (source_set_names.cc), how far the
// start has been read (source_set_catch_up.cc), and what it tells of itself (source_set_report.cc).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "source/discovery.h"
#include "source/follower.h"
#include "source/parallel_reader.h"
#include "source/rename_trail.h"
#include "source/sleeper.h"
#include "source/source_set.h"
#include "source/stream_table.h"
#include "source/watcher.h"

namespace qte::source {

class SourceSet::Impl {
 public:
  Impl(std::vector<SourceSpec> specs, Receiver& receiver, Positions resume, const FollowOptions& options);

  void Step(std::chrono::milliseconds max_wait);
  void Wake() { sleeper_.Wake(); }
  bool caught_up() const { return caught_up_; }
  CatchUp catch_up() const;
  void Drain();
  void Reconfigure(std::vector<SourceSpec> specs);
  StreamId Attach(UniqueFd pipe, const std::string& name, const std::string& spec_path);
  std::vector<StreamStatus> Streams() const;
  const std::vector<Warning>& Warnings() const { return scan_warnings_; }
  std::vector<std::string> TakeWarnings() { return std::exchange(table_.warnings(), {}); }
  SourceTotals Totals() const;
  uint64_t changes() const;
  Positions SavePositions() const;

 private:
  using Time = Clock::Time;

  std::optional<size_t> SourceOf(const Stream& stream) const;
  std::optional<size_t> AttachedSpec(const std::string& path) const;
  bool Round();
  void TakeNews();
  Scan Look();
  void Discover(Time now);
  void DiscoverAtRest();
  bool IsDue(const Stream& stream, Time now) const;
  bool ReadBesideEachOther(Time now);
  bool LookAround(Time now);
  void EndPass();
  bool TakeTurn(const ParallelReader::Turn& turn, Time now);
  bool LookAt(Stream& stream, Time now);
  static bool IsAtBeginning(const Stream& stream);
  void ReadLateLines(const Stream& successor, Time now);
  void ReadPending(Stream& stream, Clock::Time now);
  Reading WatchAtEnd(Reading reading, Stream& stream, Time now);
  void NoteData(Stream& stream, Time now);
  std::span<char> chunk() { return {buffer_.data(), chunk_bytes_ + kTailBytes}; }
  bool Take(const Reading& reading, Stream& stream, Time now);
  bool GoIdle(Stream& stream, Time now);
  void Rest(Stream& stream, Time until);
  void ReleaseSuccessor(Stream& stream);
  void FinishDraining(Stream& stream, Time now);
  void Close(Stream& stream);
  void Park(Stream& stream);
  void TellOfEnded();
  bool ReadToEnds(Time now);
  void BeginCatchUp();
  void AwaitOpened();
  void UpdateCaughtUp();
  void Wait(Time latest);
  Time NextDue(Time latest) const;
  Clock::Duration BusyPoll() const;

  std::vector<SourceSpec> specs_;
  Receiver& receiver_;
  const Clock& clock_;
  std::vector<char> buffer_;
  ParallelReader parallel_reader_;
  std::vector<Stream*> due_;  // kept for its memory
  Sleeper sleeper_;
  std::vector<int> awaited_fds_;  // kept for its memory
  Time next_round_;
  uint64_t round_ = 0;
  size_t round_bytes_ = 0;  // that the last round brought, as far as it matters for the next

  // A pass is a look at every stream that is due, in as many rounds as it takes.
  StreamId pass_at_ = 0;     // the last stream that the pass has come by; 0: the next round begins a new one
  size_t left_in_pass_ = 0;  // streams that had more than a chunk, as far as is known
  bool has_more_ = false;    // the last pass left something, or is not over
  size_t chunk_bytes_ = 0;   // of a look in this pass

  Discovery discovery_;
  Watcher watcher_;
  RenameTrail trail_;
  std::vector<Problem> problems_;
  std::vector<Warning> scan_warnings_;
  bool is_scan_needed_ = true;
  Time scan_not_before_;
  Time next_rescan_;

  StreamTable table_;
  bool stdin_ended_ = false;

  bool caught_up_ = false;
  uint64_t catch_up_total_ = 0;
  uint64_t catch_up_left_ = 0;
  std::map<FileIdentity, uint64_t> awaited_;  // files that had no descriptor at the start, with their sizes
  std::optional<Time> waiting_since_;         // when there was nothing but waiting left to catch up with

  uint64_t changes_ = 0;
  uint64_t truncations_ = 0;
  uint64_t lost_bytes_ = 0;
};

}  // namespace qte::source
