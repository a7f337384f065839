// What others see of a Keeper: its report, and what a later one begins with.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "qmp/keeper.h"

namespace qte::qmp {

using nlohmann::json;

// At most so many entries of saved state are read, whatever it says.
constexpr size_t kMostSaved = 100'000;

// Others see what has become of it all.
void Keeper::Publish() {
  if (!std::exchange(has_news_, false)) return;
  Report report;
  report.failures = failures_;
  json saved = json::array();
  for (const auto& [path, socket] : sockets_) {
    const Switches& switches = socket.switches;
    if (socket.instance != Instance()) saved.push_back({path, socket.instance, switches.ours});
    if (socket.target.needs == nullptr) continue;
    report.sockets.push_back(
        {path, socket.up, socket.error, socket.up ? switches.on.size() : 0, switches.ours, switches.missing});
  }
  std::lock_guard lock(mutex_);
  report_ = std::move(report);
  if (saved_ == saved) return;
  saved_ = std::move(saved);
  ++version_;
}

Keeper::Report Keeper::report() const {
  std::lock_guard lock(mutex_);
  return report_;
}

// [[path, [device, inode, birth, process, start of the process], [event, ...]], ...]
json Keeper::Save() const {
  std::lock_guard lock(mutex_);
  return saved_;
}

uint64_t Keeper::version() const {
  std::lock_guard lock(mutex_);
  return version_;
}

bool Keeper::has_leftovers() const {
  std::lock_guard lock(mutex_);
  return std::any_of(saved_.begin(), saved_.end(), [](const json& row) { return !row[2].empty(); });
}

// What no target has within a while is switched off, as if it had been a target up to now.
void Keeper::Restore(const json& saved) {
  if (!saved.is_array()) return;
  try {
    for (const json& row : saved) {
      if (sockets_.size() >= kMostSaved) return;
      Socket& socket = sockets_[row.at(0).get<std::string>()];
      socket.target.socket = row.at(0).get<std::string>();
      auto numbers = row.at(1).get<std::vector<uint64_t>>();
      numbers.resize(socket.instance.size());
      std::copy(numbers.begin(), numbers.end(), socket.instance.begin());
      socket.is_gone = socket.instance == Instance();
      socket.switches.ours = row.at(2).get<std::vector<std::string>>();
    }
  } catch (const json::exception& error) {
    spdlog::warn("what the checkpoint says of QMP is left out: {}", error.what());
    sockets_.clear();
  }
}

}  // namespace qte::qmp
