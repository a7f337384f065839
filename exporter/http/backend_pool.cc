#include "http/backend_pool.h"

#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>
#include <utility>

#include "http/transport.h"

namespace qte::http {
namespace {

constexpr int kBadRequest = 400;
constexpr int kServerError = 500;

// The status of what CivetWeb says of a request that it cannot parse.
int StatusOf(std::string_view answer) {
  constexpr size_t kAt = std::string_view("HTTP/1.1 ").size();
  constexpr size_t kDigits = 3;
  int status = 0;
  if (answer.size() >= kAt + kDigits) std::from_chars(answer.data() + kAt, answer.data() + kAt + kDigits, status);
  return status >= kBadRequest ? status : kBadRequest;
}

// Each takes two descriptors, since CivetWeb is in this process. They are a quarter of those that are not for trace logs.
size_t MostLinks() {
  constexpr rlim_t kLeast = 4;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<size_t>(std::clamp<rlim_t>(limit.rlim_cur / 64, kLeast, Backend::kThreads));
}

}  // namespace

BackendPool::BackendPool(Backend& backend, Poller& poller, OnOutcome on_outcome, std::function<bool()> make_room)
    : backend_(backend),
      poller_(poller),
      on_outcome_(std::move(on_outcome)),
      make_room_(std::move(make_room)),
      most_links_(MostLinks()) {}

void BackendPool::Ask(Id client, std::string head, std::string address) {
  waiting_.push_back({client, std::move(head), std::move(address), false});
  AskNext();
}

void BackendPool::AskNext() {
  while (!waiting_.empty()) {
    Link* link = FreeLink();
    if (link == nullptr) return;
    Request request = std::move(waiting_.front());
    waiting_.pop_front();
    Begin(*link, std::move(request));
  }
}

Result<Backend::Connection> BackendPool::Connect() const {
  Result<Backend::Connection> connection = backend_.Connect();
  if (connection || !links_.empty() || !make_room_()) return connection;
  return backend_.Connect();
}

// Null while all are busy. Without a descriptor for a new one, the busy ones have to do; without any, none will come.
BackendPool::Link* BackendPool::FreeLink() {
  for (auto& [id, link] : links_) {
    if (link.exchange == nullptr) return &link;
  }
  if (links_.size() >= most_links_) return nullptr;
  Result<Backend::Connection> connection = Connect();
  if (connection) {
    Poller::Watch watch = poller_.NewWatch();
    auto [at, inserted] = links_.try_emplace(watch.id, Link{std::move(*connection), watch, {}, nullptr, "", "", false});
    return &at->second;
  }
  while (links_.empty() && !waiting_.empty()) {
    on_outcome_(waiting_.front().client, {{}, kServerError});
    waiting_.pop_front();
  }
  return nullptr;
}

void BackendPool::Begin(Link& link, Request request) {
  link.exchange = std::make_shared<Exchange>();
  link.exchange->client = request.address;
  link.to_send = backend_.Announce(request.head, link.exchange);
  link.request = std::move(request);
  link.received.clear();
  Send(link);
}

void BackendPool::Send(Link& link) {
  while (!link.to_send.empty()) {
    ssize_t n = ::send(link.connection.fd(), link.to_send.data(), link.to_send.size(), MSG_NOSIGNAL);
    if (n < 0) break;  // for later, or an end that reading tells
    link.to_send.erase(0, static_cast<size_t>(n));
  }
  poller_.Set(link.connection.fd(), link.watch, link.to_send.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT);
}

bool BackendPool::Receive(Link& link) {
  std::array<char, 1024> chunk;
  while (true) {
    ssize_t n = ::recv(link.connection.fd(), chunk.data(), chunk.size(), 0);
    if (n <= 0) return n < 0 && (IsForLater(errno) || errno == ENOTCONN);
    link.received.append(chunk.data(), static_cast<size_t>(n));
  }
}

bool BackendPool::OnReady(Id id) {
  auto found = links_.find(id);
  if (found == links_.end()) return false;
  Link& link = found->second;
  Send(link);
  const bool is_open = Receive(link);
  const bool is_answered = link.exchange != nullptr && link.exchange->answered.load(std::memory_order_acquire);
  if (is_answered && (!is_open || link.received.ends_with("\r\n\r\n"))) {
    Finish(link, is_open);
  } else if (!is_open) {
    Lose(link);
  }
  AskNext();
  return true;
}

// CivetWeb closes a connection whose request did not ask to keep it, and says so only by doing it.
void BackendPool::Finish(Link& link, bool is_open) {
  Outcome outcome{std::move(link.exchange->reply), 0};
  if (outcome.reply.head.empty()) outcome.error = kServerError;
  const Id client = link.request.client;
  link.exchange.reset();
  link.has_served = true;
  if (!is_open || !outcome.reply.keeps_alive) links_.erase(link.watch.id);
  on_outcome_(client, std::move(outcome));
}

// Where CivetWeb ended a connection that had served before, it may not have seen the request.
void BackendPool::Lose(Link& link) {
  std::shared_ptr<Exchange> exchange = std::move(link.exchange);
  Request request = std::move(link.request);
  const bool may_try_again = link.has_served && link.received.empty() && !request.is_second_try;
  const int status = StatusOf(link.received);
  links_.erase(link.watch.id);
  if (exchange == nullptr) return;
  backend_.Forget(*exchange);
  if (may_try_again && !exchange->answered.load(std::memory_order_acquire)) {
    request.is_second_try = true;
    waiting_.push_front(std::move(request));
  } else {
    on_outcome_(request.client, {{}, status});
  }
}

}  // namespace qte::http
