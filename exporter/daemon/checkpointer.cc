#include "daemon/checkpointer.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

#include "base/thread_name.h"

namespace qte::daemon {
namespace {

constexpr std::chrono::seconds kInterval{3};
// A fast QEMU writes 60 MB a second.
constexpr std::chrono::milliseconds kReclaimInterval{100};

}  // namespace

Result<std::unique_ptr<Checkpointer>> Checkpointer::Open(const std::string& directory) {
  Result<guests::CheckpointDirectory> opened = guests::CheckpointDirectory::Open(directory);
  if (!opened) return Error{opened.error()};
  return std::unique_ptr<Checkpointer>(new Checkpointer(std::move(*opened)));
}

Checkpointer::~Checkpointer() {
  EndThread();
}

std::optional<guests::SavedState> Checkpointer::Load() {
  guests::CheckpointDirectory::Loaded loaded = directory_.Load();
  if (!loaded.warning.empty()) spdlog::warn("{}", loaded.warning);
  if (!loaded.payload) return std::nullopt;
  try {
    guests::SavedState state = guests::SavedStateFromJson(std::move(*loaded.payload));
    reclaimed_before_ = state.totals.reclaimed_bytes;
    totals_ = state.totals;
    return state;
  } catch (const std::exception& error) {
    SetAside(error.what());
    return std::nullopt;
  }
}

void Checkpointer::SetAside(const std::string& why) {
  spdlog::warn("{}", directory_.SetAside(why));
}

void Checkpointer::Start(Take take, Positions positions, Rests rests) {
  take_ = std::move(take);
  positions_ = std::move(positions);
  rests_ = std::move(rests);
  thread_ = std::thread([this] { Run(); });
}

void Checkpointer::Run() {
  NameThread("checkpoints");
  Write();
  while (true) {
    Rest();
    {
      std::unique_lock lock(mutex_);
      if (wake_.wait_for(lock, reclaims_ ? kReclaimInterval : kInterval, [this] { return stopping_; })) return;
    }
    if (IsDue()) Write();
  }
}

// Until something happens.
void Checkpointer::Rest() {
  if (failing_ || !KnowsAllReclaimed() || !rests_(written_version_)) return;
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return stopping_ || is_woken_; });
  is_woken_ = false;
}

void Checkpointer::Wake() {
  {
    std::lock_guard lock(mutex_);
    is_woken_ = true;
  }
  wake_.notify_all();
}

void Checkpointer::Confirm(uint64_t version, double now) {
  if (version == written_version_) last_success_ = now;
}

bool Checkpointer::IsDue() {
  return std::chrono::steady_clock::now() >= next_ || (reclaims_ && reclaimer_.IsUrgent(positions_()));
}

guests::Totals Checkpointer::totals() const {
  std::lock_guard lock(mutex_);
  return totals_;
}

void Checkpointer::EndThread() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Checkpointer::Stop() {
  if (!thread_.joinable()) return;
  EndThread();
  Write();
}

Status Checkpointer::Write(Taken taken) {
  guests::Checkpoint& moment = taken.moment;
  uint64_t version = moment.version;
  source::Positions positions = moment.positions;
  guests::Totals totals = moment.totals;
  totals.reclaimed_bytes = reclaimed_before_ + reclaimer_.bytes();
  moment.totals = totals;
  reclaimer_.Fill(moment.positions);
  Status written = directory_.Write(ToJson(std::move(moment)));
  {
    std::lock_guard lock(mutex_);
    totals_ = totals;
  }
  if (!written) return written;
  // In this order: a Confirm of this version is later than `at`.
  last_success_ = taken.at;
  written_version_ = version;
  reclaimer_.Reclaim(positions);
  reclaims_ = positions.reclaims;
  return written;
}

// A failure is told once, not every few seconds.
void Checkpointer::Write() {
  // What was given back after the last one is news as well.
  std::optional<Taken> taken = take_(KnowsAllReclaimed() ? written_version_.load() : UINT64_MAX);
  next_ = std::chrono::steady_clock::now() + kInterval - kReclaimInterval / 2;
  Status written;
  if (taken) written = Write(std::move(*taken));
  if (written) {
    if (failing_) spdlog::info("checkpoints can be written again");
  } else if (!failing_) {
    spdlog::error("{}; a restart would continue from the last checkpoint that could be written", written.error());
  }
  failing_ = !written.ok();
}

}  // namespace qte::daemon
