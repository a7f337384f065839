#include "pipeline/lanes.h"

#include <algorithm>
#include <exception>
#include <nlohmann/json.hpp>
#include <utility>

#include "state/series.h"

namespace qte::pipeline {
namespace {

// So much tells who is busy, and takes a core long beside what a move takes.
constexpr uint64_t kBytesToBalance = 64 * 1024 * 1024;
// A look for homes that nobody needs goes through all series, so it waits until they may be half of all.
constexpr size_t kFewHomes = 1024;

}  // namespace

Lanes::Lanes(std::shared_ptr<const rules::Program> program, SourceLabels labels, size_t max_lanes)
    : program_(std::move(program)),
      labels_(std::move(labels)),
      limits_(*program_),
      loads_(std::max<size_t>(max_lanes, 1)),
      most_homes_(kFewHomes) {
  At(0);
}

Pipeline& Lanes::At(size_t lane) {
  while (lanes_.size() <= lane) lanes_.push_back(std::make_unique<Pipeline>(program_, labels_, limits_));
  return *lanes_[lane];
}

Lanes::Homes::iterator Lanes::HomeOf(const metrics::Labels& labels) {
  auto [home, is_new] = homes_.try_emplace(labels);
  if (!is_new) return home;
  auto least = std::min_element(loads_.begin(), loads_.end());
  ++least->homes;
  home->second.lane = static_cast<size_t>(least - loads_.begin());
  At(home->second.lane);
  return home;
}

Lanes::Stream& Lanes::AddStream(source::StreamId id, const std::string& path, const metrics::Labels& labels) {
  auto home = HomeOf(labels);
  ++home->second.streams;
  ++loads_[home->second.lane].streams;
  return streams_.insert_or_assign(id, Stream{home, path}).first->second;
}

void Lanes::OnOpen(source::StreamId id, size_t source, const std::string& path, source::StreamId /*predecessor*/) {
  metrics::Labels labels = labels_.For(source, path);
  if (auto known = streams_.find(id); known != streams_.end()) {
    if (known->second.home->first == labels) return;  // it was parked
    OnClose(id);
  }
  Stream& stream = AddStream(id, path, labels);
  PipelineOf(stream).Open(id, path, std::move(labels));
  PipelineOf(stream).Resume(id, *lanes_[0]);
}

void Lanes::OnBytes(source::StreamId id, std::string_view bytes) {
  auto stream = streams_.find(id);
  if (stream == streams_.end()) return;
  stream->second.home->second.bytes += bytes.size();
  PipelineOf(stream->second).OnBytes(id, bytes);
}

void Lanes::OnRestart(source::StreamId id, source::Restart why) {
  auto stream = streams_.find(id);
  if (stream != streams_.end()) PipelineOf(stream->second).OnRestart(id, why);
}

void Lanes::OnClose(source::StreamId id) {
  auto stream = streams_.find(id);
  if (stream == streams_.end()) return lanes_[0]->CloseSaved(id);
  PipelineOf(stream->second).OnClose(id);
  Home& home = stream->second.home->second;
  --home.streams;
  --loads_[home.lane].streams;
  streams_.erase(stream);
  if (homes_.size() <= most_homes_) return;
  for (const auto& lane : lanes_) lane->ForgetGone();
  ForgetHomes();
  most_homes_ = std::max(2 * homes_.size(), kFewHomes);
}

size_t Lanes::LaneOf(source::StreamId id) const {
  auto stream = streams_.find(id);
  return stream == streams_.end() ? 0 : stream->second.home->second.lane;
}

void Lanes::Balance() {
  if (loads_.size() < 2 || bytes() - balanced_at_ < kBytesToBalance) return;
  balanced_at_ = bytes();
  if (std::optional<Better> better = FindBetter()) Move(*better);
  for (auto& [labels, home] : homes_) home.bytes = 0;
}

// What leaves the smallest of loads to the busier one of two lanes; nothing if that is about what it was.
std::optional<Lanes::Better> Lanes::FindBetter() {
  std::vector<uint64_t> bytes(loads_.size());
  for (const auto& [labels, home] : homes_) bytes[home.lane] += home.bytes;
  auto least = std::min_element(bytes.begin(), bytes.end());
  auto most = std::max_element(bytes.begin(), bytes.end());
  std::optional<Better> better;
  uint64_t best = *most / 4 * 3;
  for (auto home = homes_.begin(); home != homes_.end(); ++home) {
    uint64_t moved = home->second.bytes;
    if (bytes.begin() + static_cast<std::ptrdiff_t>(home->second.lane) != most || moved == 0) continue;
    uint64_t busier = std::max(*most - moved, *least + moved);
    if (busier >= best) continue;
    best = busier;
    better = {home, static_cast<size_t>(least - bytes.begin())};
  }
  return better;
}

void Lanes::Move(const Better& better) {
  Home& home = better.home->second;
  Pipeline& from = *lanes_[home.lane];
  At(better.lane).TakeSource(better.home->first, from);
  Load& before = loads_[home.lane];
  Load& now = loads_[better.lane];
  --before.homes;
  ++now.homes;
  before.streams -= home.streams;
  now.streams += home.streams;
  home.lane = better.lane;
}

metrics::Snapshot Lanes::TakeSnapshot() const {
  metrics::Snapshot snapshot;
  for (const auto& lane : lanes_) lane->AppendSeries(snapshot);  // first, since what is in flight may make series
  snapshot.plain = ToFamilies(TakeOwnCounts());
  return snapshot;
}

std::vector<metrics::FamilySnapshot> Lanes::TakeFamilies(const Pipeline::Wanted& wanted) const {
  std::vector<metrics::FamilySnapshot> families;
  for (const auto& lane : lanes_) lane->AppendFamilies(wanted, families);
  return families;
}

OwnCounts Lanes::TakeOwnCounts() const {
  OwnCounts counts;
  for (const auto& lane : lanes_) counts.Add(lane->TakeOwnCounts());
  return counts;
}

std::vector<SeenEvent> Lanes::SeenEvents() const {
  if (lanes_.size() == 1) return lanes_[0]->SeenEvents();
  std::map<std::string, SeenEvent> by_name;
  for (const auto& lane : lanes_) {
    for (SeenEvent& event : lane->SeenEvents()) {
      auto [known, is_new] = by_name.try_emplace(event.name, event);
      if (is_new) continue;
      known->second.count += event.count;
      if (known->second.sample.empty()) known->second.sample = std::move(event.sample);
    }
  }
  std::vector<SeenEvent> events;
  for (auto& [name, event] : by_name) events.push_back(std::move(event));
  return events;
}

uint64_t Lanes::lines() const {
  uint64_t sum = 0;
  for (const auto& lane : lanes_) sum += lane->lines();
  return sum;
}

uint64_t Lanes::bytes() const {
  uint64_t sum = 0;
  for (const auto& lane : lanes_) sum += lane->bytes();
  return sum;
}

size_t Lanes::series_count() const {
  SeriesCount count;
  for (const auto& lane : lanes_) count.Add(lane->CountSeries());
  return count.total();
}

size_t Lanes::ExpireIdle(Clock::Time now) {
  size_t removed = 0;
  for (const auto& lane : lanes_) removed += lane->ExpireIdle(now);
  ForgetHomes();
  return removed;
}

// Those of label sets that have nothing any more.
void Lanes::ForgetHomes() {
  for (auto home = homes_.begin(); home != homes_.end();) {
    const auto& [labels, where] = *home;
    bool is_needed = where.streams > 0 || lanes_[where.lane]->activity().Has(labels);
    if (!is_needed) --loads_[where.lane].homes;
    home = is_needed ? std::next(home) : homes_.erase(home);
  }
}

std::string Lanes::TakePathWithoutTime() {
  for (const auto& lane : lanes_) {
    if (std::string path = lane->TakePathWithoutTime(); !path.empty()) return path;
  }
  return {};
}

std::vector<Pipeline::Saved> Lanes::Save() const {
  std::vector<Pipeline::Saved> saved;
  for (const auto& lane : lanes_) saved.push_back(lane->Save());
  return saved;
}

// Those of streams first, which may come back and then be work: they shall be in different lanes.
void Lanes::GiveHomes(const nlohmann::json& saved, const std::vector<Pipeline::SavedFamily>& families) {
  for (const nlohmann::json& stream : saved.at("streams")) {
    auto labels = stream.at(1).find("labels");
    if (labels != stream.at(1).end()) HomeOf(state::LabelsFromJson(*labels));
  }
  for (const Pipeline::SavedFamily& family : families) {
    for (size_t i = 0; i < family.series.series_count(); ++i) HomeOf(*family.series.LabelsOf(i).base);
  }
  for (const nlohmann::json& group : saved.at("events").at("groups")) HomeOf(state::LabelsFromJson(group.at(0)));
}

Pipeline::Takes Lanes::TakesOf(size_t lane) const {
  return [this, lane](const metrics::Labels& labels) {
    auto home = homes_.find(labels);
    return (home == homes_.end() ? 0 : home->second.lane) == lane;
  };
}

Status Lanes::Restore(const nlohmann::json& saved, const source::Positions& positions) {
  try {
    std::vector<Pipeline::SavedFamily> families = Pipeline::FamiliesFromJson(saved);
    GiveHomes(saved, families);
    for (size_t i = 0; i < lanes_.size(); ++i) lanes_[i]->RestoreSeries(families, saved, TakesOf(i));
    lanes_[0]->RestoreRest(families, saved, positions);
  } catch (const std::exception& error) {
    return Error{error.what()};
  }
  return {};
}

void Lanes::Adopt(Lanes&& old, const std::map<source::StreamId, size_t>& sources) {
  std::map<source::StreamId, metrics::Labels> labels_of;
  for (const auto& [id, stream] : old.streams_) {
    auto source = sources.find(id);
    metrics::Labels labels = source == sources.end() ? stream.home->first : labels_.For(source->second, stream.path);
    AddStream(id, stream.path, labels);
    labels_of.emplace(id, std::move(labels));
  }
  for (const auto& lane : old.lanes_) {
    lane->activity().ForEachLabels([this](const metrics::Labels& labels) { HomeOf(labels); });
  }
  for (const auto& from : old.lanes_) {
    for (size_t i = 0; i < lanes_.size(); ++i) {
      lanes_[i]->AdoptSeries(*from, TakesOf(i), Pipeline::OverLimit::kKeep);
    }
    lanes_[0]->AdoptRest(*from);
  }
  for (auto& [id, labels] : labels_of) {
    PipelineOf(streams_.at(id)).AdoptStream(id, old.PipelineOf(old.streams_.at(id)), std::move(labels));
  }
  old.streams_.clear();
}

}  // namespace qte::pipeline
