// One VM: its series, event counts and logs, and the QEMU processes that write these.
//
// In: bytes of its logs. Out: snapshots and warnings, taken between two batches. A guest is known by the labels of its
// sources and owns everything that belongs to the VM, so that it is moved, saved, bounded and removed as a whole. One
// thread at a time works on it. It refuses nothing: a line that cannot be used is counted by reason.
//
// What a QEMU process has told outlives its logs' files: a file that takes over the path of another goes on with the
// process of that one, and so does a file that was truncated. Whether another process writes is in doubt then, until a
// line tells (rules::Process::SignOf). libvirt's start line tells at any time.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/warning.h"
#include "guests/common.h"
#include "guests/event_counts.h"
#include "guests/first_lines.h"
#include "guests/log_counts.h"
#include "guests/newcomers.h"
#include "guests/own_counts.h"
#include "metrics/families.h"
#include "metrics/snapshot.h"
#include "rules/process.h"
#include "source/line_splitter.h"
#include "source/receiver.h"
#include "trace/line_opener.h"
#include "trace/prefix.h"

namespace qte::guests {

class Guest {
 public:
  // `scratch` is the one of the thread that works on it.
  Guest(std::shared_ptr<const Common> common, metrics::Labels labels, rules::Scratch& scratch);
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;

  const metrics::Labels& labels() const { return *labels_; }
  // The sources have other labels now.
  void Rename(metrics::Labels labels) { labels_ = std::make_shared<const metrics::Labels>(std::move(labels)); }
  // Another thread works on it.
  void Use(rules::Scratch& scratch);
  // Another config is in force: goes on with the series of metrics that mean the same, and with what was learned by
  // definitions that are the same.
  void Use(std::shared_ptr<const Common> common);

  // A log is followed from now on. It goes on with the process of `predecessor`, a log of this guest whose path it has
  // taken; 0 if there is none.
  void Open(source::StreamId id, const std::string& path, source::StreamId predecessor);
  // The config says which envelope the lines of a log have.
  void Pin(source::StreamId id, trace::LineOpener::Pin envelope);
  void OnBytes(source::StreamId id, std::string_view bytes, uint64_t offset);
  void OnRestart(source::StreamId id, source::Restart why);
  void Close(source::StreamId id);
  // No byte will follow, though nothing says that QEMU has ended: counts an unfinished line, and leaves what is open so.
  void EndOfRecording(source::StreamId id);
  // Somebody else knows that another process writes to this log from now on. Nothing happens where a line of the log has
  // told so since the last call.
  void BeginProcess(source::StreamId id);
  // As BeginProcess, where no other process is known yet.
  void EndProcess(source::StreamId id);
  bool has_logs() const { return !logs_.empty(); }
  std::vector<source::StreamId> Logs() const;
  // What a log has given, over its rotations, and the envelopes that its events had, a bit each.
  struct LogReport {
    LogCounts counts;
    uint32_t envelopes = 0;
  };
  std::optional<LogReport> ReportOf(source::StreamId id) const;
  // False once the end of its QEMU was told, until another one begins or more lines come.
  bool may_be_up() const;
  // To be called every few seconds: finds out whether lines come after the end was told.
  void LookForLife(Clock::Time now);
  // Takes over a log, with its process as far as no other log of `from` has that.
  void TakeLog(source::StreamId id, Guest& from);

  // What the process of a log has told so far; null if there is no such log.
  const rules::Process* process(source::StreamId id) const;
  rules::Process* process(source::StreamId id);

  // Its series (gauges of what is in flight are counted anew), and its counts by event.
  void AppendTo(metrics::Snapshot& snapshot);
  metrics::CountsSnapshot TakeEvents() const { return events_.TakeSnapshot(labels_); }
  const EventCounts& events() const { return events_; }
  const metrics::Families& families() const { return families_; }
  std::shared_ptr<const metrics::Labels> base() const { return labels_; }
  OwnCounts TakeOwnCounts() const;
  uint64_t lines() const { return counts_.lines; }
  uint64_t bytes() const { return counts_.bytes; }
  uint64_t unparsed(Unparsed reason) const { return counts_.unparsed[static_cast<size_t>(reason)]; }
  // The path of a log that lacks the timestamps some duration needs, told once for each log; empty if none.
  std::string TakePathWithoutTime();
  // What is told once about its logs, and about events of which no rule uses any.
  std::vector<Warning> TakeUnread(FirstLines::Input input);
  // A tracer says that it has lost so many events of the QEMU.
  void CountLost(uint64_t events) { counts_.lost_events += events; }
  // Nothing for a guest whose QEMU is not traced by its probes, as far as is known.
  std::optional<uint64_t> lost_events() const {
    return is_traced_ || counts_.lost_events > 0 ? std::optional(counts_.lost_events) : std::nullopt;
  }
  // True once, after events were lost.
  bool TakeLoss() { return counts_.lost_events > 0 && !std::exchange(is_loss_told_, true); }
  // Metrics whose series have been folded over a limit for the first time.
  std::vector<std::string> TakeFolded();

  // Removes all series and counts by event. They begin at 0 when the next line comes.
  void Expire();

  // All that a restart needs, in two steps: Save copies it between two batches, ToJson may run on another thread.
  struct Saved {
    std::shared_ptr<const Common> common;
    std::shared_ptr<const metrics::Labels> labels;
    std::vector<metrics::FamilySnapshot> families;
    std::vector<size_t> numbers;       // of these families
    std::vector<uint64_t> overflowed;  // of these families
    metrics::CountsSnapshot events;
    OwnCounts counts;
    nlohmann::json logs;
    nlohmann::json processes;
    nlohmann::json files;  // LogCounts
  };
  Saved Save();
  static nlohmann::json ToJson(Saved saved);
  // Takes up what a guest of the same labels has saved; `specs` are those of its metrics. Throws std::exception where
  // the JSON is not what ToJson makes.
  using Specs = std::vector<std::shared_ptr<const metrics::FamilySpec>>;
  void Restore(const nlohmann::json& saved, const Specs& specs);

  // Of the owner: the thread that works on this guest, and when it had a line last, as far as looks can tell.
  size_t lane = 0;
  uint64_t bytes_balanced = 0;
  uint64_t bytes_seen = 0;
  Clock::Time last_active{};

 private:
  struct Log {
    std::string path;
    source::LineSplitter splitter;
    trace::LineOpener opener;
    trace::PrefixFinder prefixes;
    std::shared_ptr<rules::Process> process;
    // What the first line may complete: the unfinished line of `torn_log` (0: of none), and `torn` behind that, which is
    // of this log before it was truncated, or of one that is closed.
    std::string torn;
    source::StreamId torn_log = 0;
    uint32_t doubtful_lines = 0;    // so many events more, at most, it is in doubt which process writes
    bool is_at_start = true;        // since the doubt arose
    bool is_renewed = false;        // its process has begun anew, or ended, since BeginProcess was called
    bool is_told_of_time = false;
    FirstLines first_lines;
    std::shared_ptr<LogCounts> counts;  // with the files of its path before and after it
    bool has_ended = false;             // the process, as somebody has told
    uint64_t lines_at_end = 0;          // of `counts`, as far as they may be of the time before
    Clock::Time ended_at{};             // when LookForLife saw it first
    bool has_prefixes = false;      // as the last event that was opened
    Newcomers newcomers;

    bool may_complete() const { return torn_log != 0 || !torn.empty(); }
  };

  std::shared_ptr<rules::Process> MakeProcess();
  void BeginProcess(Log& log);
  void Leave(Log& log);
  bool IsShared(const Log& log) const;
  void AddJoins(const rules::Process& process, JoinCounts& counts) const;
  std::optional<int64_t> LastEventTime() const;
  void Feed(Log& log, std::string_view bytes);
  template <class Work>
  UnparsedCounts CountUnread(Log& log, Work&& work);
  std::optional<std::string> TakeUnused(FirstLines::Input input);
  std::optional<std::string> TakePartlyTraced(FirstLines::Input input);

  using Opened = trace::LineOpener::Opened;
  using Lines = std::span<const Opened>;

  void OnLine(Log& log, std::string_view line);
  void OnUnknownName(Log& log, std::string_view line, const trace::Prefix& prefix, std::string_view name);
  void OnLineAnyhow(Log& log, std::string_view line);
  void Match(Log& log, std::string_view text);
  void OpenLine(Log& log, std::string_view line);
  void OnOpened(Log& log, const Opened& opened);
  void OnMismatch(Log& log, std::string_view line);
  void OnBehind(Log& log, std::string_view line);
  void OnDoubtfulLine(Log& log, std::string_view line);
  void LookForSign(Log& log, const Opened& opened);
  void OnFirstLine(Log& log, std::string_view line);
  bool OnUndeclared(Log& log, const Opened& opened, const trace::Prefix& prefix);
  void OnText(Log& log, std::string_view text);
  template <class Visit>
  void ForEachTorn(source::StreamId id, Visit&& visit);
  void HandOnTorn(source::StreamId id);
  bool Completes(Log& log, std::string_view joined, std::string_view tail) const;
  bool IsEvent(Log& log, std::string_view line, bool has_prefixes) const;
  bool IsWrapped(const Log& log, std::string_view line) const;
  void Count(rules::Outcome outcome);
  void Remember(std::string_view line, const trace::Prefix& prefix);
  void Reject(Unparsed reason) { ++counts_.unparsed[static_cast<size_t>(reason)]; }
  void Revive();
  void CountInFlight();
  void RenewExemplars();

  std::shared_ptr<const Common> common_;
  const rules::Program* program_;  // of common_
  std::shared_ptr<const metrics::Labels> labels_;
  rules::Scratch* scratch_;
  metrics::Families families_;
  EventCounts events_;
  std::map<source::StreamId, Log> logs_;
  OwnCounts counts_;  // joins: of processes that have ended
  LastStamp last_stamp_;
  std::string_view batch_;           // that is being worked on
  std::vector<bool> is_fold_told_;   // by family
  enum class Usage { kUnknown, kSeenUnused, kTold, kUsed };
  Usage usage_ = Usage::kUnknown;  // whether any rule has used one of its events, as far as looks can tell
  // Whether it has all kinds of events that a decoder needs; that is not looked into before the next line.
  bool is_told_of_parts_ = false;
  uint64_t lines_at_parts_ = 0;
  bool is_traced_ = false;     // by its probes
  bool is_loss_told_ = false;
  bool is_expired_ = false;
  bool is_in_flight_counted_ = false;  // since the last line
  double exemplars_since_ = 0;         // in seconds since the epoch
};

}  // namespace qte::guests
