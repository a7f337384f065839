// replay: recorded traces in, their metrics out, through the same guests as serve.
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
#include "commands/trace_reader.h"
#include "exposition/text.h"
#include "guests/guests.h"

namespace qte::commands {
namespace {

using guests::Guests;

// Reads groups of files on several threads, each group into a guest of its own, so that nothing depends on how fast a
// thread was, or on how many there are.
class Replayer {
 public:
  Replayer(const LoadedConfig& loaded, const std::vector<std::string>& files);

  void Run(size_t threads);
  const std::vector<Remarks>& remarks() const { return remarks_; }
  metrics::Snapshot TakeSnapshot() const;

 private:
  void Read(const Recording& group, Guests& guest);

  const LoadedConfig& loaded_;
  const std::vector<std::string>& files_;
  const guests::SourceLabels labels_;
  std::vector<Recording> groups_;
  std::vector<std::unique_ptr<Guests>> guests_;  // of each group
  std::vector<Remarks> remarks_;                 // of each file, written by the thread that reads it
  std::atomic<size_t> next_ = 0;                 // group to be read
  Progress progress_;
};

Replayer::Replayer(const LoadedConfig& loaded, const std::vector<std::string>& files)
    : loaded_(loaded), files_(files), labels_(loaded.config.sources), remarks_(files.size()), progress_(SizeOf(files)) {
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

// The files of a group are taken for one log that was rotated, the oldest first.
void Replayer::Read(const Recording& group, Guests& guest) {
  source::StreamId id = 0;
  for (size_t file : group.files) {
    const source::StreamId before = std::exchange(id, static_cast<source::StreamId>(file + 1));
    guest.Open(id, AbsolutePath(files_[file]), group.labels, before);
    Status read = ReadTrace(
        files_[file], [&](std::string_view bytes) { guest.OnBytes(id, bytes); }, &progress_);
    remarks_[file] = {guest.TakePathWithoutTime(), read ? "" : read.error()};
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

}  // namespace

int Replay(const Options& options) {
  LoadOutcome outcome = LoadConfig(options);
  PrintProblems(outcome);
  if (!outcome.loaded || !CheckTraces(options.files)) return kExitBadInput;
  Replayer replayer(*outcome.loaded, options.files);
  replayer.Run(WorkersOf(outcome.loaded->config));
  int exit_code = Tell(replayer.remarks());
  std::cout << exposition::ToText(replayer.TakeSnapshot()) << std::flush;
  return std::cout.good() ? exit_code : kExitBadInput;
}

}  // namespace qte::commands
