#include "http/front_door.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/thread_name.h"

namespace qte::http {
namespace {

using std::chrono::milliseconds;

constexpr rlim_t kMostVisitors = 2048;
constexpr rlim_t kLeastVisitors = 16;
constexpr int kMostTakenAtOnce = 64;
// How long a client has to be quiet before its place may be given to another.
constexpr milliseconds kQuietWhileAsking{50};
constexpr milliseconds kQuietWhileReading{250};
constexpr milliseconds kUntilRoom{10};         // to look again whether a client has been quiet for so long
constexpr milliseconds kUntilDescriptors{50};  // to look again whether there is one
constexpr milliseconds kTimeToStop{1000};

// Most descriptors are for trace logs: seven in eight, or all but 40. Half of the others are for clients.
size_t MostVisitors() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<size_t>(std::clamp<rlim_t>(limit.rlim_cur / 16, kLeastVisitors, kMostVisitors));
}

const char* PhraseOfError(int status) {
  switch (status) {
    case 500:
      return "internal error";
    case 501:
      return "this method is unknown";
    case 505:
      return "this version of HTTP is not supported";
    default:
      return "this is not a request";
  }
}

}  // namespace

FrontDoor::FrontDoor(std::vector<Listener> listeners, std::shared_ptr<Tls> tls, Backend& backend)
    : listeners_(std::move(listeners)),
      most_visitors_(MostVisitors()),
      wake_watch_(poller_.NewWatch()),
      pool_(backend, poller_, [this](Id id, BackendPool::Outcome outcome) { OnOutcome(id, std::move(outcome)); },
            [this] { return MakeRoom(); }),
      now_(Clock::now()),
      next_deadline_(Clock::time_point::max()),
      tls_(std::move(tls)) {
  poller_.Set(wake_.fd(), wake_watch_, EPOLLIN);
  for (const Listener& listener : listeners_) entrances_.push_back({listener, poller_.NewWatch()});
  Open();
  thread_ = std::thread([this] { Run(); });
}

FrontDoor::~FrontDoor() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.Set();
  thread_.join();
}

void FrontDoor::SetTls(std::shared_ptr<Tls> tls) {
  std::lock_guard lock(mutex_);
  tls_ = std::move(tls);
}

std::shared_ptr<Tls> FrontDoor::tls() {
  std::lock_guard lock(mutex_);
  return tls_;
}

bool FrontDoor::IsStopping() {
  std::lock_guard lock(mutex_);
  return stop_;
}

void FrontDoor::Run() {
  NameThread("front door");
  while (!is_stopping_ || !IsDone()) {
    poller_.Wait(WaitMillis(), [this](Id id) {
      now_ = Clock::now();
      OnReady(id);
    });
    now_ = Clock::now();
    EndWhoIsLate();
    if (!is_open_ && !is_stopping_ && now_ >= opens_at_) Open();
  }
}

int FrontDoor::WaitMillis() const {
  Clock::time_point until = next_deadline_;
  if (!is_open_ && !is_stopping_) until = std::min(until, opens_at_);
  if (is_stopping_) until = std::min(until, ends_at_);
  if (until == Clock::time_point::max()) return -1;
  const auto left = std::chrono::ceil<milliseconds>(until - Clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, 60000));
}

void FrontDoor::OnReady(Id id) {
  if (id == wake_watch_.id) {
    wake_.Clear();
    if (is_stopping_ || !IsStopping()) return;
    is_stopping_ = true;
    ends_at_ = now_ + kTimeToStop;
    CloseFor(kTimeToStop);
    return;
  }
  for (const Entrance& entrance : entrances_) {
    if (entrance.watch.id == id) return Accept(entrance.listener);
  }
  if (!pool_.OnReady(id)) Advance(id);
}

bool FrontDoor::IsDone() const {
  using Stage = Client::Stage;
  auto is_being_answered = [](const auto& entry) {
    Stage stage = entry.second.client.stage();
    return stage == Stage::kWhole || stage == Stage::kAsked || stage == Stage::kAnswer || stage == Stage::kLeaving;
  };
  return now_ >= ends_at_ || std::none_of(visitors_.begin(), visitors_.end(), is_being_answered);
}

void FrontDoor::Open() {
  is_open_ = true;
  for (Entrance& entrance : entrances_) poller_.Set(entrance.listener.fd(), entrance.watch, EPOLLIN);
}

// Connections wait in the kernel meanwhile.
void FrontDoor::CloseFor(milliseconds time) {
  is_open_ = false;
  opens_at_ = now_ + time;
  for (Entrance& entrance : entrances_) poller_.Set(entrance.listener.fd(), entrance.watch, 0);
}

void FrontDoor::Accept(const Listener& listener) {
  const std::shared_ptr<Tls> tls = this->tls();
  Client::MakeTransport accept_tls;
  if (tls != nullptr) accept_tls = [tls](int fd) { return tls->Accept(fd); };
  for (int i = 0; i < kMostTakenAtOnce && is_open_; ++i) {
    if (visitors_.size() >= most_visitors_ && !MakeRoom()) return CloseFor(kUntilRoom);
    sockaddr_storage name{};
    socklen_t size = sizeof name;
    UniqueFd fd(::accept4(listener.fd(), reinterpret_cast<sockaddr*>(&name), &size, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) {
      const bool lacks_descriptors = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
      if (lacks_descriptors && MakeRoom()) continue;
      return lacks_descriptors ? CloseFor(kUntilDescriptors) : void();
    }
    int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    Poller::Watch watch = poller_.NewWatch();
    visitors_.try_emplace(watch.id, Visitor{Client(std::move(fd), HostOf(name), accept_tls, now_), watch});
    Advance(watch.id);
  }
}

bool FrontDoor::MakeRoom() {
  std::vector<std::pair<Clock::time_point, Id>> quiet;
  for (const auto& [id, visitor] : visitors_) {
    const Client& client = visitor.client;
    const milliseconds least = client.stage() == Client::Stage::kAnswer ? kQuietWhileReading : kQuietWhileAsking;
    if (client.is_clients_turn() && now_ - client.quiet_since() >= least) quiet.emplace_back(client.quiet_since(), id);
  }
  const size_t count = std::min<size_t>(quiet.size(), kMostTakenAtOnce);
  std::partial_sort(quiet.begin(), quiet.begin() + static_cast<ptrdiff_t>(count), quiet.end());
  for (size_t i = 0; i < count; ++i) End(quiet[i].second);
  return count > 0;
}

void FrontDoor::Advance(Id id) {
  auto found = visitors_.find(id);
  if (found == visitors_.end()) return;
  auto& [client, watch] = found->second;
  const Answer* before = client.shared_answer();
  if (client.stage() == Client::Stage::kWhole || client.stage() == Client::Stage::kAsked) {
    return End(id);  // nothing is waited for but an end
  }
  client.Advance(now_);
  if (before != nullptr && client.shared_answer() == nullptr) held_.Remove(before);
  if (client.stage() == Client::Stage::kEnded) return End(id);
  poller_.Set(client.fd(), watch, client.interest());
  next_deadline_ = std::min(next_deadline_, client.deadline());
  if (client.stage() == Client::Stage::kWhole) pool_.Ask(id, client.TakeHead(), client.host());
}

void FrontDoor::OnOutcome(Id id, BackendPool::Outcome outcome) {
  auto found = visitors_.find(id);
  if (found == visitors_.end()) return;  // gone meanwhile
  Client& client = found->second.client;
  if (outcome.error != 0) {
    client.Refuse(outcome.error, PhraseOfError(outcome.error), now_);
  } else {
    client.Answer(std::move(outcome.reply), now_);
  }
  if (client.shared_answer() != nullptr) held_.Add(client.shared_answer());
  Advance(id);
  LimitHeldAnswers();
}

void FrontDoor::End(Id id) {
  auto found = visitors_.find(id);
  if (const Answer* answer = found->second.client.shared_answer()) held_.Remove(answer);
  visitors_.erase(found);
}

// Answers are made faster than an honest client reads one, so who reads keeps its own.
void FrontDoor::LimitHeldAnswers() {
  while (held_.are_too_many()) {
    const Answer* slowest = SlowestAnswer();
    if (slowest == nullptr) return;
    EndReadersOf(slowest);
  }
}

const Answer* FrontDoor::SlowestAnswer() const {
  std::unordered_map<const Answer*, double> speeds;
  for (const auto& [id, visitor] : visitors_) {
    const Answer* answer = visitor.client.shared_answer();
    if (answer == nullptr) continue;
    double& fastest = speeds[answer];
    fastest = std::max(fastest, visitor.client.ReadingSpeed(now_));
  }
  auto is_slower = [](const auto& a, const auto& b) { return a.second < b.second; };
  auto slowest = std::min_element(speeds.begin(), speeds.end(), is_slower);
  return slowest == speeds.end() ? nullptr : slowest->first;
}

void FrontDoor::EndReadersOf(const Answer* answer) {
  std::vector<Id> readers;
  for (const auto& [id, visitor] : visitors_) {
    if (visitor.client.shared_answer() == answer) readers.push_back(id);
  }
  for (Id id : readers) End(id);
}

void FrontDoor::EndWhoIsLate() {
  if (now_ < next_deadline_) return;
  std::vector<Id> late;
  next_deadline_ = Clock::time_point::max();
  for (const auto& [id, visitor] : visitors_) {
    const Clock::time_point deadline = visitor.client.deadline();
    if (deadline <= now_) {
      late.push_back(id);
    } else {
      next_deadline_ = std::min(next_deadline_, deadline);
    }
  }
  for (Id id : late) End(id);
}

}  // namespace qte::http
