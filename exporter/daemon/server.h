// The daemon at work: the ingest thread, the HTTP routes over it, and reloads.
//
// HTTP handlers run on the server's threads; what they need of the guests they ask the ingest thread for. A reload is
// done by the main thread, which handlers ask for it, since it parses YAML and compiles regexes.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "commands/load.h"
#include "commands/options.h"
#include "daemon/checkpointer.h"
#include "daemon/event_rates.h"
#include "daemon/ingest.h"
#include "daemon/startup.h"
#include "daemon/tracer.h"
#include "daemon/usdt_tracers.h"
#include "daemon/warnings.h"
#include "http/server.h"
#include "page/chart_history.h"
#include "page/landing_page.h"

namespace qte::daemon {

class Server {
 public:
  // What other threads ask of the main one.
  struct MainThread {
    std::function<Status()> request_reload;  // has it call Reload, and returns the answer
    std::function<void()> wake;              // ends its rest
    size_t max_open_logs = 0;                // descriptors that following logs may take
  };

  // `loaded` is what the config at start said.
  Server(const commands::Options& options, commands::LoadedConfig loaded, MainThread main_thread);

  // Starts to follow and to listen; the error names the address that cannot be had.
  Status Start();
  // Reads the config again. A bad one changes nothing, and is the error.
  Status Reload();
  // What is due every few seconds: rates of events, points of the charts, warnings about sources.
  void Tick();
  // True if there is nothing to tick for until something happens; then the main thread is woken.
  bool Rest();
  void EndRest();
  // Reads all files to their end and ends all threads.
  void Stop();

 private:
  // What a scrape tells beside the series.
  struct ReloadState {
    bool successful = true;
    double success_time = 0;  // seconds since the epoch
    std::string file;
    std::string hash;
  };

  std::map<std::string, http::Route> Routes();
  http::Response Metrics(const http::Request& request);
  http::Response Landing();
  http::Response Ready() const;
  http::Response SetLogLevel(const http::Request& request) const;
  http::Response RequestReload();
  http::Response StatusJson();
  http::Response EventsJson();
  http::Response HistoryJson();

  // `now` are counts since the start of the process. With checkpoints, those of the last one are shown, since a later
  // process continues from these.
  void AppendOwnMetrics(metrics::Snapshot& snapshot, const source::SourceTotals& now) const;
  void AppendQmpMetrics(metrics::Snapshot& snapshot) const;
  // What the charts show grows by a point, unless the last one is very young.
  void SampleHistory();
  // What ticks during the rest would have noted.
  void CatchUpOnRest();
  std::vector<page::LandingPage::Activity> Activities();
  ReloadState reload_state() const;
  // Null until Start has come so far: the port is open a moment before.
  Ingest* ingest_ptr() const;
  // Runs `task` on the ingest thread; false where there is none yet.
  bool Ask(const std::function<void(guests::Guests&, const source::SourceSet&)>& task) const;
  std::optional<Checkpointer::Taken> TakeMoment(uint64_t known_version) const;
  // On the ingest thread: changes with all that a checkpoint holds.
  uint64_t OwnVersion() const;
  uint64_t VersionOf(const guests::Guests& guests, const source::SourceTotals& totals) const;
  bool RestsSinceMoment(uint64_t version) const;
  source::Positions PositionsNow() const;
  void StartIngest(std::optional<guests::SavedState> resumption);
  // False while there is nothing to ask yet, and while what was there at the start is being read.
  bool is_ready() const;
  // On the ingest thread.
  static Startup::Progress ProgressOf(const source::SourceSet& sources);
  http::Response NotReady() const;
  void LookAtIngest();
  void WarnAboutStreams(const std::vector<source::StreamStatus>& streams);
  std::vector<Warning> WarningsOfRefused(const std::vector<source::StreamStatus>& streams) const;

  const commands::Options options_;
  commands::LoadedConfig loaded_;  // of the main thread
  const MainThread main_thread_;
  std::unique_ptr<Checkpointer> checkpointer_;  // null without --state.path
  guests::Totals totals_before_;              // of the checkpoint
  Startup startup_;                             // Log by the main thread

  std::unique_ptr<Tracer> tracer_;  // set before ingest_, which uses it
  std::unique_ptr<UsdtTracers> usdt_tracers_;  // set after it, for it feeds it; of the main thread

  mutable std::mutex mutex_;
  std::unique_ptr<Ingest> ingest_;                 // set once, guarded by mutex_
  ReloadState reload_;                             // guarded by mutex_
  std::shared_ptr<const trace::Catalog> catalog_;  // guarded by mutex_
  EventRates rates_;                               // guarded by mutex_

  std::mutex history_mutex_;    // of its own, since drawing hundreds of points takes a while; taken after no other
  page::ChartHistory history_;  // guarded by history_mutex_

  // Used by the main thread: what the last tick saw, and Ingest::changes() before it.
  std::vector<guests::SeenEvent> seen_events_;
  uint64_t ticked_at_ = UINT64_MAX;
  bool is_tick_quiet_ = false;
  std::atomic<bool> is_resting_ = false;

  // Used by the thread that writes checkpoints: the version of the last moment, and what had changed by then.
  mutable uint64_t taken_version_ = UINT64_MAX;
  mutable uint64_t taken_at_ = 0;

  std::map<std::string, std::string> stream_errors_;  // by path: what was warned of; of the main thread
  Warnings warnings_;
  std::unique_ptr<http::Server> http_;                // last: its threads use all of the above
};

}  // namespace qte::daemon
