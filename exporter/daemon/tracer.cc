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

rules::DriveProbe ProbeOf(const qmp::Drive& drive, int64_t offset) {
  return {.offset = offset,
          .file = drive.file,
          .format = drive.format,
          .name = drive.backend,
          .qdev = drive.qdev,
          .serial = drive.serial,
          .is_read_only = drive.is_read_only};
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
  // An earlier process may have left something on that is not needed now.
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

std::vector<qmp::Drive> Tracer::Unknown(const qmp::Target& target, std::vector<qmp::Drive> drives) {
  ask_([&](const guests::Guests& guests, const source::SourceSet&) {
    std::erase_if(drives, [&](const qmp::Drive& drive) {
      return std::none_of(target.streams.begin(), target.streams.end(),
                          [&](source::StreamId id) { return guests.LacksDrive(id, ProbeOf(drive, 0)); });
    });
  });
  return drives;
}

// A drive without a name stands for any.
std::set<std::string> Tracer::Unsettled(const std::vector<const qmp::Target*>& targets) {
  std::set<std::string> unsettled;
  ask_([&](const guests::Guests& guests, const source::SourceSet&) {
    for (const qmp::Target* target : targets) {
      bool lacks = std::any_of(target->streams.begin(), target->streams.end(),
                               [&](source::StreamId id) { return guests.LacksDrive(id, {}); });
      if (lacks) unsettled.insert(target->socket);
    }
  });
  return unsettled;
}

void Tracer::Expect(const qmp::Target& target, const std::vector<qmp::Probe>& probes) {
  std::vector<rules::DriveProbe> expected;
  for (const qmp::Probe& probe : probes) expected.push_back(ProbeOf(probe.drive, probe.offset));
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
