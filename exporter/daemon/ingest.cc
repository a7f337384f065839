#include "daemon/ingest.h"

#include <chrono>
#include <map>
#include <utility>

#include "base/thread_name.h"

namespace qte::daemon {
namespace {

// A safety net only: whatever happens wakes the thread by itself.
constexpr std::chrono::milliseconds kLongestWait{5000};

}  // namespace

Ingest::Ingest(std::unique_ptr<guests::Guests> guests, Sources sources, Listener listener)
    : listener_(std::move(listener)),
      guests_(std::move(guests)),
      sources_(std::move(sources.specs), *this, std::move(sources.resume), {.max_open = sources.max_open}),
      thread_([this] { Run(); }) {}

Ingest::~Ingest() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  sources_.Wake();
  if (thread_.joinable()) thread_.join();
}

void Ingest::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    drain_ = true;
  }
  sources_.Wake();
  if (thread_.joinable()) thread_.join();
}

void Ingest::Run() {
  NameThread("ingest");
  while (true) {
    RunTasks();
    {
      std::lock_guard lock(mutex_);
      if (stopping_) break;
    }
    sources_.Step(kLongestWait);
    guests_->Balance();
    NoteChanges();
    if (sources_.caught_up()) caught_up_.store(true, std::memory_order_release);
  }
  bool drain = false;
  {
    std::lock_guard lock(mutex_);
    drain = drain_;
  }
  if (drain) sources_.Drain();
  NoteChanges();
  // What was asked for up to the end is answered; what comes later is done by those who ask.
  while (true) {
    RunTasks();
    std::lock_guard lock(mutex_);
    if (!tasks_.empty()) continue;
    stopped_ = true;
    return;
  }
}

bool Ingest::AwaitChange(uint64_t known) {
  // The waiter sets its flag before it checks for changes; NoteChanges stores the change before it checks the flag. One
  // of them always sees the other.
  is_change_awaited_.store(true);
  return changes_.load() == known;
}

void Ingest::NoteChanges() {
  const uint64_t changes = sources_.changes();
  if (changes == changes_.load(std::memory_order_relaxed)) return;
  changes_.store(changes);
  if (is_change_awaited_.load() && is_change_awaited_.exchange(false)) listener_.on_change();
}

void Ingest::RunTasks() {
  std::vector<Task> tasks;
  {
    std::lock_guard lock(mutex_);
    tasks.swap(tasks_);
  }
  if (tasks.empty()) return;
  for (const Task& task : tasks) task();
  std::lock_guard lock(mutex_);
  finished_ += tasks.size();
  done_.notify_all();
}

void Ingest::Post(const Task& task) {
  {
    std::unique_lock lock(mutex_);
    if (!stopped_) {
      tasks_.push_back(task);
      uint64_t ticket = ++posted_;
      sources_.Wake();
      done_.wait(lock, [&] { return finished_ >= ticket; });
      return;
    }
  }
  std::lock_guard lock(after_stop_);
  task();
}

void Ingest::Call(const std::function<void(guests::Guests&, const source::SourceSet&)>& task) {
  Post([&] { task(*guests_, sources_); });
}

std::vector<std::string> Ingest::TakeWarnings() {
  std::vector<std::string> warnings;
  Post([&] { warnings = sources_.TakeWarnings(); });
  return warnings;
}

source::StreamId Ingest::Attach(UniqueFd pipe, const std::string& name, const std::string& spec_path) {
  source::StreamId id = 0;
  Post([&] { id = sources_.Attach(std::move(pipe), name, spec_path); });
  return id;
}

void Ingest::Reconfigure(std::vector<source::SourceSpec> sources,
                         const std::function<void(guests::Guests&, const SourceOf&)>& use) {
  Post([&] {
    sources_.Reconfigure(std::move(sources));
    SourceOf source_of;
    for (const source::StreamStatus& stream : sources_.Streams()) source_of[stream.id] = stream.source;
    use(*guests_, source_of);
    NoteChanges();
  });
}

void Ingest::OnOpen(source::StreamId id, size_t source, const std::string& path, source::StreamId predecessor) {
  guests_->OnOpen(id, source, path, predecessor);
  listener_.on_begin(id);
}
void Ingest::OnBytes(source::StreamId id, std::string_view bytes, uint64_t offset) {
  guests_->OnBytes(id, bytes, offset);
}
void Ingest::OnRestart(source::StreamId id, source::Restart why) {
  guests_->OnRestart(id, why);
  listener_.on_begin(id);
}
void Ingest::OnClose(source::StreamId id) {
  guests_->OnClose(id);
  listener_.on_end();
}
size_t Ingest::LaneOf(source::StreamId id) const {
  return guests_->LaneOf(id);
}

}  // namespace qte::daemon
