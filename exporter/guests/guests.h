// All guests, and which of their logs is whose. To everybody else they are one.
//
// In: what a SourceSet hands up as its Receiver. A guest is found by the labels of a log's source, made when it is first
// seen, and stays until it expires. Its logs are read on one of several lanes, which is a number: each lane may be fed on
// a thread of its own at the same time, and a guest changes its lane where one gets most of the bytes.
//
// OnBytes may be called on several threads at once, for logs of different lanes. Every other call needs all lanes at
// rest, and so sees all guests at one moment.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "guests/guest.h"
#include "guests/source_labels.h"

namespace qte::guests {

// One event over all guests, for people.
struct SeenEvent {
  std::string name;
  uint64_t count = 0;
  std::string sample;     // the first line of it that was seen
  bool declared = false;  // its declaration is known
  bool used = false;      // a rule, lookup, span or decoder reads it
};

class Guests final : public source::Receiver {
 public:
  Guests(std::shared_ptr<const rules::Program> program, SourceLabels labels, size_t max_lanes);

  void OnOpen(source::StreamId id, size_t source, const std::string& path, source::StreamId predecessor) override;
  void OnBytes(source::StreamId id, std::string_view bytes, uint64_t offset = 0) override;
  void OnRestart(source::StreamId id, source::Restart why) override;
  void OnClose(source::StreamId id) override;
  size_t LaneOf(source::StreamId id) const override;
  // OnOpen of a log whose labels are known.
  void Open(source::StreamId id, const std::string& path, metrics::Labels labels, source::StreamId predecessor);
  void Pin(source::StreamId id, trace::LineOpener::Pin envelope);
  void EndOfRecording(source::StreamId id);
  // Spreads the work anew where lanes have got very different numbers of bytes; cheap to call between any two rounds.
  void Balance();

  // Another config is in force; `sources` tells by which of its sources a log is followed. One that is not there keeps
  // its labels.
  void Use(std::shared_ptr<const rules::Program> program, SourceLabels labels,
           const std::map<source::StreamId, size_t>& sources);

  // All series, and the exporter's own metrics that are counted here.
  metrics::Snapshot TakeSnapshot();
  // The series alone; a snapshot may have those of several Guests, of other guests each.
  void AppendSeries(metrics::Snapshot& snapshot);
  // The families that `wanted` says, without counting what is in flight.
  using Wanted = std::function<bool(std::string_view family)>;
  std::vector<metrics::FamilySnapshot> TakeFamilies(const Wanted& wanted) const;
  OwnCounts TakeOwnCounts() const;
  const Common& common() const { return *common_; }
  std::vector<SeenEvent> SeenEvents() const;
  // Whether the config has rules for text that is no event.
  bool has_match_rules() const { return !common_->program->matches.empty(); }
  uint64_t lines() const;
  uint64_t bytes() const;
  // Rises with all that a checkpoint holds.
  uint64_t changes() const { return bytes() + changes_; }
  uint64_t unparsed(Unparsed reason) const;
  size_t series_count() const;
  size_t guest_count() const { return guests_.size(); }
  // Removes the series of guests that had nothing to tell for the config's `expire_after`, and returns how many they
  // were. If they come back, they begin at 0.
  size_t ExpireIdle(Clock::Time now);
  // What a user should be told, once each: logs without timestamps, limits that fold series, files of one guest that are
  // none of another's rotation.
  std::vector<Warning> TakeWarnings();
  // Those of logs of which most was not read, and of events that no rule uses.
  std::vector<Warning> TakeUnread(FirstLines::Input input);
  std::string TakePathWithoutTime();
  // What the log at a path has given over its rotations, and whose it is. Paths are those of OnOpen.
  struct LogReport : Guest::LogReport {
    std::shared_ptr<const metrics::Labels> labels;
  };
  using LogReports = std::map<std::string, LogReport>;
  LogReports Reports() const;
  // Of each guest, whether a QEMU may be running; see Guest::may_be_up.
  using UpList = std::vector<std::pair<std::shared_ptr<const metrics::Labels>, bool>>;
  UpList Up() const;

  // As Guest's, of a log that is open.
  void CountLost(source::StreamId id, uint64_t events);
  using LostList = std::vector<std::pair<std::shared_ptr<const metrics::Labels>, uint64_t>>;
  LostList LostEvents() const;

  // Names of disks, by reads that somebody makes on purpose; see rules::Process. A log that is not open lacks none.
  bool LacksDrive(source::StreamId id, const rules::DriveProbe& drive) const;
  void Expect(source::StreamId id, std::vector<rules::DriveProbe> probes);
  // As Guest's, by what somebody else knows of the QEMU of a log.
  void BeginProcess(source::StreamId id);
  void EndProcess(source::StreamId id);
  // What the process of a log has told so far; null if there is no such log.
  const rules::Process* process(source::StreamId id) const;

  // For a checkpoint: Save copies between two batches, ToJson may run on another thread:
  //   {"specs": [as in saved_series.h], "guests": [as in guest_state.cc], "gone": as in own_counts.h,
  //    "samples": {event: line}}
  struct Saved {
    std::shared_ptr<const Common> common;
    std::vector<Guest::Saved> guests;
    OwnCounts gone;
  };
  Saved Save();
  static nlohmann::json ToJson(Saved saved);
  // Takes up a checkpoint before any log is open. Logs that are not among these positions are closed. The error says
  // what is wrong with it; these guests are then good for nothing.
  Status Restore(const nlohmann::json& saved, const std::set<source::StreamId>& positions);

 private:
  using ByLabels = std::map<metrics::Labels, std::unique_ptr<Guest>>;
  struct Log {
    Guest* guest = nullptr;
    std::string path;
    bool is_open = false;
    bool is_told = false;  // that another one has its labels
  };
  struct alignas(64) Lane {
    rules::Scratch scratch;
    uint64_t bytes = 0;
    size_t guests = 0;
    size_t logs = 0;
  };

  Guest& GuestOf(const metrics::Labels& labels);
  Guest& Add(std::unique_ptr<Guest> guest);
  size_t LeastLane() const;
  void MakeRoom();
  void Outlive(const Guest& guest);
  ByLabels::iterator Remove(ByLabels::iterator guest);
  void Relabel(source::StreamId id, metrics::Labels labels);
  void RelabelAll(const std::map<source::StreamId, size_t>& sources);
  void MoveLog(source::StreamId id, Guest& to);
  void MoveToLane(Guest& guest, size_t lane);
  void WarnOfSecondLog(source::StreamId id);

  std::shared_ptr<const Common> common_;
  SourceLabels labels_;
  std::vector<std::unique_ptr<Lane>> lanes_;  // at least one
  ByLabels guests_;
  std::map<source::StreamId, Log> logs_;
  OwnCounts gone_;  // of guests that are gone; restored ones count here as far as they did
  std::vector<Warning> warnings_;
  uint64_t changes_ = 0;      // but for lines
  uint64_t balanced_at_ = 0;  // bytes() when Balance looked
};

}  // namespace qte::guests
