#include "guests/guests.h"

#include <algorithm>
#include <exception>
#include <nlohmann/json.hpp>
#include <utility>

#include "guests/saved_series.h"
#include "source/rotation_search.h"

namespace qte::guests {
namespace {

// Without expire_after a guest stays for good; the longest gone ones make room for others.
constexpr size_t kMostGuests = 50'000;

}  // namespace

Guests::Guests(std::shared_ptr<const rules::Program> program, SourceLabels labels, size_t max_lanes)
    : common_(std::make_shared<const Common>(std::move(program))), labels_(std::move(labels)) {
  for (size_t i = 0; i < std::max<size_t>(max_lanes, 1); ++i) lanes_.push_back(std::make_unique<Lane>());
}

size_t Guests::LeastLane() const {
  auto least = std::min_element(lanes_.begin(), lanes_.end(), [](const auto& a, const auto& b) {
    return std::pair(a->logs, a->guests) < std::pair(b->logs, b->guests);
  });
  return static_cast<size_t>(least - lanes_.begin());
}

Guest& Guests::GuestOf(const metrics::Labels& labels) {
  if (auto known = guests_.find(labels); known != guests_.end()) return *known->second;
  if (guests_.size() >= kMostGuests) MakeRoom();
  const size_t lane = LeastLane();
  auto guest = std::make_unique<Guest>(common_, labels, lanes_[lane]->scratch);
  guest->lane = lane;
  return Add(std::move(guest));
}

// Under its own labels, which no other guest has.
Guest& Guests::Add(std::unique_ptr<Guest> guest) {
  ++lanes_[guest->lane]->guests;
  metrics::Labels labels = guest->labels();
  return *guests_.emplace(std::move(labels), std::move(guest)).first->second;
}

// Many at once, since all have to be looked at.
void Guests::MakeRoom() {
  constexpr size_t kAtOnce = kMostGuests / 100;
  std::vector<ByLabels::iterator> idle;
  for (auto guest = guests_.begin(); guest != guests_.end(); ++guest) {
    if (!guest->second->has_logs()) idle.push_back(guest);
  }
  const size_t count = std::min(kAtOnce, idle.size());
  std::partial_sort(idle.begin(), idle.begin() + static_cast<std::ptrdiff_t>(count), idle.end(),
                    [](auto a, auto b) { return a->second->last_active < b->second->last_active; });
  for (size_t i = 0; i < count; ++i) Remove(idle[i]);
}

// What a guest has counted of its own work stays in the sums.
void Guests::Outlive(const Guest& guest) {
  OwnCounts counts = guest.TakeOwnCounts();
  counts.series = 0;
  std::fill(counts.joins.open.begin(), counts.joins.open.end(), 0);
  gone_.Add(counts);
}

Guests::ByLabels::iterator Guests::Remove(ByLabels::iterator guest) {
  Outlive(*guest->second);
  --lanes_[guest->second->lane]->guests;
  return guests_.erase(guest);
}

void Guests::OnOpen(source::StreamId id, size_t source, const std::string& path, source::StreamId predecessor) {
  Open(id, path, labels_.For(source, path), predecessor);
  Pin(id, labels_.EnvelopeOf(source));
}

void Guests::Pin(source::StreamId id, trace::LineOpener::Pin envelope) {
  if (auto log = logs_.find(id); log != logs_.end()) log->second.guest->Pin(id, envelope);
}

void Guests::Open(source::StreamId id, const std::string& path, metrics::Labels labels, source::StreamId predecessor) {
  Log& log = logs_[id];
  log.path = path;
  if (!std::exchange(log.is_open, true) && log.guest != nullptr) ++lanes_[log.guest->lane]->logs;
  if (log.guest == nullptr) {
    log.guest = &GuestOf(labels);
    ++lanes_[log.guest->lane]->logs;
  } else if (log.guest->labels() != labels) {
    Relabel(id, std::move(labels));
  }
  log.guest->Open(id, path, predecessor);
  if (predecessor == 0) WarnOfSecondLog(id);
}

void Guests::OnBytes(source::StreamId id, std::string_view bytes, uint64_t offset) {
  auto log = logs_.find(id);
  if (log == logs_.end()) return;
  lanes_[log->second.guest->lane]->bytes += bytes.size();
  log->second.guest->OnBytes(id, bytes, offset);
}

void Guests::OnRestart(source::StreamId id, source::Restart why) {
  if (auto log = logs_.find(id); log != logs_.end()) log->second.guest->OnRestart(id, why);
}

void Guests::EndOfRecording(source::StreamId id) {
  if (auto log = logs_.find(id); log != logs_.end()) log->second.guest->EndOfRecording(id);
}

void Guests::OnClose(source::StreamId id) {
  auto log = logs_.find(id);
  if (log == logs_.end()) return;
  log->second.guest->Close(id);
  if (log->second.is_open) --lanes_[log->second.guest->lane]->logs;
  logs_.erase(log);
}

size_t Guests::LaneOf(source::StreamId id) const {
  auto log = logs_.find(id);
  return log == logs_.end() ? 0 : log->second.guest->lane;
}

// Two files of one guest that are none of a rotation are most likely two VMs.
void Guests::WarnOfSecondLog(source::StreamId id) {
  Log& log = logs_.at(id);
  if (log.is_told) return;
  for (source::StreamId other : log.guest->Logs()) {
    if (other == id) continue;
    const Log& known = logs_.at(other);
    if (!known.is_open || known.path == log.path) continue;
    if (source::RotationSearch::AreOfOneLog(known.path, log.path)) continue;
    log.is_told = true;
    warnings_.push_back({log.path, SameLabelsText(known.path, log.guest->labels())});
    return;
  }
}

void Guests::MoveLog(source::StreamId id, Guest& to) {
  Log& log = logs_.at(id);
  to.TakeLog(id, *log.guest);
  if (log.is_open) {
    --lanes_[log.guest->lane]->logs;
    ++lanes_[to.lane]->logs;
  }
  log.guest = &to;
}

// A guest whose only log has other labels is the same guest under another name.
void Guests::Relabel(source::StreamId id, metrics::Labels labels) {
  Guest& from = *logs_.at(id).guest;
  auto node = guests_.find(from.labels());
  if (from.Logs().size() == 1 && !guests_.contains(labels)) {
    auto guest = guests_.extract(node);
    guest.key() = labels;
    guest.mapped()->Rename(std::move(labels));
    guests_.insert(std::move(guest));
    return;
  }
  MoveLog(id, GuestOf(labels));
  if (!from.has_logs()) Remove(node);
}

void Guests::Use(std::shared_ptr<const rules::Program> program, SourceLabels labels,
                 const std::map<source::StreamId, size_t>& sources) {
  auto common = std::make_shared<const Common>(std::move(program), *common_);
  gone_ = OwnCountsFromJson(guests::ToJson(gone_, *common_), *common);
  for (auto& [of, guest] : guests_) guest->Use(common);
  common_ = std::move(common);
  labels_ = std::move(labels);
  RelabelAll(sources);
  for (const auto& [id, source] : sources) Pin(id, labels_.EnvelopeOf(source));
}

// All logs at once, since two guests may exchange their labels. A guest's logs are renamed together, as far as they have
// one name.
void Guests::RelabelAll(const std::map<source::StreamId, size_t>& sources) {
  std::map<source::StreamId, metrics::Labels> named;
  for (const auto& [id, log] : logs_) {
    auto source = sources.find(id);
    named[id] = source == sources.end() ? log.guest->labels() : labels_.For(source->second, log.path);
  }
  std::vector<std::pair<metrics::Labels, std::unique_ptr<Guest>>> renamed;
  for (auto guest = guests_.begin(); guest != guests_.end();) {
    std::set<metrics::Labels> names;
    for (source::StreamId id : guest->second->Logs()) {
      if (sources.contains(id)) names.insert(named.at(id));
    }
    if (names.size() != 1 || *names.begin() == guest->first) {
      ++guest;
      continue;
    }
    for (source::StreamId id : guest->second->Logs()) named[id] = *names.begin();
    renamed.emplace_back(*names.begin(), std::move(guest->second));
    --lanes_[renamed.back().second->lane]->guests;
    guest = guests_.erase(guest);
  }
  for (auto& [labels, guest] : renamed) {
    if (auto known = guests_.find(labels); known != guests_.end()) {
      for (source::StreamId id : guest->Logs()) MoveLog(id, *known->second);
      Outlive(*guest);
    } else {
      guest->Rename(labels);
      Add(std::move(guest));
    }
  }
  for (const auto& [id, labels] : named) {
    if (logs_.at(id).guest->labels() != labels) Relabel(id, labels);
  }
}

size_t Guests::ExpireIdle(Clock::Time now) {
  const auto limit = common_->program->limits.expire_after;
  size_t removed = 0;
  for (auto guest = guests_.begin(); guest != guests_.end();) {
    Guest& looked_at = *guest->second;
    looked_at.LookForLife(now);
    if (looked_at.last_active == Clock::Time{} || looked_at.bytes() != looked_at.bytes_seen) {
      looked_at.bytes_seen = looked_at.bytes();
      looked_at.last_active = now;
    }
    if (!limit || now - looked_at.last_active < *limit) {
      ++guest;
      continue;
    }
    removed += looked_at.families().series_count();
    looked_at.Expire();
    guest = looked_at.has_logs() ? std::next(guest) : Remove(guest);
  }
  gone_.expired += removed;
  if (removed > 0) ++changes_;
  return removed;
}

std::vector<Warning> Guests::TakeUnread(FirstLines::Input input) {
  std::vector<Warning> warnings;
  for (const auto& [labels, guest] : guests_) {
    for (Warning& warning : guest->TakeUnread(input)) warnings.push_back(std::move(warning));
  }
  return warnings;
}

std::vector<Warning> Guests::TakeWarnings() {
  std::vector<Warning> warnings = std::exchange(warnings_, {});
  for (Warning& warning : TakeUnread(FirstLines::Input::kGoesOn)) warnings.push_back(std::move(warning));
  for (const auto& [labels, guest] : guests_) {
    if (guest->TakeLoss()) {
      warnings.push_back({TextOf(labels), "bpftrace has lost events, since QEMU has more of them than it can read, so "
                                          "counts are too low (qemu_trace_exporter_lost_events_total tells by how much); "
                                          "leave out the busiest events by a config of your own"});
    }
    for (const std::string& metric : guest->TakeFolded()) {
      warnings.push_back({TextOf(labels), "has more label sets of " + metric +
                                              " than a limit allows (max_series_per_metric, max_series): the rest "
                                              "counts as _other_"});
    }
    for (std::string path = guest->TakePathWithoutTime(); !path.empty(); path = guest->TakePathWithoutTime()) {
      warnings.push_back({path, "lines carry no timestamps, so durations stay empty; run QEMU with -msg timestamp=on"});
    }
  }
  return warnings;
}

}  // namespace qte::guests
