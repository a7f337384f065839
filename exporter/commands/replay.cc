// replay: recorded traces in, their metrics out, through the same pipeline as serve.
#include <algorithm>
#include <condition_variable>
#include <iostream>
#include <memory>
#include <mutex>
#include <vector>

#include "base/thread_team.h"
#include "commands/commands.h"
#include "commands/load.h"
#include "commands/progress.h"
#include "commands/recordings.h"
#include "commands/trace_reader.h"
#include "exposition/text.h"
#include "pipeline/pipeline.h"

namespace qte::commands {
namespace {

using pipeline::Pipeline;

// Reads groups of files on several threads, each group into a pipeline of its own, and puts these together in the order
// of the groups. So nothing depends on which thread was how fast, or on how many there are.
class Replayer {
 public:
  Replayer(const LoadedConfig& loaded, const std::vector<std::string>& files);

  void Run(size_t threads);
  const std::vector<Remarks>& remarks() const { return remarks_; }
  metrics::Snapshot TakeSnapshot() const { return sum_->TakeSnapshot(); }

 private:
  // Pipelines that wait for one before them take memory.
  static constexpr size_t kMostAhead = 64;

  void Work();
  std::unique_ptr<Pipeline> Read(const Recording& group);
  void Keep(size_t group, std::unique_ptr<Pipeline> pipeline);
  void Merge(std::unique_ptr<Pipeline> next);

  const LoadedConfig& loaded_;
  const std::vector<std::string>& files_;
  const pipeline::SourceLabels labels_;
  std::vector<Recording> groups_;
  std::vector<Remarks> remarks_;  // of each file, written by the thread that reads it

  Progress progress_;

  std::mutex mutex_;
  std::condition_variable has_advanced_;
  size_t next_ = 0;                              // to be read; guarded by mutex_
  size_t merged_ = 0;                            // groups that are in sum_; guarded by mutex_
  std::vector<std::unique_ptr<Pipeline>> done_;  // of each group, until it is merged; guarded by mutex_
  bool is_merging_ = false;                      // some thread does, all that is there; guarded by mutex_
  std::unique_ptr<Pipeline> sum_;                // of the thread that merges
};

Replayer::Replayer(const LoadedConfig& loaded, const std::vector<std::string>& files)
    : loaded_(loaded), files_(files), labels_(loaded.config.sources), remarks_(files.size()), progress_(SizeOf(files)) {
  groups_ = GroupByLabels(loaded.config, labels_, files);
  done_.resize(groups_.size());
}

void Replayer::Run(size_t threads) {
  ThreadTeam team;
  team.Run(std::min(threads, groups_.size()), [this](size_t) { Work(); });
}

void Replayer::Work() {
  while (true) {
    size_t group = 0;
    {
      std::unique_lock lock(mutex_);
      has_advanced_.wait(lock, [this] { return next_ == groups_.size() || next_ < merged_ + kMostAhead; });
      if (next_ == groups_.size()) return;
      group = next_++;
    }
    Keep(group, Read(groups_[group]));
  }
}

std::unique_ptr<Pipeline> Replayer::Read(const Recording& group) {
  auto pipeline = std::make_unique<Pipeline>(loaded_.program, labels_);
  for (size_t file : group.files) {
    auto id = static_cast<source::StreamId>(file);
    pipeline->Open(id, AbsolutePath(files_[file]), group.labels);
    Status read = ReadTrace(
        files_[file], [&](std::string_view bytes) { pipeline->OnBytes(id, bytes); }, &progress_);
    remarks_[file] = {pipeline->TakePathWithoutTime(), read ? "" : read.error()};
    pipeline->EndOfRecording(id);
  }
  return pipeline;
}

void Replayer::Keep(size_t group, std::unique_ptr<Pipeline> pipeline) {
  std::unique_lock lock(mutex_);
  done_[group] = std::move(pipeline);
  if (is_merging_) return;
  is_merging_ = true;
  while (merged_ < groups_.size() && done_[merged_] != nullptr) {
    std::unique_ptr<Pipeline> next = std::move(done_[merged_]);
    lock.unlock();
    Merge(std::move(next));
    lock.lock();
    ++merged_;
    has_advanced_.notify_all();
  }
  is_merging_ = false;
}

void Replayer::Merge(std::unique_ptr<Pipeline> next) {
  if (sum_ == nullptr) {
    sum_ = std::move(next);
  } else {
    sum_->Adopt(std::move(*next), {}, Pipeline::OverLimit::kFold);
  }
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
