#include "guests/guest.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/epoch.h"
#include "source/traced_process.h"

namespace qte::guests {
namespace {

// A QEMU opens its images among the first things it logs.
constexpr uint32_t kDoubtfulLines = 10'000;
// How long after a QEMU's end its last lines may come.
constexpr std::chrono::seconds kLateLines{5};

}  // namespace

Guest::Guest(std::shared_ptr<const Common> common, metrics::Labels labels, rules::Scratch& scratch)
    : common_(std::move(common)),
      program_(common_->program.get()),
      labels_(std::make_shared<const metrics::Labels>(std::move(labels))),
      scratch_(&scratch),
      families_(common_->kinds, common_->limits->series),
      events_(common_->program->names, common_->limits->names) {}

std::shared_ptr<rules::Process> Guest::MakeProcess() {
  return std::make_shared<rules::Process>(common_->program, families_, *scratch_);
}

void Guest::Use(rules::Scratch& scratch) {
  scratch_ = &scratch;
  for (auto& [id, log] : logs_) log.process->Use(scratch);
}

void Guest::Use(std::shared_ptr<const Common> common) {
  is_in_flight_counted_ = false;
  families_.Use(common->kinds);
  events_.Use(common_->program->names, common->program->names);
  counts_ = OwnCountsFromJson(guests::ToJson(counts_, *common_), *common);
  common_ = std::move(common);
  program_ = common_->program.get();
  is_fold_told_.clear();
  usage_ = Usage::kUnknown;
  std::map<rules::Process*, std::shared_ptr<rules::Process>> next;
  for (auto& [id, log] : logs_) {
    std::shared_ptr<rules::Process>& process = next[log.process.get()];
    if (process == nullptr) {
      process = MakeProcess();
      process->Adopt(std::move(*log.process));
    }
  }
  for (auto& [id, log] : logs_) log.process = next.at(log.process.get());
}

void Guest::Open(source::StreamId id, const std::string& path, source::StreamId predecessor) {
  const size_t max_line_bytes = common_->program->limits.max_line_bytes;
  auto [found, is_new] =
      logs_.try_emplace(id, Log{path, source::LineSplitter(max_line_bytes), trace::LineOpener(max_line_bytes)});
  Log& log = found->second;
  log.path = path;
  is_traced_ = is_traced_ || source::ParseStreamName(path).has_value();
  if (!is_new) return;
  auto before = logs_.find(predecessor);
  if (predecessor == 0 || before == logs_.end() || before == found) {
    log.process = MakeProcess();
    log.counts = std::make_shared<LogCounts>();
    return;
  }
  log.process = before->second.process;
  log.counts = before->second.path == path ? before->second.counts : std::make_shared<LogCounts>();
  log.has_ended = before->second.has_ended;
  log.torn_log = predecessor;
  log.doubtful_lines = kDoubtfulLines;
}

void Guest::Pin(source::StreamId id, trace::LineOpener::Pin envelope) {
  if (auto found = logs_.find(id); found != logs_.end()) found->second.opener.Use(envelope);
}

void Guest::OnRestart(source::StreamId id, source::Restart why) {
  auto found = logs_.find(id);
  if (found == logs_.end()) return;
  Log& log = found->second;
  if (why == source::Restart::kWriterEnded) {
    EndOfRecording(id);
    BeginProcess(log);
    return;
  }
  if (log.splitter.skipping()) {
    EndOfRecording(id);
  } else {
    log.torn += log.splitter.partial();
    log.splitter.Drop();
  }
  log.doubtful_lines = kDoubtfulLines;
  log.is_at_start = true;
  log.first_lines = {};
}

void Guest::Close(source::StreamId id) {
  is_in_flight_counted_ = false;
  auto found = logs_.find(id);
  if (found == logs_.end()) return;
  HandOnTorn(id);
  EndOfRecording(id);
  Leave(found->second);
  logs_.erase(found);
}

// What a log that is about to be closed holds of a line may still be completed by the file that took its path.
void Guest::HandOnTorn(source::StreamId id) {
  Log& log = logs_.at(id);
  auto next = std::find_if(logs_.begin(), logs_.end(), [id](const auto& entry) { return entry.second.torn_log == id; });
  if (next == logs_.end() || log.splitter.skipping()) return;
  next->second.torn.insert(0, std::exchange(log.torn, {}) + std::string(log.splitter.partial()));
  next->second.torn_log = std::exchange(log.torn_log, 0);
  log.splitter.Drop();
}

// A process without a log has ended, as far as anything can be known of it.
void Guest::Leave(Log& log) {
  if (!IsShared(log)) {
    log.process->Restart();
    AddJoins(*log.process, counts_.joins);
    std::fill(counts_.joins.open.begin(), counts_.joins.open.end(), 0);
  }
  log.process.reset();
}

bool Guest::IsShared(const Log& log) const {
  return std::count_if(logs_.begin(), logs_.end(),
                       [&](const auto& entry) { return entry.second.process == log.process; }) > 1;
}

// Late lines of the old process may still come to an older log that shares it.
void Guest::BeginProcess(Log& log) {
  is_in_flight_counted_ = false;
  log.has_ended = false;
  log.process->Restart();
  log.doubtful_lines = 0;
  if (IsShared(log)) log.process = MakeProcess();
}

void Guest::BeginProcess(source::StreamId id) {
  auto found = logs_.find(id);
  if (found == logs_.end()) return;
  found->second.has_ended = false;
  if (!std::exchange(found->second.is_renewed, false)) BeginProcess(found->second);
}

void Guest::EndProcess(source::StreamId id) {
  is_in_flight_counted_ = false;
  auto found = logs_.find(id);
  // What came since is another's already.
  if (found == logs_.end() || std::exchange(found->second.is_renewed, true)) return;
  found->second.process->Restart();
  found->second.has_ended = true;
  found->second.ended_at = {};
}

std::optional<Guest::LogReport> Guest::ReportOf(source::StreamId id) const {
  auto log = logs_.find(id);
  if (log == logs_.end()) return std::nullopt;
  return LogReport{*log->second.counts, log->second.opener.seen()};
}

bool Guest::may_be_up() const {
  return std::any_of(logs_.begin(), logs_.end(), [](const auto& entry) { return !entry.second.has_ended; });
}

void Guest::LookForLife(Clock::Time now) {
  for (auto& [id, log] : logs_) {
    if (!log.has_ended) continue;
    if (log.ended_at == Clock::Time{}) log.ended_at = now;
    const uint64_t lines = std::exchange(log.lines_at_end, log.counts->lines);
    if (log.lines_at_end != lines && now - log.ended_at >= kLateLines) log.has_ended = false;
  }
}

std::vector<source::StreamId> Guest::Logs() const {
  std::vector<source::StreamId> ids;
  for (const auto& [id, log] : logs_) ids.push_back(id);
  return ids;
}

void Guest::TakeLog(source::StreamId id, Guest& from) {
  is_in_flight_counted_ = false;
  auto found = from.logs_.find(id);
  if (found == from.logs_.end()) return;
  std::shared_ptr<rules::Process> process = MakeProcess();
  if (!from.IsShared(found->second)) process->Adopt(std::move(*found->second.process));
  Log log = std::move(found->second);
  log.counts = std::make_shared<LogCounts>(*log.counts);  // no other thread's
  from.logs_.erase(found);
  from.is_in_flight_counted_ = false;
  log.process = std::move(process);
  logs_.insert_or_assign(id, std::move(log));
}

const rules::Process* Guest::process(source::StreamId id) const {
  auto log = logs_.find(id);
  return log == logs_.end() ? nullptr : log->second.process.get();
}

rules::Process* Guest::process(source::StreamId id) {
  auto log = logs_.find(id);
  return log == logs_.end() ? nullptr : log->second.process.get();
}

void Guest::AddJoins(const rules::Process& process, JoinCounts& counts) const {
  const std::vector<Join>& joins = common_->joins;
  for (std::vector<uint64_t>* list : {&counts.open, &counts.abandoned, &counts.forgotten}) list->resize(joins.size());
  for (size_t i = 0; i < joins.size(); ++i) {
    const Join& join = joins[i];
    switch (join.kind) {
      case Join::Kind::kSpan:
        counts.open[i] += process.open_spans(join.index);
        counts.abandoned[i] += process.abandoned_spans(join.index);
        break;
      case Join::Kind::kLookup:
        counts.forgotten[i] += process.lookup(join.index).forgotten();
        break;
      case Join::Kind::kDecoderPart:
        if (const decoders::Decoder* decoder = process.decoder(join.index)) {
          counts.open[i] += decoder->open(join.part);
          counts.abandoned[i] += decoder->abandoned(join.part);
          counts.forgotten[i] += decoder->forgotten(join.part);
        }
        break;
    }
  }
}

OwnCounts Guest::TakeOwnCounts() const {
  OwnCounts counts = counts_;
  counts.series = families_.series_count();
  counts.overflowed.resize(families_.size());
  families_.ForEach([&](size_t i, const metrics::Family& family) { counts.overflowed[i] += family.overflowed(); });
  counts.overflowed_events += events_.overflowed();
  std::vector<const rules::Process*> seen;
  for (const auto& [id, log] : logs_) {
    if (std::find(seen.begin(), seen.end(), log.process.get()) != seen.end()) continue;
    seen.push_back(log.process.get());
    AddJoins(*log.process, counts.joins);
  }
  counts.last_event_us = LastEventTime();
  return counts;
}

std::optional<int64_t> Guest::LastEventTime() const {
  const std::optional<int64_t> last = last_stamp_.Time();
  return last ? last : counts_.last_event_us;
}

std::string Guest::TakePathWithoutTime() {
  for (auto& [id, log] : logs_) {
    if (!log.is_told_of_time && log.process->lacks_time()) {
      log.is_told_of_time = true;
      return log.path;
    }
  }
  return {};
}

std::vector<Warning> Guest::TakeUnread(FirstLines::Input input) {
  std::vector<Warning> warnings;
  bool is_told = false;
  for (auto& [id, log] : logs_) {
    if (std::optional<std::string> text = log.first_lines.Take(input)) warnings.push_back({log.path, *text});
    is_told = is_told || log.first_lines.is_told();
  }
  if (is_told) return warnings;  // what look like events may be none
  for (std::optional<std::string>& text : std::array{TakeUnused(input), TakePartlyTraced(input)}) {
    if (text) warnings.push_back({logs_.empty() ? "" : logs_.begin()->second.path, std::move(*text)});
  }
  return warnings;
}

// The first events of a QEMU that traces all may be ones that no rule uses, so few of them count at the second look.
std::optional<std::string> Guest::TakeUnused(FirstLines::Input input) {
  if (usage_ == Usage::kTold || usage_ == Usage::kUsed || program_->NeededEvents().empty()) return std::nullopt;
  constexpr uint64_t kMany = 10;
  uint64_t count = 0;
  std::vector<std::string_view> names;
  bool is_used = false;
  events_.ForEach([&](uint32_t id, uint64_t times) {
    const bool is_declared = events_.IsDeclared(id);
    is_used = is_used || (is_declared && program_->plan_of[id] != rules::kNone);
    count += times;
    names.push_back(is_declared ? program_->names.NameOf(id) : events_.UndeclaredName(id));
  });
  if (is_used) usage_ = Usage::kUsed;
  if (is_used || count == 0) return std::nullopt;
  const bool is_enough = input == FirstLines::Input::kHasEnded || usage_ == Usage::kSeenUnused || count >= kMany;
  usage_ = is_enough ? Usage::kTold : Usage::kSeenUnused;
  if (!is_enough) return std::nullopt;
  return "trace events arrive, but no rule uses any of them (" + std::to_string(names.size()) +
         (names.size() == 1 ? " kind" : " kinds, one") + " is " + std::string(names.front()) +
         "); switch on the events that `qemu-trace-exporter qemu-args` prints, or add rules for these";
}

// People paste logs of `-trace 'virtio_blk*'` alone. A drive without a medium gets SCSI commands and moves no data, so SCSI
// commands cause a warning only when no more lines can come.
std::optional<std::string> Guest::TakePartlyTraced(FirstLines::Input input) {
  constexpr uint64_t kMany = 10;
  if (is_told_of_parts_ || counts_.lines == std::exchange(lines_at_parts_, counts_.lines)) return std::nullopt;
  struct Seen {
    std::string_view request;
    uint64_t requests = 0;
    bool has_transfers = false;
  };
  std::vector<Seen> seen(program_->decoders.size());
  const bool has_ended = input == FirstLines::Input::kHasEnded;
  events_.ForEach([&](uint32_t id, uint64_t times) {
    const uint32_t plan = events_.IsDeclared(id) ? program_->plan_of[id] : rules::kNone;
    if (plan == rules::kNone) return;
    for (const rules::DecoderFeed& feed : program_->plans[plan].decoders) {
      using Role = decoders::InputRole;
      const Role role = program_->decoders[feed.decoder].kind->inputs[feed.which].role;
      Seen& decoder = seen[feed.decoder];
      decoder.has_transfers = decoder.has_transfers || role == Role::kTransfer;
      if (role != Role::kRequest && (role != Role::kCommand || !has_ended)) continue;
      decoder.requests += times;
      decoder.request = program_->names.NameOf(id);
    }
  });
  for (size_t i = 0; i < seen.size(); ++i) {
    is_told_of_parts_ = is_told_of_parts_ || seen[i].has_transfers;  // no more to find out
    if (seen[i].has_transfers || seen[i].requests < (has_ended ? 1 : kMany)) continue;
    is_told_of_parts_ = true;
    std::string missing;
    for (const decoders::DecoderInput& event : program_->decoders[i].kind->inputs) {
      if (event.role == decoders::InputRole::kTransfer) missing.append(missing.empty() ? "" : " or ").append(event.event);
    }
    return "only a part of the disks' events is traced: there is " + std::string(seen[i].request) + ", but no " + missing +
           ", so names and sizes are missing; switch on the events that `qemu-trace-exporter qemu-args` prints";
  }
  return std::nullopt;
}

std::vector<std::string> Guest::TakeFolded() {
  std::vector<std::string> folded;
  is_fold_told_.resize(families_.size());
  families_.ForEach([&](size_t i, const metrics::Family& family) {
    if (family.overflowed() == 0 || is_fold_told_[i]) return;
    is_fold_told_[i] = true;
    folded.push_back(family.spec().name);
  });
  return folded;
}

// What is open is counted when somebody looks, so that no way of ending (abandoned, too old, QEMU gone) can be missed.
// Label sets over a limit were counted when their span began, so asking for them again is not.
void Guest::CountInFlight() {
  if (is_expired_ || std::exchange(is_in_flight_counted_, true)) return;
  std::vector<uint64_t> overflowed(families_.size());
  families_.ForEach([&](size_t i, const metrics::Family& family) {
    overflowed[i] = family.overflowed();
    if (family.spec().is_of_moment) {
      families_[i].Clear();
    } else if (family.spec().is_in_flight) {
      families_[i].SetAll(0);
    }
  });
  std::vector<const rules::Process*> seen;
  for (auto& [id, log] : logs_) {
    if (std::find(seen.begin(), seen.end(), log.process.get()) != seen.end()) continue;
    seen.push_back(log.process.get());
    log.process->CountInFlight();
  }
  families_.ForEach([&](size_t i, const metrics::Family&) { families_[i].set_overflowed(overflowed[i]); });
}

void Guest::AppendTo(metrics::Snapshot& snapshot) {
  CountInFlight();  // first, since what is in flight may make series
  std::shared_ptr<metrics::LogPaths> logs;
  families_.ForEach([&](size_t, const metrics::Family& family) {
    const metrics::FamilySnapshot& taken = snapshot.families.emplace_back(family.TakeSnapshot(labels_));
    if (taken.details == nullptr || taken.series_count() == 0) return;
    if (logs == nullptr) {
      logs = std::make_shared<metrics::LogPaths>();
      for (const auto& [id, log] : logs_) logs->emplace(id, log.path);
    }
    taken.details->logs = logs;
  });
  RenewExemplars();
}

// An exemplar is the largest value of a minute, or of the time between two scrapes where that is longer; it is shown until
// the next minute has one.
void Guest::RenewExemplars() {
  constexpr double kSeconds = 60;
  const double now = SecondsSinceEpoch();
  if (now - exemplars_since_ < kSeconds) return;
  exemplars_since_ = now;
  families_.ForEach([this](size_t i, const metrics::Family&) { families_[i].RenewExemplars(); });
}

void Guest::Expire() {
  for (size_t i = 0; i < families_.size(); ++i) {
    const metrics::Family* family = families_.Find(i);
    if (family == nullptr || family->overflowed() == 0) continue;
    counts_.overflowed.resize(families_.size());
    counts_.overflowed[i] += family->overflowed();
  }
  counts_.overflowed_events += events_.overflowed();
  families_.Clear();
  events_.Clear();
  for (auto& [id, log] : logs_) log.process->ForgetSeries();
  is_expired_ = true;
}

void Guest::Revive() {
  is_in_flight_counted_ = false;
  is_expired_ = false;
  for (auto& [id, log] : logs_) log.process->RenewSeries();
}

}  // namespace qte::guests
