// Writes the checkpoint every few seconds on a thread of its own, and reads it at the start.
//
// The ingest thread only copies what is to be saved; turning it into bytes, writing and syncing happen here.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/result.h"
#include "daemon/reclaimer.h"
#include "guests/checkpoint.h"
#include "guests/checkpoint_file.h"

namespace qte::daemon {

class Checkpointer {
 public:
  static Result<std::unique_ptr<Checkpointer>> Open(const std::string& directory);
  ~Checkpointer();
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

  // What was saved, if anything is there and sound; what is not is set aside with a warning in the log.
  std::optional<guests::SavedState> Load();
  // Sets aside a checkpoint that turned out to be of no use.
  void SetAside(const std::string& why);

  struct Taken {
    guests::Checkpoint moment;
    double at = 0;  // seconds since the epoch, by the thread that took it, while it took it
  };
  // Gives the moment, unless it has the version that is on the disk already.
  using Take = std::function<std::optional<Taken>(uint64_t version)>;
  // Where the sources are now.
  using Positions = std::function<source::Positions()>;
  // Whether nothing has come since the moment of that version; then Wake() will be called once something does.
  using Rests = std::function<bool(uint64_t version)>;
  // Writes at once, and then every few seconds while something happens; sooner where a log that is to be reclaimed has
  // grown.
  void Start(Take take, Positions positions, Rests rests);
  // From any thread: a rest is over.
  void Wake();
  // Ends the thread and writes a last time. Nothing happens without Start.
  void Stop();

  // Seconds since the epoch: what was shown up to then is on the disk. Lines that were read later may not be, so this
  // is the time at which the moment on the disk was taken, not the time at which it was written. 0 if none was.
  double last_success() const { return last_success_; }
  // By the thread that takes moments: now there is this version. If that is the one on the disk, what is shown now is
  // there as well.
  void Confirm(uint64_t version, double now);
  // As the last checkpoint has them: a restart does not go back behind these.
  guests::Totals totals() const;

 private:
  explicit Checkpointer(guests::CheckpointDirectory directory) : directory_(std::move(directory)) {}
  void Run();
  void Rest();
  void EndThread();
  void Write();
  Status Write(Taken taken);
  bool IsDue();
  bool KnowsAllReclaimed() const { return reclaimed_before_ + reclaimer_.bytes() == totals().reclaimed_bytes; }

  guests::CheckpointDirectory directory_;
  Take take_;
  Positions positions_;
  Rests rests_;
  Reclaimer reclaimer_;
  std::atomic<double> last_success_ = 0;
  uint64_t reclaimed_before_ = 0;                       // by earlier processes
  std::atomic<uint64_t> written_version_ = UINT64_MAX;  // of the moment on the disk
  // Used by the thread that writes, one at a time.
  std::chrono::steady_clock::time_point next_{};
  bool failing_ = false;
  bool reclaims_ = false;  // any log
  mutable std::mutex mutex_;
  guests::Totals totals_;  // guarded by mutex_
  std::condition_variable wake_;
  bool is_woken_ = false;  // guarded by mutex_
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace qte::daemon
