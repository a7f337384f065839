// Writes the checkpoint every few seconds on a thread of its own, and reads it at the start.
//
// The ingest thread only copies what is to be saved; turning it into bytes, writing and syncing happen here.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/result.h"
#include "pipeline/pipeline.h"
#include "source/source_set.h"
#include "state/checkpoint.h"

namespace qte::daemon {

// A moment of the daemon: series and offsets belong together.
struct Moment {
  pipeline::Pipeline::Saved pipeline;
  source::Positions positions;
  source::SourceTotals totals;
};

// What a checkpoint held.
struct Resumption {
  nlohmann::json pipeline;
  source::Positions positions;
  source::SourceTotals totals;
};

class Checkpointer {
 public:
  static Result<std::unique_ptr<Checkpointer>> Open(const std::string& directory);
  ~Checkpointer();
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

  // What was saved, if anything is there and sound; what is not is set aside with a warning in the log.
  std::optional<Resumption> Load();
  // Sets aside a checkpoint that turned out to be of no use.
  void SetAside(const std::string& why);

  // Starts to write what `take` gives.
  void Start(std::function<Moment()> take);
  // Ends the thread and writes a last time. Nothing happens without Start.
  void Stop();

  // When the last checkpoint was written, in seconds since the epoch; 0 if none was.
  double last_success() const { return last_success_.load(); }

 private:
  explicit Checkpointer(state::CheckpointDirectory directory) : directory_(std::move(directory)) {}
  void Run();
  void EndThread();
  void Write();

  state::CheckpointDirectory directory_;
  std::function<Moment()> take_;
  std::atomic<double> last_success_ = 0;
  bool failing_ = false;  // of whoever writes: one thread at a time
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace qte::daemon
