#include "daemon/checkpointer.h"

#include <spdlog/spdlog.h>

#include <chrono>

namespace qte::daemon {
namespace {

constexpr std::chrono::seconds kInterval{3};

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
    return pipeline::ResumptionFromJson(std::move(*loaded.payload));
  } catch (const std::exception& error) {
    SetAside(error.what());
    return std::nullopt;
  }
}

void Checkpointer::SetAside(const std::string& why) {
  spdlog::warn("{}", directory_.SetAside(why));
}

void Checkpointer::Start(Take take) {
  take_ = std::move(take);
  thread_ = std::thread([this] { Run(); });
}

void Checkpointer::Run() {
  Write();
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kInterval, [this] { return stopping_; })) {
    lock.unlock();
    Write();
    lock.lock();
  }
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

// A failure is told once, not every few seconds.
void Checkpointer::Write() {
  std::optional<pipeline::Moment> moment = take_(written_version_);
  uint64_t version = moment ? moment->version : written_version_;
  Status written = moment ? directory_.Write(ToJson(std::move(*moment))) : Status();
  if (written) {
    written_version_ = version;
    if (failing_) spdlog::info("checkpoints can be written again");
    last_success_ = SecondsSinceEpoch();
  } else if (!failing_) {
    spdlog::error("{}; a restart would go on from the last checkpoint that could be written", written.error());
  }
  failing_ = !written.ok();
}

}  // namespace qte::daemon
