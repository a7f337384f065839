#include "daemon/tracer.h"

#include <algorithm>
#include <map>
#include <utility>

namespace qte::daemon {
namespace {

std::string Fill(const std::vector<config::TemplatePiece>& pieces, const metrics::Labels& labels) {
  std::string path;
  for (const config::TemplatePiece& piece : pieces) {
    path += piece.literal;
    if (!piece.argument) continue;
    auto label = std::find_if(labels.begin(), labels.end(), [&](const auto& l) { return l.first == *piece.argument; });
    if (label != labels.end()) path += label->second;
  }
  return path;
}

}  // namespace

Tracer::Tracer(Ask ask, std::function<bool()> caught_up, const nlohmann::json& saved, Listener listener)
    : ask_(std::move(ask)), caught_up_(std::move(caught_up)), listener_(std::move(listener)), keeper_(*this, saved) {}

void Tracer::Use(const commands::LoadedConfig& loaded) {
  Plan plan{guests::SourceLabels(loaded.config.sources), {}, nullptr};
  bool is_wanted = false;
  for (const config::Source& source : loaded.config.sources) {
    Plan::Source& planned = plan.sources.emplace_back();
    if (!source.qmp) continue;
    is_wanted = true;
    // config/ has read it already.
    planned.socket = *config::ParsePathTemplate(source.qmp->socket.value);
    planned.drive_names = source.qmp->drive_names;
    planned.switch_off_at_exit = source.qmp->switch_off_at_exit;
  }
  rules::EventOrder order = loaded.program->OrderOfNeededEvents();
  plan.needs = std::make_shared<qmp::Needs>(qmp::Needs{std::move(order.naming), std::move(order.rest)});
  plan_ = std::move(plan);
  is_wanted_ = is_wanted;
  if (is_started_) keeper_.ConfigChanged();
}

void Tracer::Start() {
  // An earlier process may have left something on that nobody needs now.
  bool has_work = is_wanted_ || keeper_.has_leftovers();
  if (!has_work || is_started_.exchange(true)) return;
  keeper_.Start();
}

void Tracer::Stop() {
  keeper_.Stop();
}

void Tracer::OnBegin(source::StreamId id) {
  if (is_started_) keeper_.Restarted(id);
}

void Tracer::OnEnd() {
  if (is_started_) keeper_.StreamsChanged();
}

std::optional<std::vector<qmp::Target>> Tracer::Targets() {
  if (!caught_up_()) return std::nullopt;
  std::map<std::string, qmp::Target> targets;
  ask_([&](guests::Guests&, const source::SourceSet& sources) {
    for (const source::StreamStatus& stream : sources.Streams()) {
      if (!stream.up || stream.source >= plan_->sources.size()) continue;
      const Plan::Source& source = plan_->sources[stream.source];
      if (source.socket.empty()) continue;
      std::string path = Fill(source.socket, plan_->labels.For(stream.source, stream.path));
      auto [target, is_new] = targets.try_emplace(path);
      if (is_new) target->second = {path, plan_->needs, {}, source.drive_names, source.switch_off_at_exit};
      target->second.streams.push_back(stream.id);
    }
  });
  std::vector<qmp::Target> list;
  for (auto& [path, target] : targets) list.push_back(std::move(target));
  return list;
}

std::set<std::string> Tracer::Unknown(const qmp::Target& target, const std::vector<std::string>& files) {
  std::set<std::string> unknown;
  ask_([&](const guests::Guests& guests, const source::SourceSet&) {
    for (const std::string& file : files) {
      bool lacks = std::any_of(target.streams.begin(), target.streams.end(),
                               [&](source::StreamId id) { return guests.LacksName(id, file); });
      if (lacks) unknown.insert(file);
    }
  });
  return unknown;
}

void Tracer::Expect(const qmp::Target& target, const std::vector<qmp::Probe>& probes) {
  std::vector<rules::DriveProbe> expected;
  for (const qmp::Probe& probe : probes) expected.push_back({probe.offset, probe.drive.file});
  ask_([&](guests::Guests& guests, const source::SourceSet&) {
    for (source::StreamId id : target.streams) guests.Expect(id, expected);
  });
}

void Tracer::OnNewProcess(const qmp::Target& target) {
  if (!listener_.on_new_process) return;
  for (source::StreamId id : target.streams) listener_.on_new_process(id);
}

void Tracer::OnGone(const qmp::Target& target) {
  if (!listener_.on_gone) return;
  for (source::StreamId id : target.streams) listener_.on_gone(id);
}

}  // namespace qte::daemon
