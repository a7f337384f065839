// The whole way of a batch of bytes: bytes -> lines -> event -> rules -> series.
//
// A Pipeline belongs to one thread at a time. In: what a SourceSet (or a replay) hands up as its Receiver. Out:
// snapshots, taken between two batches. It owns the series and everything learned from the logs; it refuses nothing: a
// line that cannot be used is counted by reason. Several of them, at work on several threads, are put together by
// Lanes.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "metrics/family.h"
#include "metrics/snapshot.h"
#include "pipeline/activity.h"
#include "pipeline/event_counts.h"
#include "pipeline/own_counts.h"
#include "pipeline/shared_limits.h"
#include "pipeline/source_labels.h"
#include "rules/program.h"
#include "rules/stream.h"
#include "source/line_splitter.h"
#include "source/position.h"
#include "source/receiver.h"

namespace qte::pipeline {

class Pipeline final : public source::Receiver {
 public:
  Pipeline(std::shared_ptr<const rules::Program> program, SourceLabels labels)
      : Pipeline(program, std::move(labels), SharedLimits(*program)) {}
  Pipeline(std::shared_ptr<const rules::Program> program, SourceLabels labels, const SharedLimits& limits);

  void OnOpen(source::StreamId id, size_t source, const std::string& path, source::StreamId predecessor = 0) override;
  void OnBytes(source::StreamId id, std::string_view bytes) override;
  void OnRestart(source::StreamId id, source::Restart why) override;
  void OnClose(source::StreamId id) override;
  // OnOpen of a stream whose labels are known.
  void Open(source::StreamId id, const std::string& path, metrics::Labels labels);
  // An opened stream goes on with the state that `keeper` has of it from its Restore, if any.
  void Resume(source::StreamId id, Pipeline& keeper);
  // Counts what a stream of the saved state leaves that will not come back.
  void CloseSaved(source::StreamId id);

  // Names of disks, by reads that somebody makes on purpose; see rules::Stream. Of a stream that is not open, none is
  // lacking.
  bool LacksName(source::StreamId id, std::string_view file) const;
  void Expect(source::StreamId id, std::vector<rules::DriveProbe> probes);

  // No byte will follow, though nothing says that QEMU has ended: counts an unfinished line, and leaves what is open
  // so.
  void EndOfRecording(source::StreamId id);

  // All series, and the exporter's own metrics that are counted here.
  metrics::Snapshot TakeSnapshot();
  // The series alone.
  void AppendSeries(metrics::Snapshot& snapshot);
  // The families that `wanted` says; not gauges of what is in flight, which are counted for AppendSeries alone.
  using Wanted = std::function<bool(std::string_view family)>;
  void AppendFamilies(const Wanted& wanted, std::vector<metrics::FamilySnapshot>& families) const;
  OwnCounts TakeOwnCounts() const;
  std::vector<SeenEvent> SeenEvents() const;
  SeriesCount CountSeries() const;
  size_t series_count() const { return CountSeries().total(); }
  uint64_t lines() const { return lines_; }
  uint64_t bytes() const { return bytes_; }
  uint64_t events() const { return events_; }
  uint64_t unparsed(Unparsed reason) const { return unparsed_[static_cast<size_t>(reason)]; }
  // Removes the series of VMs that had nothing to tell for the config's `expire_after`, and returns how many they were.
  // If they come back, they begin at 0.
  size_t ExpireIdle(Clock::Time now);
  // Forgets when the label sets were active that have neither a series nor an open stream: what comes and goes beyond
  // the limits must leave nothing.
  void ForgetGone();
  // What an open stream has learned, null if it is not open.
  const rules::Stream* stream(source::StreamId id) const;
  // Every set of source labels that has anything here.
  const Activity& activity() const { return activity_; }
  // The path of a stream that lacks the timestamps some duration needs, told once for each stream; empty if none.
  std::string TakePathWithoutTime();

  // All that a restart needs, in two steps: Save copies it between two batches, ToJson may run on another thread.
  struct Saved {
    std::vector<metrics::FamilySnapshot> families;
    std::vector<uint64_t> overflowed;  // by family
    EventCounts::Saved events;
    nlohmann::json rest;
  };
  Saved Save();
  static nlohmann::json ToJson(Saved saved);
  // The same of several pipelines of one program, as if they had been one.
  static nlohmann::json ToJson(std::vector<Saved> saved);
  // Takes up a checkpoint before any stream is open. `positions` tells what streams may come again. The error
  // says what is wrong with it; the pipeline is then good for nothing.
  Status Restore(const nlohmann::json& saved, const source::Positions& positions);

  // Goes on where `old` was, under another program as well: adds its series of metrics that are unchanged and its
  // counts, and takes its open streams and what they learned. `sources` tells by which of the config's sources a stream
  // is followed; one that is not there (a file that was rotated away) keeps its labels.
  using OverLimit = EventCounts::OverLimit;
  void Adopt(Pipeline&& old, const std::map<source::StreamId, size_t>& sources,
             OverLimit over_limit = OverLimit::kKeep);

  // The parts of Restore and Adopt, for Lanes, which spread a state over several pipelines: series are taken by their
  // source's labels, the rest belongs to one of the pipelines. Restoring throws std::exception where the JSON is not
  // what ToJson makes.
  using Takes = metrics::Family::Takes;
  struct SavedFamily {
    metrics::FamilySnapshot series;
    uint64_t overflowed = 0;
  };
  static std::vector<SavedFamily> FamiliesFromJson(const nlohmann::json& saved);
  void RestoreSeries(const std::vector<SavedFamily>& families, const nlohmann::json& saved, const Takes& takes);
  void RestoreRest(const std::vector<SavedFamily>& families, const nlohmann::json& saved,
                   const source::Positions& positions);
  void AdoptSeries(const Pipeline& old, const Takes& takes, OverLimit over_limit);
  void AdoptRest(Pipeline& old);
  void AdoptStream(source::StreamId id, Pipeline& old, metrics::Labels labels);
  // Goes on with all that `from`, a pipeline of the same program and limits, has of one set of source labels. Nothing
  // of it is seen in the numbers of both together.
  void TakeSource(const metrics::Labels& labels, Pipeline& from);

 private:
  // One followed source.
  struct Feed {
    std::string path;
    source::LineSplitter splitter;
    trace::PrefixFinder prefixes;
    std::unique_ptr<rules::Stream> stream;
    CountPages* counts = nullptr;
    Activity::Entry* activity = nullptr;  // null once the series have expired
    bool told_about_time = false;
  };

  using FamiliesByName = std::unordered_map<std::string_view, metrics::Family*>;
  FamiliesByName IndexFamilies();
  // The family that goes on where one of this spec was; null if there is none.
  static metrics::Family* Successor(const metrics::FamilySpec& before, const FamiliesByName& by_name);

  // What was folded, so that asking for label sets once more is not counted.
  struct Overflowed {
    std::vector<uint64_t> families;
    uint64_t events = 0;
  };
  Overflowed overflowed() const;
  void set_overflowed(const Overflowed& before);

  // Keeps the last prefix that held a time; read when somebody asks. Within a batch it is only pointed at.
  struct LastStamp {
    std::array<char, 64> text{};
    trace::Prefix prefix;
    const char* in_batch = nullptr;

    void Keep(const char* line) {
      std::memcpy(text.data(), line, std::min<size_t>(prefix.size, text.size()));
      in_batch = nullptr;
    }
  };

  void Step(Feed& feed, std::string_view batch);
  void OnLine(Feed& feed, std::string_view line);
  void Count(rules::Outcome outcome);
  void Remember(std::string_view line, const trace::Prefix& prefix);
  void Reject(Unparsed reason) { ++unparsed_[static_cast<size_t>(reason)]; }
  void MakeStream(Feed& feed, metrics::Labels labels);
  void Revive(Feed& feed);
  nlohmann::json SaveFeed(const Feed& feed) const;
  Losses LossesOf(const rules::Stream& stream) const;
  void CountSpans(OwnCounts& counts) const;
  void CountInFlight();

  std::shared_ptr<const rules::Program> program_;
  SourceLabels labels_;
  std::vector<metrics::Family> families_;
  EventCounts event_counts_;
  std::map<source::StreamId, Feed> feeds_;
  Losses losses_before_;  // of streams that are no longer open
  Activity activity_;
  uint64_t expired_ = 0;  // series
  uint64_t lines_ = 0;
  uint64_t events_ = 0;
  uint64_t bytes_ = 0;
  std::array<uint64_t, kUnparsedReasons> unparsed_{};
  LastStamp last_stamp_;
  std::string_view batch_;  // that is being worked on
  // What the streams of a checkpoint had, by the id that they had then, until they are open again.
  std::map<source::StreamId, nlohmann::json> resumable_;
};

}  // namespace qte::pipeline
