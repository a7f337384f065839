// Several pipelines that are one to everybody else: each may be fed on a thread of its own, at the same time.
//
// A set of source labels belongs to one lane, which it gets when it is first seen (the one with the fewest open
// streams). So no two lanes have a series in common, a log and what it is rotated to are in one lane, and what the
// lanes have is put together by laying it side by side. (They share what folds over a limit: the exposition puts series
// of the same labels together.) Where one lane turns out to get most of the bytes, a set of labels moves from it to
// another, with its streams and its series. Lanes are made when they are first needed.
//
// OnBytes may be called on several threads at once, for streams of different lanes. Every other call needs all lanes at
// rest, and so sees them at one moment.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/pipeline.h"
#include "pipeline/shared_limits.h"

namespace qte::pipeline {

class Lanes final : public source::Receiver {
 public:
  Lanes(std::shared_ptr<const rules::Program> program, SourceLabels labels, size_t max_lanes);

  void OnOpen(source::StreamId id, size_t source, const std::string& path, source::StreamId predecessor = 0) override;
  void OnBytes(source::StreamId id, std::string_view bytes) override;
  void OnRestart(source::StreamId id, source::Restart why) override;
  void OnClose(source::StreamId id) override;
  size_t LaneOf(source::StreamId id) const override;
  // Spreads the work anew where lanes have got very different numbers of bytes; cheap to call between any two rounds.
  void Balance();

  // As in Pipeline, of all lanes together. A family may be in a snapshot several times, with other series each time.
  metrics::Snapshot TakeSnapshot() const;
  std::vector<metrics::FamilySnapshot> TakeFamilies(const Pipeline::Wanted& wanted) const;
  OwnCounts TakeOwnCounts() const;
  std::vector<SeenEvent> SeenEvents() const;
  uint64_t lines() const;
  uint64_t bytes() const;
  size_t series_count() const;
  size_t ExpireIdle(Clock::Time now);
  // Sets of source labels of which anything is known.
  size_t source_count() const { return homes_.size(); }
  std::string TakePathWithoutTime();
  bool LacksName(source::StreamId id, std::string_view file) const { return lanes_[LaneOf(id)]->LacksName(id, file); }
  void Expect(source::StreamId id, std::vector<rules::DriveProbe> probes) {
    lanes_[LaneOf(id)]->Expect(id, std::move(probes));
  }

  // For Pipeline::ToJson. However many lanes there are, the JSON is the same.
  std::vector<Pipeline::Saved> Save() const;
  Status Restore(const nlohmann::json& saved, const source::Positions& positions);
  void Adopt(Lanes&& old, const std::map<source::StreamId, size_t>& sources);

 private:
  // Where the series of one set of source labels are.
  struct Home {
    size_t lane = 0;
    size_t streams = 0;  // open ones
    uint64_t bytes = 0;  // since Balance looked
  };
  using Homes = std::map<metrics::Labels, Home>;
  struct Stream {
    Homes::iterator home;
    std::string path;
  };
  struct Load {
    size_t streams = 0;
    size_t homes = 0;
    auto operator<=>(const Load&) const = default;
  };

  // A move that makes lanes more equal.
  struct Better {
    Homes::iterator home;
    size_t lane = 0;
  };
  std::optional<Better> FindBetter();
  void Move(const Better& better);
  void ForgetHomes();
  Homes::iterator HomeOf(const metrics::Labels& labels);
  Pipeline& At(size_t lane);
  Pipeline& PipelineOf(const Stream& stream) { return *lanes_[stream.home->second.lane]; }
  Stream& AddStream(source::StreamId id, const std::string& path, const metrics::Labels& labels);
  void GiveHomes(const nlohmann::json& saved, const std::vector<Pipeline::SavedFamily>& families);
  // What a lane takes of a state that is spread. The first one also takes what has no home.
  Pipeline::Takes TakesOf(size_t lane) const;

  std::shared_ptr<const rules::Program> program_;
  SourceLabels labels_;
  SharedLimits limits_;
  std::vector<std::unique_ptr<Pipeline>> lanes_;  // at least one
  std::vector<Load> loads_;                       // of each lane that there may be
  Homes homes_;
  size_t most_homes_;  // before ForgetHomes is due
  std::map<source::StreamId, Stream> streams_;
  uint64_t balanced_at_ = 0;  // bytes() when Balance looked
};

}  // namespace qte::pipeline
