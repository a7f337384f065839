// What the daemon answers over HTTP.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/epoch.h"
#include "commands/embedded.h"
#include "daemon/http_metrics.h"
#include "daemon/process_metrics.h"
#include "daemon/scrape_request.h"
#include "daemon/server.h"
#include "daemon/source_metrics.h"
#include "daemon/threads_page.h"
#include "page/landing_page.h"
#include "page/live_files.h"
#include "rules/ready_rule.h"

namespace qte::daemon {
namespace {

using http::Request;
using http::Response;
using http::Route;
using metrics::PlainFamily;
using metrics::Type;
using nlohmann::json;

constexpr int kBadRequest = 400;
constexpr int kNotFound = 404;
constexpr int kUnavailable = 503;

Response Unavailable(const std::string& why) {
  return {kUnavailable, "text/plain; charset=utf-8", why + "\n"};
}

Response Json(const json& value) {
  // Paths and sample lines may hold any bytes; JSON takes UTF-8 alone.
  return {200, "application/json", value.dump(2, ' ', false, json::error_handler_t::replace) + "\n"};
}

std::string VariantOf(const Request& request) {
  Result<ScrapeRequest> scrape = ReadScrapeRequest(request);
  return scrape ? KeyOf(*scrape) : request.query;
}

// The busiest first.
void SortByCount(std::vector<guests::SeenEvent>& events) {
  std::sort(events.begin(), events.end(),
            [](const auto& a, const auto& b) { return a.count != b.count ? a.count > b.count : a.name < b.name; });
}

}  // namespace

std::map<std::string, Route> Server::Routes() {
  auto get = [](auto handle) { return Route{"GET", std::move(handle)}; };
  std::map<std::string, Route> routes = {
      {"/", get([this](const Request&) { return Landing(); })},
      {options_.telemetry_path, Route{"GET", [this](const Request& request) { return Metrics(request); }, VariantOf}},
      {"/-/healthy", get([](const Request&) {
         return Response{200, "text/plain; charset=utf-8", "healthy\n"};
       })},
      {"/-/ready", get([this](const Request&) { return Ready(); })},
      {"/-/reload", Route{"POST", [this](const Request&) { return RequestReload(); }}},
      {"/-/log-level", Route{"PUT", [this](const Request& request) { return SetLogLevel(request); }}},
      {"/debug/threads", get([](const Request&) {
         return Response{200, "text/plain; charset=utf-8", ThreadsAsText()};
       })},
      {"/api/v1/status", get([this](const Request&) { return StatusJson(); })},
      {"/api/v1/events", get([this](const Request&) { return EventsJson(); })},
      {"/api/v1/history", get([this](const Request&) { return HistoryJson(); })},
  };
  for (const page::LiveFile& file : page::LiveFiles()) {
    routes[std::string(file.path)] = get([&file](const Request&) {
      return Response{200, std::string(file.content_type), std::string(file.content)};
    });
  }
  if (options_.route_prefix.empty()) return routes;
  std::map<std::string, Route> prefixed;
  for (auto& [path, route] : routes) prefixed[options_.route_prefix + path] = std::move(route);
  return prefixed;
}

Response Server::SetLogLevel(const Request& request) const {
  constexpr int kForbidden = 403;
  constexpr std::string_view kText = "text/plain; charset=utf-8";
  constexpr std::string_view kLevels[] = {"debug", "info", "warn", "error"};
  if (!options_.enable_lifecycle) {
    return {kForbidden, std::string(kText), "this is off; switch it on by --web.enable-lifecycle\n"};
  }
  constexpr std::string_view kKey = "level=";
  std::string level = request.query.starts_with(kKey) ? request.query.substr(kKey.size()) : "";
  if (std::find(std::begin(kLevels), std::end(kLevels), level) == std::end(kLevels)) {
    return {kBadRequest, std::string(kText), "use /-/log-level?level=debug, info, warn or error\n"};
  }
  spdlog::set_level(spdlog::level::from_str(level));
  spdlog::log(spdlog::level::from_str(level), "log level set to {}", level);
  return {200, std::string(kText), "log level set to " + level + "\n"};
}

Response Server::Metrics(const Request& request) {
  Result<ScrapeRequest> scrape = ReadScrapeRequest(request);
  if (!scrape) return {kBadRequest, "text/plain; charset=utf-8", scrape.error() + "\n"};
  // Half way to now, counters are lower than in earlier scrapes, or rise as if it all happened now: better none.
  if (!is_ready()) return NotReady();
  metrics::Snapshot snapshot;
  std::vector<source::StreamStatus> streams;
  source::SourceTotals now;
  guests::Guests::LogReports reports;
  guests::Guests::UpList up;
  guests::Guests::LostList lost;
  if (!Ask([&](guests::Guests& guests, const source::SourceSet& sources) {
        snapshot = guests.TakeSnapshot();
        streams = sources.Streams();
        reports = guests.Reports();
        up = guests.Up();
        lost = guests.LostEvents();
        now = sources.Totals();
        // Here and now: a line that is read before the answer is written is in neither.
        if (checkpointer_ != nullptr) checkpointer_->Confirm(VersionOf(guests, now), SecondsSinceEpoch());
      })) {
    return Unavailable("not running");
  }
  AppendOwnMetrics(snapshot, now);
  SourceLabels labels;
  AppendFileMetrics(streams, labels, snapshot);
  RemoveRefused(streams, reports);
  AppendLogMetrics(reports, labels, snapshot);
  AppendQemuUp(up, snapshot);
  AppendLostEvents(lost, snapshot);
  if (Status found = Select(*scrape, snapshot); !found) {
    return {kNotFound, "text/plain; charset=utf-8", found.error() + "\n"};
  }
  return {200, std::string(exposition::ContentTypeOf(scrape->format)), Serialize(*scrape, snapshot)};
}

void Server::AppendOwnMetrics(metrics::Snapshot& snapshot, const source::SourceTotals& now) const {
  auto add = [&](const char* name, const char* help, Type type, std::vector<PlainFamily::Series> series) {
    snapshot.plain.push_back({std::string("qemu_trace_exporter_") + name, help, type, std::move(series)});
  };
  auto single = [](auto value) { return std::vector<PlainFamily::Series>{{{}, static_cast<double>(value)}}; };
  guests::Totals totals = checkpointer_ == nullptr ? Sum(totals_before_, now) : checkpointer_->totals();
  ReloadState reload = reload_state();
  add("build_info", "Version of the exporter; the value is always 1.", Type::kGauge,
      {{{{"version", std::string(commands::kVersion)}}, 1}});
  add("config_last_reload_successful", "Whether the last configuration reload attempt was successful.", Type::kGauge,
      single(reload.successful));
  add("config_last_reload_success_timestamp_seconds", "Timestamp of the last successful configuration reload.",
      Type::kGauge, single(reload.success_time));
  add("source_rotations_total", "Total number of log rotations, including those while the log was not followed.",
      Type::kCounter, single(totals.rotations));
  add("source_truncations_total", "Total number of log truncations.", Type::kCounter, single(totals.truncations));
  add("lost_bytes_total",
      "Total number of bytes known to be lost because a log was truncated or removed before they were read.",
      Type::kCounter, single(totals.lost_bytes));
  add("pipe_buffered_bytes", "Number of bytes read ahead from FIFOs and standard input that are not processed yet.",
      Type::kGauge, single(now.pipe_buffered_bytes));
  add("pipe_full_seconds_total",
      "Total time in seconds that writers of FIFOs and standard input were blocked because the read-ahead buffer was "
      "full.",
      Type::kCounter, single(totals.pipe_full_seconds));
  if (checkpointer_ != nullptr) {
    add("checkpoint_last_success_timestamp_seconds",
        "Timestamp up to which the last checkpoint holds everything that was served; 0 without a checkpoint.",
        Type::kGauge, single(checkpointer_->last_success()));
    add("reclaimed_bytes_total", "Total number of bytes of consumed logs given back to the disk.", Type::kCounter,
        single(totals.reclaimed_bytes));
  }
  AppendHttpMetrics(http_->metrics().Collect(), snapshot);
  AppendQmpMetrics(snapshot);
  for (PlainFamily& family : ProcessMetrics()) snapshot.plain.push_back(std::move(family));
}

// None where no source names a socket.
void Server::AppendQmpMetrics(metrics::Snapshot& snapshot) const {
  if (!tracer_->is_used()) return;
  qmp::Keeper::Report report = tracer_->report();
  PlainFamily up{
      "qemu_trace_exporter_qmp_up", "Whether QEMU answered the last attempt on its QMP socket.", Type::kGauge, {}};
  PlainFamily enabled{"qemu_trace_exporter_qmp_events_enabled",
                      "Number of required trace events that are currently enabled in QEMU.",
                      Type::kGauge,
                      {}};
  for (const qmp::Keeper::SocketReport& socket : report.sockets) {
    up.series.push_back({{{"path", socket.path}}, socket.up ? 1.0 : 0.0});
    enabled.series.push_back({{{"path", socket.path}}, static_cast<double>(socket.events_on)});
  }
  PlainFamily failures{"qemu_trace_exporter_qmp_failures_total",
                       "Total number of failed attempts to talk to QEMU over QMP.",
                       Type::kCounter,
                       {}};
  for (size_t i = 0; i < report.failures.size(); ++i) {
    std::string reason(qmp::NameOf(static_cast<qmp::Reason>(i)));
    failures.series.push_back({{{"reason", reason}}, static_cast<double>(report.failures[i])});
  }
  for (PlainFamily* family : {&up, &enabled, &failures}) snapshot.plain.push_back(std::move(*family));
}

Response Server::Ready() const {
  if (is_ready()) return {200, "text/plain; charset=utf-8", "ready\n"};
  return NotReady();
}

Response Server::NotReady() const {
  Startup::Progress progress;
  if (!Ask([&](guests::Guests&, const source::SourceSet& sources) {
        progress = ProgressOf(sources);
      })) {
    return Unavailable("not ready: starting");
  }
  return Unavailable("not ready: read " + Startup::Show(progress) + " of what was there at the start");
}

Response Server::RequestReload() {
  constexpr int kForbidden = 403;
  if (!options_.enable_lifecycle) {
    return {kForbidden, "text/plain; charset=utf-8", "reload by HTTP is off; switch it on by --web.enable-lifecycle\n"};
  }
  Status status = main_thread_.request_reload();
  if (!status) return {500, "text/plain; charset=utf-8", status.error() + "\n"};
  return {200, "text/plain; charset=utf-8", "config reloaded\n"};
}

// What the newest points of the charts say.
std::vector<page::LandingPage::Activity> Server::Activities() {
  std::vector<page::LandingPage::Activity> activities;
  std::lock_guard lock(history_mutex_);
  for (const page::Chart& chart : page::ChartHistory::Charts()) {
    for (const page::ChartHistory::Series& series : history_.SeriesOf(chart)) {
      if (series.values.empty() || series.values.back().value_or(0) == 0) continue;
      activities.push_back({std::string(chart.group) + ": " + std::string(chart.title), series.source, series.device,
                            *series.values.back(), std::string(chart.unit)});
    }
  }
  return activities;
}

Response Server::Landing() {
  page::LandingPage page;
  Startup::Progress progress;
  std::vector<guests::SeenEvent> events;
  std::vector<source::StreamStatus> streams;
  if (!Ask([&](guests::Guests& guests, const source::SourceSet& sources) {
        events = guests.SeenEvents();
        streams = sources.Streams();
        page.lines = guests.lines();
        page.series = guests.series_count();
        progress = ProgressOf(sources);
      })) {
    return Unavailable("not running");
  }
  ReloadState reload = reload_state();
  page.version = commands::kVersion;
  page.metrics_path = options_.telemetry_path;
  page.config_file = reload.file;
  page.config_hash = reload.hash;
  page.last_reload_successful = reload.successful;
  page.ready = is_ready();
  if (!page.ready) page.progress = Startup::Show(progress);
  for (const source::StreamStatus& stream : streams) {
    page.sources.push_back({stream.path, stream.up, stream.error, stream.offset, stream.size});
  }
  page.warnings = warnings_.All();
  SortByCount(events);
  SampleHistory();
  page.activities = Activities();
  EventRates::Clock::time_point now = EventRates::Clock::now();
  std::lock_guard lock(mutex_);
  for (const guests::SeenEvent& event : events) {
    page.events.push_back({event.name, event.count, rates_.RateOf(event, now), event.used});
  }
  return {200, "text/html; charset=utf-8", page::ToHtml(page)};
}

Response Server::StatusJson() {
  std::vector<source::StreamStatus> streams;
  guests::Guests::LogReports reports;
  uint64_t lines = 0;
  size_t series = 0;
  if (!Ask([&](guests::Guests& guests, const source::SourceSet& sources) {
        streams = sources.Streams();
        reports = guests.Reports();
        lines = guests.lines();
        series = guests.series_count();
      })) {
    return Unavailable("not running");
  }
  ReloadState reload = reload_state();
  json sources = json::array();
  for (const source::StreamStatus& stream : streams) {
    json entry = {{"path", stream.path},
                  {"up", stream.up},
                  {"offset_bytes", stream.offset},
                  {"size_bytes", stream.size},
                  {"lag_bytes", Lag(stream)}};
    if (!stream.error.empty()) entry["error"] = stream.error;
    if (auto report = reports.find(stream.path); report != reports.end()) entry.update(ToJson(report->second));
    sources.push_back(std::move(entry));
  }
  json warnings = json::array();
  for (const Warning& warning : warnings_.All()) warnings.push_back({{"about", warning.about}, {"text", warning.text}});
  json sockets = json::array();
  for (const qmp::Keeper::SocketReport& socket : tracer_->report().sockets) {
    json entry = {{"path", socket.path},
                  {"up", socket.up},
                  {"events_enabled", socket.events_on},
                  {"switched_on", socket.ours},
                  {"missing", socket.missing}};
    if (!socket.error.empty()) entry["error"] = socket.error;
    sockets.push_back(std::move(entry));
  }
  return Json({{"version", commands::kVersion},
               {"ready", is_ready()},
               {"config",
                {{"file", reload.file},
                 {"hash", reload.hash},
                 {"last_reload_successful", reload.successful},
                 {"last_reload_success_timestamp_seconds", reload.success_time}}},
               {"lines", lines},
               {"series", series},
               {"sources", std::move(sources)},
               {"warnings", std::move(warnings)},
               {"qmp", std::move(sockets)}});
}

Response Server::EventsJson() {
  std::vector<guests::SeenEvent> events;
  if (!Ask([&](guests::Guests& guests, const source::SourceSet&) { events = guests.SeenEvents(); })) {
    return Unavailable("not running");
  }
  SortByCount(events);
  CatchUpOnRest();
  json list = json::array();
  EventRates::Clock::time_point now = EventRates::Clock::now();
  std::lock_guard lock(mutex_);
  for (const guests::SeenEvent& event : events) {
    json entry = {{"event", event.name}, {"count", event.count},       {"rate_per_second", rates_.RateOf(event, now)},
                  {"used", event.used},  {"declared", event.declared}, {"sample", event.sample}};
    const trace::EventDeclaration* declaration = event.used ? nullptr : catalog_->Find(event.name);
    if (declaration != nullptr) entry["rule"] = rules::ReadyRule(*declaration);
    list.push_back(std::move(entry));
  }
  return Json({{"events", std::move(list)}});
}

// What the page's charts show; `times` are seconds since the epoch, values null where there is none.
Response Server::HistoryJson() {
  if (ingest_ptr() == nullptr) return Unavailable("not running");
  SampleHistory();
  const auto now = page::ChartHistory::Clock::now();
  const double epoch_now = SecondsSinceEpoch();
  json times = json::array();
  json charts = json::array();
  std::lock_guard lock(history_mutex_);
  for (page::ChartHistory::Clock::time_point time : history_.Times()) {
    times.push_back(epoch_now - std::chrono::duration<double>(now - time).count());
  }
  for (const page::Chart& chart : page::ChartHistory::Charts()) {
    json list = json::array();
    for (const page::ChartHistory::Series& series : history_.SeriesOf(chart)) {
      json values = json::array();
      for (const std::optional<double>& value : series.values) values.push_back(value ? json(*value) : json());
      list.push_back({{"source", series.source}, {"device", series.device}, {"values", std::move(values)}});
    }
    charts.push_back({{"id", chart.id},
                      {"group", chart.group},
                      {"title", chart.title},
                      {"unit", chart.unit},
                      {"metrics", chart.families},
                      {"series", std::move(list)}});
  }
  json answer = {{"window_seconds", std::chrono::duration<double>(page::ChartHistory::kWindow).count()},
                 {"times", std::move(times)},
                 {"charts", std::move(charts)}};
  return {200, "application/json", answer.dump(-1, ' ', false, json::error_handler_t::replace) + "\n"};
}

}  // namespace qte::daemon
