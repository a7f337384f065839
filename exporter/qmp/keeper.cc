#include "qmp/keeper.h"

#include <poll.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "base/thread_name.h"

namespace qte::qmp {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

// Conversations at once; a socket that is due above that waits for its turn.
constexpr size_t kMostTalks = 256;
// Half-read messages of all conversations together. Their strings may have reserved twice as much.
constexpr size_t kMostHeld = size_t{16} << 20;
// A QEMU that starts opens its log a moment before its monitor: that is not worth a word.
constexpr int kFailuresBeforeWord = 4;
// Where a probe has not been seen so often, it will not be (the log goes elsewhere).
constexpr int kMostTries = 3;
// How long a log that has gone may take to come back, as in a rotation.
constexpr std::chrono::seconds kAbsence{60};
// Memory for the disks that one conversation probes. The others have their turn in the next one.
constexpr size_t kMostProbed = 32768;

size_t BytesOf(const Drive& drive) {
  size_t texts = 0;
  for (const std::string* text : {&drive.name, &drive.file, &drive.format, &drive.backend, &drive.qdev, &drive.serial}) {
    texts += text->size();
  }
  return sizeof(Drive) + texts;
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
  NameThread("qmp");
  constexpr std::chrono::hours kLong{1};
  while (!stopping()) Step(kLong);
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
  LookAtDisks(now);
  Connect(now);
  Await(now + (is_too_early ? std::min(longest_wait, kSoon) : longest_wait));
  Talk();
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
  next_due_ = next_look_ = next_disk_look_ = now;
  std::set<std::string> named;
  for (Target& target : *targets) {
    named.insert(target.socket);
    Socket& socket = sockets_[target.socket];
    bool is_restarted = std::any_of(target.streams.begin(), target.streams.end(),
                                    [&](uint32_t stream) { return changes.restarted.contains(stream); });
    bool is_new =
        socket.target.needs != target.needs || socket.target.drive_names != target.drive_names || HasLeft(socket);
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

// When it is to be talked to, or dropped; never, if it is kept in mind only.
Keeper::Clock::time_point Keeper::DueAt(const Socket& socket) const {
  if (socket.talk) return Clock::time_point::max();
  bool is_kept = !is_farewell_ && socket.target.needs != nullptr;
  Clock::time_point due = is_kept ? socket.next : Clock::time_point::max();
  return socket.leaves_at ? std::min(due, *socket.leaves_at) : due;
}

bool Keeper::HasLeft(const Socket& socket) {
  return socket.leaves_at && *socket.leaves_at <= Clock::now();
}

// Begins the conversations that are due, those with sockets that failed before last.
void Keeper::Connect(Clock::time_point now) {
  if (now < next_due_ || talking_.size() >= kMostTalks) return;
  size_t dropped = std::erase_if(sockets_, [&](const auto& s) { return !is_farewell_ && IsDropped(s.second); });
  has_news_ = has_news_ || dropped > 0;
  std::vector<Socket*> due;
  watched_.clear();
  next_due_ = Clock::time_point::max();
  for (auto& [path, socket] : sockets_) {
    if (IsDropped(socket)) socket.leaves_at.reset();
    if (socket.process) watched_.push_back(&socket);
    Clock::time_point at = DueAt(socket);
    if (at <= now) {
      due.push_back(&socket);
    } else {
      next_due_ = std::min(next_due_, at);
    }
  }
  std::stable_sort(due.begin(), due.end(), [](const Socket* a, const Socket* b) { return a->failures < b->failures; });
  if (size_t room = kMostTalks - talking_.size(); due.size() > room) {
    due.resize(room);
    next_due_ = now;
  }
  for (Socket* socket : due) Begin(*socket);
}

// Nothing needs it any more, and nothing is left to be switched off.
bool Keeper::IsDropped(const Socket& socket) {
  return HasLeft(socket) && !socket.talk && socket.switches.ours.empty();
}

void Keeper::Begin(Socket& socket) {
  const std::string& path = socket.target.socket;
  socket.file = FileAt(path);
  socket.is_leaving = HasLeft(socket);
  socket.next = Clock::time_point::max();
  Conversation::Errand errand{socket.is_leaving ? std::make_shared<const Needs>() : socket.target.needs,
                              [this, &socket](int fd) { NoteProcess(socket, fd); }, nullptr, pace_.limits};
  if (socket.target.drive_names && !socket.is_leaving) {
    errand.choose_probes = [this, &socket](std::vector<Drive> drives) {
      return ChooseProbes(socket, std::move(drives));
    };
  }
  socket.talk.emplace(path, std::move(errand), socket.switches);
  if (socket.talk->failure()) return Finish(socket);
  // If a QEMU has just taken the path, the connection may be to either.
  if (FileAt(path) != socket.file) {
    socket.talk.reset();
    socket.next = Clock::now() + pace_.first_retry;
    next_due_ = std::min(next_due_, socket.next);
    return;
  }
  socket.is_ready = false;
  talking_.push_back(&socket);
}

void Keeper::Await(Clock::time_point until) {
  until = std::min({until, next_look_, next_disk_look_});
  if (talking_.size() < kMostTalks) until = std::min(until, next_due_);
  std::vector<pollfd> fds = {{wake_.fd(), POLLIN, 0}};
  for (const Socket* socket : talking_) {
    fds.push_back({socket->talk->fd(), socket->talk->events(), 0});
    until = std::min(until, socket->talk->due());
  }
  for (const Socket* socket : watched_) fds.push_back({socket->process.get(), POLLIN, 0});
  auto left = std::max(milliseconds(0), std::chrono::ceil<milliseconds>(until - Clock::now()));
  ::poll(fds.data(), fds.size(), static_cast<int>(left.count()));
  wake_.Clear();
  for (size_t i = 0; i < talking_.size(); ++i) talking_[i]->is_ready = fds[1 + i].revents != 0;
  for (size_t i = 0; i < watched_.size(); ++i) {
    if (fds[1 + talking_.size() + i].revents != 0) NoteExit(*watched_[i]);
  }
  std::erase_if(watched_, [](const Socket* socket) { return !socket->process; });
}

void Keeper::Talk() {
  for (Socket* socket : talking_) {
    if (!is_farewell_ && stopping()) return;
    if (!socket->is_ready && Clock::now() < socket->talk->due()) continue;
    socket->talk->Step();
    BoundMemory();
  }
  for (Socket* socket : talking_) {
    if (socket->talk->is_done() || socket->talk->failure()) Finish(*socket);
  }
  std::erase_if(talking_, [](const Socket* socket) { return !socket->talk; });
}

// The largest message is refused, since it is the one that leaves least to others.
void Keeper::BoundMemory() {
  size_t held = 0;
  for (const Socket* socket : talking_) held += socket->talk->held_bytes();
  if (held <= kMostHeld) return;
  auto smaller = [](const Socket* a, const Socket* b) { return a->talk->held_bytes() < b->talk->held_bytes(); };
  Socket* largest = *std::max_element(talking_.begin(), talking_.end(), smaller);
  std::string limit = std::to_string(kMostHeld >> 20);
  largest->talk->GiveUp(Reason::kProtocol, "QEMU's answer is the largest of those that together exceed the limit of " +
                                               limit + " MiB for all sockets");
}

void Keeper::Finish(Socket& socket) {
  const std::optional<Failure> failure = socket.talk->failure();
  size_t on = socket.talk->switched_on();
  size_t off = socket.talk->switched_off();
  if (on > 0 || off > 0) {
    spdlog::info("{}: trace events switched by QMP: {} on, {} off", socket.target.socket, on, off);
  }
  socket.talk.reset();
  if (failure) {
    Fail(socket, *failure);
  } else {
    Succeed(socket);
  }
  next_due_ = std::min(next_due_, DueAt(socket));
}

// Probes for the disks of a QEMU that its log has not named.
std::vector<Probe> Keeper::ChooseProbes(Socket& socket, std::vector<Drive> drives) {
  auto key_of = [](const Drive& drive) { return TextHash()(drive.name + " " + drive.file); };
  drives = host_.Unknown(socket.target, std::move(drives));
  std::set<size_t> unknown;
  for (const Drive& drive : drives) unknown.insert(key_of(drive));
  std::erase_if(socket.tries, [&](const auto& tried) { return !unknown.contains(tried.first); });
  size_t bytes = 0;
  std::erase_if(drives, [&](const Drive& drive) {
    auto tries = socket.tries.find(key_of(drive));
    if (tries != socket.tries.end() && tries->second >= kMostTries) return true;
    bytes += BytesOf(drive);
    return bytes > kMostProbed;
  });
  if (drives.empty()) return {};
  std::vector<Probe> probes = MakeProbes(std::move(drives), [this] { return random_(); });
  host_.Expect(socket.target, probes);
  for (const Probe& probe : probes) ++socket.tries[key_of(probe.drive)];
  return probes;
}

void Keeper::Succeed(Socket& socket) {
  has_news_ = true;
  if (socket.failures >= kFailuresBeforeWord) spdlog::info("{}: QMP works now", socket.target.socket);
  socket.up = true;
  socket.error.clear();
  socket.failures = 0;
  socket.retry = milliseconds(0);
  // Many sockets are then due at once: one wake-up for all.
  Clock::duration check = (Clock::now() + pace_.check).time_since_epoch();
  socket.next = std::min(socket.next, Clock::time_point(check + pace_.look - check % pace_.look));
}

void Keeper::Fail(Socket& socket, const Failure& failure) {
  has_news_ = true;
  ++failures_[static_cast<size_t>(failure.reason)];
  bool is_soon_over = failure.reason == Reason::kUnreachable || failure.reason == Reason::kClosed;
  ++socket.failures;
  if (!is_soon_over) socket.failures = std::max(socket.failures, kFailuresBeforeWord);
  if (socket.failures >= kFailuresBeforeWord && socket.error != failure.message) {
    spdlog::warn("{}: {}; trying again, at least once a minute", socket.target.socket, failure.message);
    socket.error = failure.message;
  }
  socket.up = false;
  socket.retry = socket.retry == milliseconds(0) ? pace_.first_retry : std::min(2 * socket.retry, pace_.last_retry);
  socket.next = std::min(socket.next, Clock::now() + socket.retry);
  if (failure.nothing_listens) NoteGone(socket);
  if (!socket.is_leaving || !HasLeft(socket)) return;
  // One try is enough for what is no longer needed. A later process may have better luck.
  if (is_farewell_) {
    socket.leaves_at.reset();
  } else {
    socket.switches = Switches();
  }
}

// After the thread has ended.
void Keeper::SwitchOffAtExit() {
  constexpr milliseconds kWait{50};
  Clock::time_point now = Clock::now();
  Clock::time_point deadline = now + pace_.farewell;
  is_farewell_ = true;
  has_news_ = true;  // a conversation that is cut off may have switched events on
  talking_.clear();
  next_due_ = now;
  for (auto& [path, socket] : sockets_) {
    socket.talk.reset();
    socket.leaves_at.reset();
    if (socket.target.switch_off_at_exit) socket.leaves_at = now;
  }
  auto leaves = [](const auto& entry) { return entry.second.leaves_at.has_value(); };
  while (std::any_of(sockets_.begin(), sockets_.end(), leaves) && Clock::now() < deadline) {
    Connect(Clock::now());
    Await(Clock::now() + kWait);
    Talk();
  }
}

}  // namespace qte::qmp
