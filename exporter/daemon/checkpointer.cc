#include "daemon/checkpointer.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>

namespace qte::daemon {
namespace {

constexpr std::chrono::seconds kInterval{3};
// A fast QEMU writes 60 MB a second.
constexpr std::chrono::milliseconds kReclaimInterval{100};

double SecondsSinceEpoch() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

Result<std::unique_ptr<Checkpointer>> Checkpointer::Open(const std::string& directory) {
  Result<state::CheckpointDirectory> opened = state::CheckpointDirectory::Open(directory);
  if (!opened) return Error{opened.error()};
  return std::unique_ptr<Checkpointer>(new Checkpointer(std::move(*opened)));
}

Checkpointer::~Checkpointer() {
  EndThread();
}

std::optional<pipeline::Resumption> Checkpointer::Load() {
  state::CheckpointDirectory::Loaded loaded = directory_.Load();
  if (!loaded.warning.empty()) spdlog::warn("{}", loaded.warning);
  if (!loaded.payload) return std::nullopt;
  try {
    pipeline::Resumption resumption = pipeline::ResumptionFromJson(std::move(*loaded.payload));
    reclaimed_bytes_ = reclaimed_before_ = resumption.totals.reclaimed_bytes;
    return resumption;
  } catch (const std::exception& error) {
    SetAside(error.what());
    return std::nullopt;
  }
}

void Checkpointer::SetAside(const std::string& why) {
  spdlog::warn("{}", directory_.SetAside(why));
}

void Checkpointer::Start(Take take, Positions positions) {
  take_ = std::move(take);
  positions_ = std::move(positions);
  thread_ = std::thread([this] { Run(); });
}

void Checkpointer::Run() {
  Write();
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, reclaims_ ? kReclaimInterval : kInterval, [this] { return stopping_; })) {
    lock.unlock();
    if (IsDue()) Write();
    lock.lock();
  }
}

bool Checkpointer::IsDue() {
  return std::chrono::steady_clock::now() >= next_ || (reclaims_ && reclaimer_.IsUrgent(positions_()));
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

Status Checkpointer::Write(pipeline::Moment moment) {
  uint64_t version = moment.version;
  source::Positions positions = moment.positions;
  uint64_t reclaimed = reclaimed_before_ + reclaimer_.bytes();
  moment.totals.reclaimed_bytes = reclaimed;
  Status written = directory_.Write(ToJson(std::move(moment)));
  if (!written) return written;
  written_version_ = version;
  reclaimed_bytes_ = reclaimed;
  reclaimer_.Reclaim(positions);
  reclaims_ = std::any_of(positions.streams.begin(), positions.streams.end(),
                          [](const source::StreamPosition& position) { return position.reclaim_above > 0; });
  return written;
}

// A failure is told once, not every few seconds.
void Checkpointer::Write() {
  std::optional<pipeline::Moment> moment = take_(written_version_);
  next_ = std::chrono::steady_clock::now() + kInterval - kReclaimInterval / 2;
  Status written;
  if (moment) written = Write(std::move(*moment));
  if (written) {
    if (failing_) spdlog::info("checkpoints can be written again");
    last_success_ = SecondsSinceEpoch();
  } else if (!failing_) {
    spdlog::error("{}; a restart would go on from the last checkpoint that could be written", written.error());
  }
  failing_ = !written.ok();
}

}  // namespace qte::daemon
