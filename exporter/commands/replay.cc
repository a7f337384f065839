// replay: reads recorded traces and prints their metrics. It uses the same guests as `serve`.
#include <algorithm>
#include <atomic>
#include <iostream>
#include <memory>
#include <utility>
#include <vector>

#include "base/thread_team.h"
#include "commands/commands.h"
#include "commands/load.h"
#include "commands/progress.h"
#include "commands/recordings.h"
#include "commands/summary.h"
#include "commands/trace_reader.h"
#include "exposition/text.h"
#include "guests/guests.h"

namespace qte::commands {
namespace {

using guests::Guests;

// Reads groups of files on several threads, each group into its own guest. The output therefore depends neither on the
// speed nor on the number of threads.
class Replayer {
 public:
  Replayer(const LoadedConfig& loaded, const std::vector<std::string>& files);

  void Run(size_t threads);
  const std::vector<Remarks>& remarks() const { return remarks_; }
  metrics::Snapshot TakeSnapshot() const;
  std::vector<Warning> TakeUnread();
  Summary Summarize() const;

 private:
  void Read(const Recording& group, Guests& guest);

  const LoadedConfig& loaded_;
  const std::vector<std::string>& files_;
  const guests::SourceLabels labels_;
  const std::vector<trace::LineOpener::Pin> envelopes_;  // one for each file
  std::vector<Recording> groups_;
  std::vector<std::unique_ptr<Guests>> guests_;  // one for each group
  std::vector<Remarks> remarks_;                 // one for each file, written by the thread that reads it
  std::atomic<size_t> next_ = 0;                 // next group to read
  Progress progress_;
};

Replayer::Replayer(const LoadedConfig& loaded, const std::vector<std::string>& files)
    : loaded_(loaded),
      files_(files),
      labels_(loaded.config.sources),
      envelopes_(EnvelopesOf(loaded.config, labels_, files)),
      remarks_(files.size()),
      progress_(SizeOf(files)) {
  groups_ = GroupByLabels(loaded.config, labels_, files);
  guests_.resize(groups_.size());
}

void Replayer::Run(size_t threads) {
  ThreadTeam team;
  team.Run(std::min(threads, groups_.size()), [this](size_t) {
    for (size_t group = next_++; group < groups_.size(); group = next_++) {
      guests_[group] = std::make_unique<Guests>(loaded_.program, labels_, 1);
      Read(groups_[group], *guests_[group]);
    }
  });
}

// Treats the files of a group as one rotated log, the oldest file first.
void Replayer::Read(const Recording& group, Guests& guest) {
  source::StreamId id = 0;
  for (size_t file : group.files) {
    const source::StreamId before = std::exchange(id, static_cast<source::StreamId>(file + 1));
    guest.Open(id, AbsolutePath(files_[file]), group.labels, before);
    guest.Pin(id, envelopes_[file]);
    const TraceReading reading{.catalog = loaded_.catalog.get(), .progress = &progress_};
    TraceFacts facts;
    Status read = ReadTrace(
        files_[file], [&](std::string_view bytes) { guest.OnBytes(id, bytes); }, reading, &facts);
    remarks_[file] = {guest.TakePathWithoutTime(), read ? "" : read.error(), facts.dropped_events};
  }
  for (size_t file : group.files) guest.EndOfRecording(static_cast<source::StreamId>(file + 1));
}

metrics::Snapshot Replayer::TakeSnapshot() const {
  metrics::Snapshot snapshot;
  guests::OwnCounts counts;
  for (const auto& guest : guests_) {
    guest->AppendSeries(snapshot);
    counts.Add(guest->TakeOwnCounts());
  }
  snapshot.plain = ToFamilies(counts, guests_.front()->common());
  return snapshot;
}

std::vector<Warning> Replayer::TakeUnread() {
  std::vector<Warning> all;
  for (const auto& guest : guests_) {
    for (Warning& warning : guest->TakeUnread(guests::FirstLines::Input::kHasEnded)) all.push_back(std::move(warning));
  }
  return all;
}

Summary Replayer::Summarize() const {
  Summary summary;
  for (const auto& guest : guests_) summary.Add(*guest);
  for (const Remarks& remarks : remarks_) summary.AddDropped(remarks.dropped_events);
  return summary;
}

}  // namespace

int Replay(const Options& options) {
  LoadOutcome outcome = LoadConfig(options);
  PrintProblems(outcome);
  if (!outcome.loaded || !CheckTraces(options.files)) return kExitBadInput;
  Replayer replayer(*outcome.loaded, options.files);
  replayer.Run(WorkersOf(outcome.loaded->config));
  int exit_code = Tell(options.files, replayer.remarks());
  Tell(replayer.TakeUnread());
  std::cout << exposition::ToText(replayer.TakeSnapshot()) << std::flush;
  const Summary summary = replayer.Summarize();
  if (options.is_strict && summary.is_mostly_unread()) {
    std::cerr << "qemu-trace-exporter: more than half of the lines were not read (--strict)\n";
    exit_code = kExitBadInput;
  }
  std::cerr << summary.Text() << '\n';
  return std::cout.good() ? exit_code : kExitBadInput;
}

}  // namespace qte::commands
