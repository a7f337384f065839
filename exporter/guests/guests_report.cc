// What guests tell together, spread over lanes, and their checkpoint.
#include <algorithm>
#include <exception>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <utility>

#include "guests/guests.h"
#include "guests/saved_series.h"

namespace qte::guests {
namespace {

// Less is noise, and a guest's caches are cold after a move.
constexpr uint64_t kBytesToBalance = 64 * 1024 * 1024;

}  // namespace

void Guests::MoveToLane(Guest& guest, size_t lane) {
  size_t logs = 0;
  for (source::StreamId id : guest.Logs()) logs += logs_.at(id).is_open ? 1 : 0;
  Lane& before = *lanes_[guest.lane];
  Lane& now = *lanes_[lane];
  --before.guests;
  ++now.guests;
  before.logs -= logs;
  now.logs += logs;
  guest.lane = lane;
  guest.Use(now.scratch);
}

// Moves the guest that leaves the smallest load to the busier one of two lanes; none if that is about what it was.
void Guests::Balance() {
  if (lanes_.size() < 2 || bytes() - balanced_at_ < kBytesToBalance) return;
  balanced_at_ = bytes();
  std::vector<uint64_t> loads(lanes_.size());
  std::vector<std::pair<Guest*, uint64_t>> busy;
  for (const auto& [labels, guest] : guests_) {
    uint64_t bytes = guest->bytes() - std::exchange(guest->bytes_balanced, guest->bytes());
    if (bytes == 0) continue;
    loads[guest->lane] += bytes;
    busy.emplace_back(guest.get(), bytes);
  }
  auto least = std::min_element(loads.begin(), loads.end());
  auto most = std::max_element(loads.begin(), loads.end());
  Guest* best = nullptr;
  uint64_t best_load = *most / 4 * 3;
  for (const auto& [guest, bytes] : busy) {
    if (loads.begin() + static_cast<std::ptrdiff_t>(guest->lane) != most) continue;
    uint64_t busier = std::max(*most - bytes, *least + bytes);
    if (busier >= best_load) continue;
    best_load = busier;
    best = guest;
  }
  if (best != nullptr) MoveToLane(*best, static_cast<size_t>(least - loads.begin()));
}

metrics::Snapshot Guests::TakeSnapshot() {
  metrics::Snapshot snapshot;
  AppendSeries(snapshot);  // first, since what is in flight may make series
  snapshot.plain = ToFamilies(TakeOwnCounts(), *common_);
  return snapshot;
}

void Guests::AppendSeries(metrics::Snapshot& snapshot) {
  if (snapshot.counts.empty()) {
    metrics::CountsByName& events = snapshot.counts.emplace_back();
    events.name = "qemu_trace_events_total";
    events.help = "Total number of trace events, whether or not a rule uses them.";
    events.label = "event";
    events.name_of = [program = common_->program](uint32_t id) { return program->names.NameOf(id); };
  }
  for (const auto& [labels, guest] : guests_) {
    guest->AppendTo(snapshot);
    snapshot.counts.front().guests.push_back(guest->TakeEvents());
  }
}

std::vector<metrics::FamilySnapshot> Guests::TakeFamilies(const Wanted& wanted) const {
  std::vector<size_t> numbers;
  for (size_t i = 0; i < common_->kinds->size(); ++i) {
    if (wanted((*common_->kinds)[i]->spec.name)) numbers.push_back(i);
  }
  std::vector<metrics::FamilySnapshot> families;
  for (const auto& [labels, guest] : guests_) {
    for (size_t i : numbers) {
      const metrics::Family* family = guest->families().Find(i);
      if (family != nullptr) families.push_back(family->TakeSnapshot(guest->base()));
    }
  }
  return families;
}

OwnCounts Guests::TakeOwnCounts() const {
  OwnCounts counts = gone_;
  for (const auto& [labels, guest] : guests_) counts.Add(guest->TakeOwnCounts());
  return counts;
}

std::vector<SeenEvent> Guests::SeenEvents() const {
  const trace::NameTable& declared = common_->program->names;
  std::vector<uint64_t> totals(declared.size());
  std::map<std::string, uint64_t> undeclared;
  for (const auto& [labels, guest] : guests_) {
    const EventCounts& counts = guest->events();
    counts.ForEach([&](uint32_t id, uint64_t count) {
      if (counts.IsDeclared(id)) {
        totals[id] += count;
      } else {
        undeclared[std::string(counts.UndeclaredName(id))] += count;
      }
    });
  }
  const std::map<std::string, std::string> samples = common_->samples->All();
  auto sample_of = [&](const std::string& name) {
    auto sample = samples.find(name);
    return sample == samples.end() ? "" : sample->second;
  };
  std::vector<SeenEvent> seen;
  for (uint32_t id = 0; id < totals.size(); ++id) {
    if (totals[id] == 0) continue;
    std::string name(declared.NameOf(id));
    bool is_used = common_->program->plan_of[id] != rules::kNone;
    seen.push_back({name, totals[id], sample_of(name), true, is_used});
  }
  for (const auto& [name, count] : undeclared) seen.push_back({name, count, sample_of(name), false, false});
  return seen;
}

uint64_t Guests::lines() const {
  uint64_t sum = gone_.lines;
  for (const auto& [labels, guest] : guests_) sum += guest->lines();
  return sum;
}

// Since the start of the process.
uint64_t Guests::bytes() const {
  uint64_t sum = 0;
  for (const auto& lane : lanes_) sum += lane->bytes;
  return sum;
}

uint64_t Guests::unparsed(Unparsed reason) const {
  uint64_t sum = gone_.unparsed[static_cast<size_t>(reason)];
  for (const auto& [labels, guest] : guests_) sum += guest->unparsed(reason);
  return sum;
}

size_t Guests::series_count() const {
  size_t sum = 0;
  for (const auto& [labels, guest] : guests_) sum += guest->families().series_count();
  return sum;
}

std::string Guests::TakePathWithoutTime() {
  for (const auto& [labels, guest] : guests_) {
    if (std::string path = guest->TakePathWithoutTime(); !path.empty()) return path;
  }
  return {};
}

// By ascending id, so the newest file of a path is the last one.
Guests::LogReports Guests::Reports() const {
  LogReports reports;
  for (const auto& [id, log] : logs_) {
    std::optional<Guest::LogReport> report = log.guest->ReportOf(id);
    if (report) reports.insert_or_assign(log.path, LogReport{std::move(*report), log.guest->base()});
  }
  return reports;
}

Guests::UpList Guests::Up() const {
  UpList list;
  for (const auto& [labels, guest] : guests_) list.emplace_back(guest->base(), guest->may_be_up());
  return list;
}

void Guests::CountLost(source::StreamId id, uint64_t events) {
  ++changes_;
  if (auto log = logs_.find(id); log != logs_.end()) log->second.guest->CountLost(events);
}

Guests::LostList Guests::LostEvents() const {
  LostList list;
  for (const auto& [labels, guest] : guests_) {
    if (const std::optional<uint64_t> lost = guest->lost_events()) list.emplace_back(guest->base(), *lost);
  }
  return list;
}

bool Guests::LacksDrive(source::StreamId id, const rules::DriveProbe& drive) const {
  const rules::Process* of = process(id);
  return of != nullptr && of->LacksDrive(drive);
}

void Guests::Expect(source::StreamId id, std::vector<rules::DriveProbe> probes) {
  auto log = logs_.find(id);
  if (log == logs_.end()) return;
  if (rules::Process* of = log->second.guest->process(id)) of->Expect(std::move(probes));
}

void Guests::BeginProcess(source::StreamId id) {
  ++changes_;
  if (auto log = logs_.find(id); log != logs_.end()) log->second.guest->BeginProcess(id);
}

void Guests::EndProcess(source::StreamId id) {
  ++changes_;
  if (auto log = logs_.find(id); log != logs_.end()) log->second.guest->EndProcess(id);
}

const rules::Process* Guests::process(source::StreamId id) const {
  auto log = logs_.find(id);
  return log == logs_.end() ? nullptr : std::as_const(*log->second.guest).process(id);
}

Guests::Saved Guests::Save() {
  Saved saved{common_, {}, gone_};
  for (const auto& [labels, guest] : guests_) saved.guests.push_back(guest->Save());
  return saved;
}

nlohmann::json Guests::ToJson(Saved saved) {
  nlohmann::json specs = nlohmann::json::array();
  for (const auto& kind : *saved.common->kinds) specs.push_back(SpecToJson(kind->spec));
  nlohmann::json guests = nlohmann::json::array();
  for (Guest::Saved& guest : saved.guests) guests.push_back(Guest::ToJson(std::move(guest)));
  return {{"specs", std::move(specs)},
          {"guests", std::move(guests)},
          {"gone", guests::ToJson(saved.gone, *saved.common)},
          {"samples", saved.common->samples->All()}};
}

Status Guests::Restore(const nlohmann::json& saved, const std::set<source::StreamId>& positions) {
  try {
    Guest::Specs specs;
    for (const nlohmann::json& spec : saved.at("specs")) specs.push_back(SpecFromJson(spec));
    for (const nlohmann::json& entry : saved.at("guests")) {
      Guest& guest = GuestOf(LabelsFromJson(entry.at("labels")));
      guest.Restore(entry, specs);
      for (const nlohmann::json& log : entry.at("logs")) {
        Log& restored = logs_[log.at("id").get<source::StreamId>()];
        restored.guest = &guest;
        log.at("path").get_to(restored.path);  // by which a reload names the guest, before the log is found again
      }
    }
    gone_ = OwnCountsFromJson(saved.at("gone"), *common_);
    common_->samples->Restore(saved.at("samples").get<std::map<std::string, std::string>>(), common_->program->names);
  } catch (const std::exception& error) {
    return Error{error.what()};
  }
  std::vector<source::StreamId> closed;
  for (const auto& [id, log] : logs_) {
    if (!positions.contains(id)) closed.push_back(id);
  }
  for (source::StreamId id : closed) OnClose(id);
  return {};
}

}  // namespace qte::guests
