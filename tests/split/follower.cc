#include "follower.h"

#include <chrono>
#include <stdexcept>
#include <utility>

#include "guests/checkpoint_file.h"

namespace qte::split {

using std::chrono::milliseconds;

Follower::Follower(const Rules& rules, Sources first, Sources second, std::mt19937& random)
    : rules_(rules), choices_{std::move(first), std::move(second)}, random_(random) {
  Start();
  Save();
}

std::vector<source::SourceSpec> Follower::Specs() const {
  std::vector<source::SourceSpec> specs;
  for (const std::string& path : sources_in_force().paths) specs.push_back({.path = path});
  return specs;
}

guests::SourceLabels Follower::Labels() const {
  std::vector<config::Source> sources(sources_in_force().paths.size());
  for (config::Source& source : sources) {
    if (sources_in_force().vm.empty()) continue;
    config::Text name;
    name.value = "vm";
    source.labels.emplace_back(name, sources_in_force().vm);
  }
  return guests::SourceLabels(sources);
}

void Follower::Start() {
  // As many lanes as in an earlier life, or others.
  guests_ = std::make_unique<guests::Guests>(rules_.programs[program_], Labels(), 1 + random_() % 3);
  source::Positions positions;
  if (!checkpoint_.empty()) {
    Result<nlohmann::json> payload = guests::DecodeCheckpoint(checkpoint_);
    if (!payload) throw std::runtime_error(payload.error());
    guests::SavedState saved = guests::SavedStateFromJson(payload.value());
    Status restored = guests_->Restore(saved.guests, saved.positions.Ids());
    if (!restored) throw std::runtime_error(restored.error());
    positions = std::move(saved.positions);
  }
  sources_ = std::make_unique<source::SourceSet>(Specs(), *guests_, std::move(positions),
                                                 source::FollowOptions{.clock = clock_});
}

void Follower::Look() {
  sources_->Step(milliseconds(0));
}

void Follower::Settle() {
  uint64_t before = UINT64_MAX;
  for (int quiet = 0; quiet < 4; ++quiet) {
    uint64_t now = guests_->bytes() + sources_->Totals().opened + sources_->Totals().truncations;
    if (now != before) quiet = 0;
    before = now;
    Look();
  }
}

void Follower::Pass(Clock::Duration time) {
  clock_.Advance(time);
  Settle();
}

void Follower::Save() {
  if (must_save_) Settle();
  must_save_ = false;
  guests::Checkpoint checkpoint{guests_->Save(), sources_->SavePositions(), {}, {}};
  checkpoint_ = guests::EncodeCheckpoint(ToJson(checkpoint));
}

void Follower::Kill() {
  if (must_save_) Save();
  sources_.reset();
  guests_.reset();
}

void Follower::Stop() {
  sources_->Drain();
  Save();
  Kill();
}

void Follower::Reload() {
  which_ = 1 - which_;
  program_ = 1 - program_;
  sources_->Reconfigure(Specs());
  std::map<source::StreamId, size_t> source_of;
  for (const source::StreamStatus& stream : sources_->Streams()) source_of[stream.id] = stream.source;
  guests_->Use(rules_.programs[program_], Labels(), source_of);
}

}  // namespace qte::split
