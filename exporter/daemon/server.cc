#include "daemon/server.h"

#include <spdlog/spdlog.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/epoch.h"
#include "commands/embedded.h"
#include "commands/sources.h"

namespace qte::daemon {
namespace {

std::unique_ptr<guests::Guests> MakeGuests(const commands::LoadedConfig& loaded) {
  return std::make_unique<guests::Guests>(loaded.program, guests::SourceLabels(loaded.config.sources),
                                          commands::WorkersOf(loaded.config));
}

Result<std::vector<http::Listener>> OpenListeners(const commands::Options& options) {
  std::vector<http::Listener> listeners;
  if (options.systemd_socket) {
    const int count = ::sd_listen_fds(1);
    if (count <= 0) {
      return Error{
          "--web.systemd-socket: systemd has handed over no socket; start the service by its .socket unit "
          "(systemctl enable --now qemu-trace-exporter.socket)"};
    }
    for (int i = 0; i < count; ++i) {
      Result<http::Listener> listener = http::Listener::Adopt(UniqueFd(SD_LISTEN_FDS_START + i));
      if (!listener) return Error{"--web.systemd-socket: " + listener.error()};
      listeners.push_back(std::move(*listener));
    }
  }
  for (const std::string& text : options.listen_addresses) {
    Result<http::ListenAddress> address = http::ParseListenAddress(text);
    if (!address) return Error{address.error()};
    Result<http::Listener> listener = http::Listener::Open(*address);
    if (!listener) return Error{listener.error()};
    listeners.push_back(std::move(*listener));
  }
  return listeners;
}

}  // namespace

Server::Server(const commands::Options& options, commands::LoadedConfig loaded, MainThread main_thread)
    : options_(options),
      loaded_(std::move(loaded)),
      main_thread_(std::move(main_thread)),
      startup_(std::chrono::milliseconds(options.startup_timeout_ms), Clock::Steady().Now()) {
  reload_ = {true, SecondsSinceEpoch(), loaded_.config.file, loaded_.config.hash};
  catalog_ = loaded_.catalog;
}

Status Server::Start() {
  if (Status possible = commands::CheckForServe(loaded_.config, options_); !possible) return possible;
  std::optional<guests::SavedState> resumption;
  if (!options_.state_path.empty()) {
    Result<std::unique_ptr<Checkpointer>> opened = Checkpointer::Open(options_.state_path);
    if (!opened) return Error{opened.error()};
    checkpointer_ = std::move(*opened);
    resumption = checkpointer_->Load();
  }
  // The port before any file: a daemon that cannot listen must not have read anything.
  Result<std::vector<http::Listener>> listeners = OpenListeners(options_);
  if (!listeners) return Error{listeners.error()};
  Result<std::unique_ptr<http::Server>> http = http::Server::Start(std::move(*listeners), Routes(), loaded_.web);
  if (!http) return Error{http.error()};
  http_ = std::move(*http);
  if (resumption) http_->auth().Trust(resumption->logins);
  StartIngest(std::move(resumption));
  spdlog::info("qemu-trace-exporter {}", commands::kVersion);
  const char* scheme = loaded_.web.tls ? "https" : "http";
  for (const http::Listener& listener : http_->listeners()) spdlog::info("listening on {}", listener.Url(scheme));
  for (const config::Source& source : loaded_.config.sources) spdlog::info("following {}", source.path.value);
  Tick();
  return {};
}

void Server::StartIngest(std::optional<guests::SavedState> resumption) {
  std::unique_ptr<guests::Guests> guests = MakeGuests(loaded_);
  source::Positions positions;
  nlohmann::json saved_qmp;
  if (resumption) {
    if (Status restored = guests->Restore(resumption->guests, resumption->positions.Ids()); restored) {
      positions = std::move(resumption->positions);
      totals_before_ = resumption->totals;
      saved_qmp = std::move(resumption->qmp);
      spdlog::info("continuing from the checkpoint in {}", options_.state_path);
    } else {
      checkpointer_->SetAside(restored.error());
      guests = MakeGuests(loaded_);
    }
  }
  Tracer::Listener qmp_listener = {
      .on_new_process =
          [this](source::StreamId id) {
            Ask([id](guests::Guests& all, const source::SourceSet&) { all.BeginProcess(id); });
          },
      .on_gone =
          [this](source::StreamId id) {
            Ask([id](guests::Guests& all, const source::SourceSet&) { all.EndProcess(id); });
          }};
  tracer_ = std::make_unique<Tracer>([this](const Tracer::Task& task) { return Ask(task); },
                                     [this] { return ingest_ptr()->caught_up(); }, saved_qmp, std::move(qmp_listener));
  tracer_->Use(loaded_);
  Ingest::Listener listener = {.on_begin = [this](source::StreamId id) { tracer_->OnBegin(id); },
                               .on_end = [this] { tracer_->OnEnd(); },
                               .on_change =
                                   [this] {
                                     main_thread_.wake();
                                     if (checkpointer_ != nullptr) checkpointer_->Wake();
                                   }};
  {
    std::lock_guard lock(mutex_);
    Ingest::Sources sources{commands::SourceSpecs(loaded_.config), std::move(positions), main_thread_.max_open_logs};
    ingest_ = std::make_unique<Ingest>(std::move(guests), std::move(sources), std::move(listener));
  }
  tracer_->Start();
  usdt_tracers_ = std::make_unique<UsdtTracers>(UsdtTracers::Host{
      .attach = [this](UniqueFd pipe, const std::string& name,
                       const std::string& spec) { return ingest_ptr()->Attach(std::move(pipe), name, spec); },
      .count_lost =
          [this](source::StreamId id, uint64_t events) {
            Ask([id, events](guests::Guests& all, const source::SourceSet&) { all.CountLost(id, events); });
          },
      .on_warning = [this] { main_thread_.wake(); }});
  usdt_tracers_->Use(loaded_);
  if (checkpointer_ == nullptr) return;
  checkpointer_->Start([this](uint64_t known_version) { return TakeMoment(known_version); },
                       [this] { return PositionsNow(); },
                       [this](uint64_t version) { return RestsSinceMoment(version); });
}

// The version of what is saved and does not come from logs.
uint64_t Server::OwnVersion() const {
  return tracer_->version() + http_->auth().trust_changes();
}

// Counters that only rise, so their sum stays as it is only where nothing has happened.
uint64_t Server::VersionOf(const guests::Guests& guests, const source::SourceTotals& totals) const {
  return guests.changes() + totals.rotations + totals.truncations + totals.opened + OwnVersion();
}

// Nothing if the version is the known one.
std::optional<Checkpointer::Taken> Server::TakeMoment(uint64_t known_version) const {
  std::optional<Checkpointer::Taken> taken;
  const uint64_t changed = ingest_ptr()->changes() + OwnVersion();  // before it is asked for
  if (known_version == taken_version_ && changed == taken_at_) return taken;
  Ask([&](guests::Guests& guests, const source::SourceSet& sources) {
    source::SourceTotals totals = sources.Totals();
    uint64_t version = VersionOf(guests, totals);
    taken_version_ = version;
    taken_at_ = changed;
    if (version == known_version) return;
    taken = {{guests.Save(), sources.SavePositions(), Sum(totals_before_, totals), tracer_->Save(),
              http_->auth().trusted(), version},
             SecondsSinceEpoch()};
  });
  return taken;
}

// With QMP there is always something to look after.
bool Server::RestsSinceMoment(uint64_t version) const {
  return version == taken_version_ && !tracer_->is_used() && ingest_ptr()->AwaitChange(taken_at_ - OwnVersion());
}

source::Positions Server::PositionsNow() const {
  source::Positions positions;
  Ask([&](guests::Guests&, const source::SourceSet& sources) { positions = sources.SavePositions(); });
  return positions;
}

bool Server::is_ready() const {
  Ingest* ingest = ingest_ptr();
  return ingest != nullptr && startup_.IsOver(ingest->caught_up(), Clock::Steady().Now());
}

Startup::Progress Server::ProgressOf(const source::SourceSet& sources) {
  source::CatchUp catch_up = sources.catch_up();
  return {catch_up.read_bytes, catch_up.total_bytes - std::min(catch_up.total_bytes, catch_up.read_bytes)};
}

Status Server::Reload() {
  commands::LoadOutcome outcome = commands::LoadConfig(options_);
  if (outcome.loaded) {
    Status possible = commands::CheckForServe(outcome.loaded->config, options_);
    if (possible) possible = http_->SetAccess(outcome.loaded->web);
    if (!possible) outcome = {std::nullopt, {}, {{{}, possible.error()}}, {}};
  }
  for (const config::Diagnostic& warning : outcome.warnings) spdlog::warn("{}", warning.Format());
  if (!outcome.loaded) {
    std::string all;
    for (const config::Diagnostic& error : outcome.errors) {
      spdlog::error("{}", error.Format());
      all += error.Format() + '\n';
    }
    std::lock_guard lock(mutex_);
    reload_.successful = false;
    return Error{"reload failed, the old config stays:\n" + all};
  }
  loaded_ = std::move(*outcome.loaded);
  ingest_ptr()->Reconfigure(commands::SourceSpecs(loaded_.config),
                            [this](guests::Guests& guests, const Ingest::SourceOf& source_of) {
                              guests.Use(loaded_.program, guests::SourceLabels(loaded_.config.sources), source_of);
                              tracer_->Use(loaded_);
                            });
  tracer_->Start();
  usdt_tracers_->Use(loaded_);
  std::lock_guard lock(mutex_);
  reload_ = {true, SecondsSinceEpoch(), loaded_.config.file, loaded_.config.hash};
  catalog_ = loaded_.catalog;
  spdlog::info("config reloaded from {} (hash {})", reload_.file, reload_.hash);
  return {};
}

Ingest* Server::ingest_ptr() const {
  std::lock_guard lock(mutex_);
  return ingest_.get();
}

bool Server::Ask(const std::function<void(guests::Guests&, const source::SourceSet&)>& task) const {
  Ingest* ingest = ingest_ptr();
  if (ingest != nullptr) ingest->Call(task);
  return ingest != nullptr;
}

Server::ReloadState Server::reload_state() const {
  std::lock_guard lock(mutex_);
  return reload_;
}

void Server::Tick() {
  const uint64_t changes = ingest_ptr()->changes();
  is_tick_quiet_ = changes == ticked_at_;
  ticked_at_ = changes;
  LookAtIngest();
  SampleHistory();
  std::lock_guard lock(mutex_);
  rates_.Sample(EventRates::Clock::now(), seen_events_);
}

// After a tick that found nothing new, for the last point may be older than the last change.
bool Server::Rest() {
  is_resting_ = is_tick_quiet_ && !loaded_.config.limits.expire_after && startup_.is_told() &&
                ingest_ptr()->AwaitChange(ticked_at_);
  return is_resting_;
}

void Server::EndRest() {
  CatchUpOnRest();
  is_resting_ = false;
  is_tick_quiet_ = false;
}

void Server::CatchUpOnRest() {
  if (!is_resting_) return;
  {
    std::lock_guard lock(history_mutex_);
    history_.Repeat(page::ChartHistory::Clock::now());
  }
  std::lock_guard lock(mutex_);
  rates_.Repeat(EventRates::Clock::now());
}

void Server::LookAtIngest() {
  std::vector<source::StreamStatus> streams;
  std::vector<Warning> warnings;
  std::vector<Warning> current;
  size_t expired = 0;
  Startup::Progress progress;
  Ask([&](guests::Guests& guests, const source::SourceSet& sources) {
    seen_events_ = guests.SeenEvents();
    streams = sources.Streams();
    warnings = guests.TakeWarnings();
    current = sources.Warnings();
    expired = guests.ExpireIdle(Clock::Steady().Now());
    progress = ProgressOf(sources);
  });
  startup_.Log(ingest_ptr()->caught_up(), progress, Clock::Steady().Now());
  if (expired > 0) spdlog::info("{} series of guests without a line for expire_after have expired", expired);
  for (const std::string& warning : ingest_ptr()->TakeWarnings()) warnings.push_back({"", warning});
  warnings_.Add(std::move(warnings));
  for (Warning& warning : WarningsOfRefused(streams)) current.push_back(std::move(warning));
  for (Warning& warning : usdt_tracers_->Warnings()) current.push_back(std::move(warning));
  warnings_.SetCurrent(current);
  WarnAboutStreams(streams);
}

void Server::SampleHistory() {
  CatchUpOnRest();
  // Counters that rise to where they were before a restart would show as a rate.
  if (!is_ready()) return;
  {
    std::lock_guard lock(history_mutex_);
    if (!history_.IsDue(page::ChartHistory::Clock::now())) return;
  }
  std::vector<metrics::FamilySnapshot> families;
  page::ChartHistory::Clock::time_point now;
  Ask([&](guests::Guests& guests, const source::SourceSet&) {
    families = guests.TakeFamilies(page::ChartHistory::Wants);
    now = page::ChartHistory::Clock::now();
  });
  std::lock_guard lock(history_mutex_);
  // Another thread may have been quicker.
  if (history_.IsDue(now)) history_.Sample(now, families);
}

// Tells once when a source cannot be read, and once when it can again.
void Server::WarnAboutStreams(const std::vector<source::StreamStatus>& streams) {
  std::map<std::string, std::string> errors;
  for (const source::StreamStatus& stream : streams) {
    if (!stream.up && !stream.takes_turns && !stream.refused) errors[stream.path] = stream.error;
  }
  for (const auto& [path, error] : errors) {
    auto known = stream_errors_.find(path);
    if (known == stream_errors_.end() || known->second != error) spdlog::warn("{}: {}", path, error);
  }
  for (const auto& [path, error] : stream_errors_) {
    if (!errors.contains(path)) spdlog::info("{}: readable now", path);
  }
  stream_errors_ = std::move(errors);
}

// Warnings of files that hold no text: one for each source and reason, as there may be hundreds of files.
std::vector<Warning> Server::WarningsOfRefused(const std::vector<source::StreamStatus>& streams) const {
  std::map<std::pair<size_t, std::string>, std::set<std::string>> files;
  for (const source::StreamStatus& stream : streams) {
    if (stream.refused) files[{stream.source, stream.error}].insert(stream.path);
  }
  std::vector<Warning> warnings;
  for (const auto& [cause, paths] : files) {
    std::string text = cause.second;
    if (paths.size() > 1) text += " (" + std::to_string(paths.size() - 1) + " more files are like it)";
    warnings.push_back({*paths.begin(), std::move(text)});
  }
  return warnings;
}

void Server::Stop() {
  // What is still written until events are switched off shall be read.
  if (usdt_tracers_) usdt_tracers_->Stop();
  if (tracer_) tracer_->Stop();
  if (Ingest* ingest = ingest_ptr()) ingest->Stop();
  if (checkpointer_) checkpointer_->Stop();
  if (http_) http_->Stop();
}

}  // namespace qte::daemon
