#include "daemon/server.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "daemon/embedded.h"

namespace qte::daemon {
namespace {

std::vector<source::SourceSpec> SourceSpecs(const config::Config& config) {
  std::vector<source::SourceSpec> specs;
  for (const config::Source& source : config.sources) {
    specs.push_back({source.path.value, source.start == config::Start::kEnd});
  }
  return specs;
}

std::unique_ptr<pipeline::Pipeline> MakePipeline(const LoadedConfig& loaded) {
  return std::make_unique<pipeline::Pipeline>(loaded.program, pipeline::SourceLabels(loaded.config.sources));
}

double SecondsSinceEpoch() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

Server::Server(const Options& options, LoadedConfig loaded, std::function<Status()> request_reload)
    : options_(options), loaded_(std::move(loaded)), request_reload_(std::move(request_reload)) {
  reload_ = {true, SecondsSinceEpoch(), loaded_.config.file, loaded_.config.hash};
}

Status Server::Start() {
  // The port first: whoever cannot listen should not have read anything.
  Result<std::unique_ptr<exposition::HttpServer>> http =
      exposition::HttpServer::Start(options_.listen_addresses, Routes());
  if (!http) return Error{http.error()};
  http_ = std::move(*http);
  {
    std::lock_guard lock(mutex_);
    ingest_ = std::make_unique<Ingest>(MakePipeline(loaded_), SourceSpecs(loaded_.config));
  }
  spdlog::info("qemu-trace-exporter {}", kVersion);
  for (size_t i = 0; i < options_.listen_addresses.size(); ++i) {
    spdlog::info("listening on {} (port {})", options_.listen_addresses[i], http_->ports()[i]);
  }
  for (const config::Source& source : loaded_.config.sources) spdlog::info("following {}", source.path.value);
  Tick();
  return {};
}

Status Server::Reload() {
  LoadOutcome outcome = LoadConfig(options_);
  for (const std::string& warning : outcome.warnings) spdlog::warn("{}", warning);
  if (!outcome.loaded) {
    std::string all;
    for (const std::string& error : outcome.errors) {
      spdlog::error("{}", error);
      all += error + '\n';
    }
    std::lock_guard lock(mutex_);
    reload_.successful = false;
    return Error{"reload failed, the old config stays:\n" + all};
  }
  loaded_ = std::move(*outcome.loaded);
  ingest_ptr()->Replace(MakePipeline(loaded_), SourceSpecs(loaded_.config));
  std::lock_guard lock(mutex_);
  reload_ = {true, SecondsSinceEpoch(), loaded_.config.file, loaded_.config.hash};
  spdlog::info("config reloaded from {} (hash {})", reload_.file, reload_.hash);
  return {};
}

Ingest* Server::ingest_ptr() const {
  std::lock_guard lock(mutex_);
  return ingest_.get();
}

bool Server::Ask(const std::function<void(pipeline::Pipeline&, const source::SourceSet&)>& task) const {
  Ingest* ingest = ingest_ptr();
  return ingest != nullptr && ingest->Call(task);
}

Server::ReloadState Server::reload_state() const {
  std::lock_guard lock(mutex_);
  return reload_;
}

void Server::Tick() {
  std::vector<pipeline::SeenEvent> events;
  std::vector<source::StreamStatus> streams;
  std::string path;
  Ask([&](pipeline::Pipeline& pipeline, const source::SourceSet& sources) {
    events = pipeline.SeenEvents();
    streams = sources.Streams();
    path = pipeline.TakePathWithoutTime();
  });
  if (!path.empty()) {
    spdlog::warn("{}: lines carry no timestamps, so durations stay empty; run QEMU with -msg timestamp=on", path);
  }
  WarnAboutStreams(streams);
  std::lock_guard lock(mutex_);
  rates_.Sample(EventRates::Clock::now(), events);
}

// Tells once when a source cannot be read, and once when it can again.
void Server::WarnAboutStreams(const std::vector<source::StreamStatus>& streams) {
  std::map<std::string, std::string> errors;
  for (const source::StreamStatus& stream : streams) {
    if (!stream.up) errors[stream.path] = stream.error;
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

void Server::Stop() {
  if (Ingest* ingest = ingest_ptr()) ingest->Stop();
  http_.reset();
}

}  // namespace qte::daemon
