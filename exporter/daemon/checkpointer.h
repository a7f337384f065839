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
#include "pipeline/moment.h"
#include "state/checkpoint.h"

namespace qte::daemon {

class Checkpointer {
 public:
  static Result<std::unique_ptr<Checkpointer>> Open(const std::string& directory);
  ~Checkpointer();
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

  // What was saved, if anything is there and sound; what is not is set aside with a warning in the log.
  std::optional<pipeline::Resumption> Load();
  // Sets aside a checkpoint that turned out to be of no use.
  void SetAside(const std::string& why);

  // Gives the moment, unless it has the version that is on the disk already.
  using Take = std::function<std::optional<pipeline::Moment>(uint64_t version)>;
  // Writes at once, and then every few seconds.
  void Start(Take take);
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
  Take take_;
  std::atomic<double> last_success_ = 0;
  // Of whoever writes, one thread at a time.
  uint64_t written_version_ = UINT64_MAX;
  bool failing_ = false;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace qte::daemon
