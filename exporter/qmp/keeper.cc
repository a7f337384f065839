#include "qmp/keeper.h"

#include <fcntl.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

namespace qte::qmp {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

// Descriptors that await a greeting at once; what is above waits for its turn.
constexpr size_t kMostWaiting = 256;
// A QEMU that starts opens its log a moment before its monitor: that is not worth a word.
constexpr int kFailuresBeforeWord = 4;
// Where a probe has not been seen so often, it will not be (the log goes elsewhere).
constexpr int kMostTries = 3;
// How long a log that has gone may take to come back, as in a rotation.
constexpr std::chrono::seconds kAbsence{60};

// Device, inode and time of birth; zeros where there is no such file.
std::array<uint64_t, 3> FileAt(const std::string& path) {
  struct statx status;
  if (::statx(AT_FDCWD, path.c_str(), 0, STATX_INO | STATX_BTIME, &status) != 0) return {};
  uint64_t device = uint64_t{status.stx_dev_major} << 32 | status.stx_dev_minor;
  uint64_t birth = (status.stx_mask & STATX_BTIME) == 0
                       ? 0
                       : static_cast<uint64_t>(status.stx_btime.tv_sec) * 1'000'000'000 + status.stx_btime.tv_nsec;
  return {device, status.stx_ino, birth};
}

}  // namespace

Keeper::Keeper(Host& host, const json& saved, Pace pace) : host_(host), pace_(pace) {
  Restore(saved);
  Publish();
}

Keeper::~Keeper() {
  Change([](Changes& changes) { changes.stop = true; });
  if (thread_.joinable()) thread_.join();
}

void Keeper::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Keeper::Stop() {
  if (!thread_.joinable()) return;
  Change([](Changes& changes) { changes.stop = true; });
  thread_.join();
  SwitchOffAtExit();
  Publish();
}

void Keeper::Run() {
  while (!stopping()) Step(pace_.look);
}

void Keeper::Change(const std::function<void(Changes&)>& change) {
  {
    std::lock_guard lock(mutex_);
    change(changes_);
  }
  wake_.Set();
}

void Keeper::ConfigChanged() {
  Change([](Changes& changes) { changes.targets = changes.config = true; });
}

void Keeper::StreamsChanged() {
  Change([](Changes& changes) { changes.targets = true; });
}

void Keeper::Restarted(uint32_t stream) {
  Change([&](Changes& changes) {
    changes.targets = true;
    changes.restarted.insert(stream);
  });
}

bool Keeper::stopping() const {
  std::lock_guard lock(mutex_);
  return changes_.stop;
}

void Keeper::Step(milliseconds longest_wait) {
  constexpr milliseconds kSoon{20};
  bool is_too_early = !Refresh();
  Clock::time_point now = Clock::now();
  LookAtFiles(now);
  Connect(now);
  Await(is_too_early ? std::min(longest_wait, kSoon) : longest_wait);
  Greet();
  DropGone();
  Publish();
}

// Takes what the targets are now; false where it is too early.
bool Keeper::Refresh() {
  Changes changes;
  {
    std::lock_guard lock(mutex_);
    if (!changes_.targets) return true;
    changes = std::exchange(changes_, Changes{false, false, changes_.stop, {}});
  }
  std::optional<std::vector<Target>> targets = host_.Targets();
  if (!targets) {
    std::lock_guard lock(mutex_);
    changes_.targets = true;
    changes_.config = changes_.config || changes.config;
    changes_.restarted.merge(changes.restarted);
    return false;
  }
  has_news_ = true;
  Clock::time_point now = Clock::now();
  std::set<std::string> named;
  for (Target& target : *targets) {
    named.insert(target.socket);
    Socket& socket = sockets_[target.socket];
    bool is_restarted = std::any_of(target.streams.begin(), target.streams.end(),
                                    [&](uint32_t stream) { return changes.restarted.contains(stream); });
    bool is_new = socket.target.needs != target.needs || socket.target.drive_names != target.drive_names;
    if (is_restarted) socket.tries.clear();
    if (is_restarted || is_new) {
      socket.next = now;
      socket.retry = milliseconds(0);
    }
    socket.leaves_at.reset();
    socket.target = std::move(target);
  }
  for (auto& [path, socket] : sockets_) {
    if (named.contains(path)) continue;
    if (changes.config) socket.leaves_at = now;
    if (!socket.leaves_at) socket.leaves_at = now + kAbsence;
  }
  return true;
}

// Another file at the path is another QEMU; none is the end of one.
void Keeper::LookAtFiles(Clock::time_point now) {
  if (now < next_look_) return;
  next_look_ = now + pace_.look;
  for (auto& [path, socket] : sockets_) {
    std::array<uint64_t, 3> file = FileAt(path);
    if (std::exchange(socket.file, file) == file) continue;
    socket.next = now;
    socket.retry = milliseconds(0);
  }
}

// When it is to be talked to; never, if it is kept in mind only.
Keeper::Clock::time_point Keeper::DueAt(const Socket& socket) const {
  bool is_kept = !is_farewell_ && socket.target.needs != nullptr;
  Clock::time_point due = is_kept ? socket.next : Clock::time_point::max();
  bool is_to_leave = socket.leaves_at && !socket.switches.ours().empty();
  return is_to_leave ? std::min(due, *socket.leaves_at) : due;
}

bool Keeper::HasLeft(const Socket& socket) {
  return socket.leaves_at && *socket.leaves_at <= Clock::now();
}

void Keeper::Connect(Clock::time_point now) {
  auto waiting = static_cast<size_t>(
      std::count_if(sockets_.begin(), sockets_.end(), [](const auto& s) { return s.second.connection != nullptr; }));
  for (auto& [path, socket] : sockets_) {
    if (waiting >= kMostWaiting) return;
    if (socket.connection != nullptr || DueAt(socket) > now) continue;
    socket.file = FileAt(path);
    auto connection = std::make_unique<Connection>(path);
    if (connection->failure()) {
      Fail(socket, *connection->failure());
      continue;
    }
    socket.connection = std::move(connection);
    socket.greeting_due = now + pace_.greeting;
    ++waiting;
  }
}

void Keeper::Await(milliseconds longest_wait) {
  Clock::time_point until = Clock::now() + longest_wait;
  std::vector<pollfd> fds = {{wake_.fd(), POLLIN, 0}};
  for (const auto& [path, socket] : sockets_) {
    if (socket.connection != nullptr) {
      fds.push_back({socket.connection->fd(), POLLIN, 0});
      until = std::min(until, socket.greeting_due);
    } else {
      until = std::min(until, DueAt(socket));
    }
  }
  auto left = std::max(milliseconds(0), std::chrono::ceil<milliseconds>(until - Clock::now()));
  // Where more connections are due than may wait at once, they are due all the time.
  if (fds.size() > kMostWaiting) left = std::max(left, std::min(longest_wait, milliseconds(10)));
  ::poll(fds.data(), fds.size(), static_cast<int>(left.count()));
  wake_.Clear();
}

void Keeper::Greet() {
  for (auto& [path, socket] : sockets_) {
    if (!is_farewell_ && stopping()) return;
    if (socket.connection == nullptr) continue;
    if (socket.connection->Greet()) {
      Talk(socket);
    } else {
      if (Clock::now() >= socket.greeting_due) socket.connection->GiveUp();
      if (socket.connection->failure()) Fail(socket, *socket.connection->failure());
    }
  }
}

void Keeper::Talk(Socket& socket) {
  std::unique_ptr<Connection> connection = std::move(socket.connection);
  if (std::optional<Failure> failure = Converse(socket, *connection)) {
    Fail(socket, *failure);
  } else {
    Succeed(socket);
  }
}

std::optional<Failure> Keeper::Converse(Socket& socket, Connection& connection) {
  connection.set_deadline(Clock::now() + (is_farewell_ ? pace_.farewell : pace_.conversation));
  std::optional<Connection::Answer> ready = connection.Execute("qmp_capabilities");
  if (!ready) return connection.failure();
  if (!ready->value) return Failure{Reason::kRefused, "QEMU refuses qmp_capabilities: " + ready->error};
  NoteInstance(socket, connection);
  const Needs needs = HasLeft(socket) ? Needs() : *socket.target.needs;
  size_t before = socket.switches.ours().size();
  if (std::optional<Failure> failure = socket.switches.SwitchOn(connection, needs.naming)) return failure;
  if (socket.target.drive_names && !needs.naming.empty()) {
    if (std::optional<Failure> failure = AskNames(socket, connection)) return failure;
  }
  if (std::optional<Failure> failure = socket.switches.SwitchOn(connection, needs.rest)) return failure;
  size_t switched_on = socket.switches.ours().size() - before;
  std::set<std::string> needed(needs.naming.begin(), needs.naming.end());
  needed.insert(needs.rest.begin(), needs.rest.end());
  if (std::optional<Failure> failure = socket.switches.SwitchOffBut(connection, needed)) return failure;
  size_t switched_off = before + switched_on - socket.switches.ours().size();
  if (switched_on > 0 || switched_off > 0) {
    spdlog::info("{}: trace events switched by QMP: {} on, {} off", socket.target.socket, switched_on, switched_off);
  }
  if (!needed.empty() && socket.switches.missing().size() == needed.size()) {
    return Failure{Reason::kRefused, "this QEMU has none of the trace events that the config needs"};
  }
  return std::nullopt;
}

// What another QEMU had switched on has ended with it.
void Keeper::NoteInstance(Socket& socket, const Connection& connection) {
  auto peer = static_cast<uint64_t>(connection.peer());
  Instance instance = {socket.file[0], socket.file[1], socket.file[2], peer};
  if (std::exchange(socket.instance, instance) == instance) return;
  socket.switches = Switches();
  socket.tries.clear();
}

// Asks for the names of disks that the log has not told. A disk without a name is no failure.
std::optional<Failure> Keeper::AskNames(Socket& socket, Connection& connection) {
  std::optional<Connection::Answer> status = connection.Execute("query-status");
  if (!status) return connection.failure();
  if (!status->value || !MayProbe(*status->value)) return std::nullopt;
  std::optional<Connection::Answer> answer = connection.Execute("query-block");
  if (!answer) return connection.failure();
  if (!answer->value) return std::nullopt;
  std::vector<Drive> drives = DrivesOf(*answer->value);
  std::vector<std::string> files;
  for (const Drive& drive : drives) files.push_back(drive.file);
  std::set<std::string> unknown = host_.Unknown(socket.target, files);
  std::erase_if(socket.tries, [&](const auto& tried) { return !unknown.contains(tried.first); });
  std::erase_if(drives, [&](const Drive& drive) {
    return !unknown.contains(drive.file) || socket.tries[drive.file] >= kMostTries;
  });
  if (drives.empty()) return std::nullopt;
  std::vector<Probe> probes = MakeProbes(std::move(drives), [this] { return random_(); });
  host_.Expect(socket.target, probes);
  for (const Probe& probe : probes) {
    ++socket.tries[probe.drive.file];
    json command = {{"command-line", probe.CommandLine()}};
    if (!connection.Execute("human-monitor-command", std::move(command))) return connection.failure();
  }
  return std::nullopt;
}

void Keeper::Succeed(Socket& socket) {
  has_news_ = true;
  if (socket.failures >= kFailuresBeforeWord) spdlog::info("{}: QMP works now", socket.target.socket);
  socket.up = true;
  socket.error.clear();
  socket.failures = 0;
  socket.retry = milliseconds(0);
  socket.next = Clock::now() + pace_.check;
}

void Keeper::Fail(Socket& socket, Failure failure) {
  has_news_ = true;
  socket.connection.reset();
  ++failures_[static_cast<size_t>(failure.reason)];
  bool is_soon_over = failure.reason == Reason::kUnreachable || failure.reason == Reason::kClosed;
  ++socket.failures;
  if (!is_soon_over) socket.failures = std::max(socket.failures, kFailuresBeforeWord);
  if (socket.failures >= kFailuresBeforeWord && socket.error != failure.message) {
    spdlog::warn("{}: {}; trying again, at least once a minute", socket.target.socket, failure.message);
    socket.error = std::move(failure.message);
  }
  socket.up = false;
  socket.retry = socket.retry == milliseconds(0) ? pace_.first_retry : std::min(2 * socket.retry, pace_.last_retry);
  socket.next = Clock::now() + socket.retry;
  if (!HasLeft(socket)) return;
  // One try is enough for what nobody needs any more. A later process may have better luck.
  if (is_farewell_) {
    socket.leaves_at.reset();
  } else {
    socket.switches = Switches();
  }
}

void Keeper::DropGone() {
  size_t gone = std::erase_if(sockets_, [](const auto& entry) {
    const Socket& socket = entry.second;
    return HasLeft(socket) && socket.connection == nullptr && socket.switches.ours().empty();
  });
  if (gone > 0) has_news_ = true;
}

// After the thread has ended.
void Keeper::SwitchOffAtExit() {
  constexpr milliseconds kWait{50};
  Clock::time_point now = Clock::now();
  Clock::time_point deadline = now + pace_.farewell;
  is_farewell_ = true;
  for (auto& [path, socket] : sockets_) {
    socket.connection.reset();
    socket.leaves_at.reset();
    if (socket.target.switch_off_at_exit) socket.leaves_at = now;
  }
  auto leaves = [](const auto& entry) { return entry.second.leaves_at.has_value(); };
  while (DropGone(), std::any_of(sockets_.begin(), sockets_.end(), leaves)) {
    if (Clock::now() >= deadline) return;
    Connect(Clock::now());
    Await(kWait);
    Greet();
  }
}

}  // namespace qte::qmp
