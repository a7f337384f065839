// The ingest thread: steps the sources, feeds the guests, and answers what other threads ask between two steps.
//
// Guests and sources belong to this thread alone, so no line pays for a lock; it lends the lanes to other threads
// within a step, where there is much to read. Others hand it a function to run (Call) and wait for its result; that is
// how a scrape gets its snapshot of all lanes at one moment.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "metrics/snapshot.h"
#include "guests/guests.h"
#include "source/source_set.h"

namespace qte::daemon {

class Ingest final : private source::Receiver {
 public:
  // Called on the ingest thread when streams change.
  struct Listener {
    std::function<void(source::StreamId)> on_begin;  // opened, or what was known of it is forgotten
    std::function<void()> on_end;
    std::function<void()> on_change;  // see AwaitChange
  };

  // What is followed.
  struct Sources {
    std::vector<source::SourceSpec> specs;
    source::Positions resume;  // of the checkpoint that the guests were restored from
    size_t max_open = 0;       // descriptors
  };

  Ingest(std::unique_ptr<guests::Guests> guests, Sources sources, Listener listener);
  // Stops without draining if Stop was not called.
  ~Ingest();
  Ingest(const Ingest&) = delete;
  Ingest& operator=(const Ingest&) = delete;

  // Runs `task` on the ingest thread between two steps and waits for it; once that thread has ended, right here.
  void Call(const std::function<void(guests::Guests&, const source::SourceSet&)>& task);

  // Another config is in force. `use` is called on the ingest thread once the sources are in place, with the index of
  // each log's source among them.
  using SourceOf = std::map<source::StreamId, size_t>;
  void Reconfigure(std::vector<source::SourceSpec> sources,
                   const std::function<void(guests::Guests&, const SourceOf&)>& use);

  // As SourceSet's; 0 once this has ended.
  source::StreamId Attach(UniqueFd pipe, const std::string& name, const std::string& spec_path);

  // What the sources have to say once in the log.
  std::vector<std::string> TakeWarnings();

  // Reads every file to its end and ends the thread.
  void Stop();

  // True once what was there at the start has been read.
  bool caught_up() const { return caught_up_.load(std::memory_order_acquire); }
  // As SourceSet's, from any thread: while it stays, there is nothing to ask for.
  uint64_t changes() const { return changes_.load(); }
  // For who wants to sleep until something happens: the listener hears on_change once changes() is not `known` any
  // more. False if that is so already.
  bool AwaitChange(uint64_t known);

 private:
  using Task = std::function<void()>;

  void Run();
  void RunTasks();
  void NoteChanges();
  void Post(const Task& task);

  void OnOpen(source::StreamId id, size_t source, const std::string& path, source::StreamId predecessor) override;
  void OnBytes(source::StreamId id, std::string_view bytes, uint64_t offset) override;
  void OnRestart(source::StreamId id, source::Restart why) override;
  void OnClose(source::StreamId id) override;
  size_t LaneOf(source::StreamId id) const override;

  const Listener listener_;
  std::unique_ptr<guests::Guests> guests_;  // of the ingest thread
  source::SourceSet sources_;                  // of the ingest thread, but for Wake
  std::atomic<bool> caught_up_ = false;
  std::atomic<uint64_t> changes_ = 0;
  std::atomic<bool> is_change_awaited_ = false;

  std::mutex mutex_;
  std::condition_variable done_;
  std::vector<Task> tasks_;  // guarded by mutex_
  uint64_t posted_ = 0;      // guarded by mutex_
  uint64_t finished_ = 0;    // guarded by mutex_
  bool stopping_ = false;    // guarded by mutex_
  bool drain_ = false;       // guarded by mutex_
  bool stopped_ = false;     // guarded by mutex_
  std::mutex after_stop_;    // held while a caller runs a task after the thread has ended
  std::thread thread_;       // last, so that all it uses is there
};

}  // namespace qte::daemon
