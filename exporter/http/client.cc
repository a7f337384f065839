#include "http/client.h"

#include <linux/sockios.h>
#include <spdlog/fmt/fmt.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "http/backend.h"

namespace qte::http {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kTimeForHead{5000};     // and for TLS's handshake
constexpr milliseconds kIdleTime{60000};       // between two requests
constexpr milliseconds kTimeForLeaving{1000};  // to read what was sent
// To read the answer: this long, and what a slow network needs.
constexpr milliseconds kTimeForAnswer{5000};
constexpr double kLeastBytesPerSecond = 16e3;

constexpr size_t kMostHeadBytes = Backend::kMostHeadBytes - 64;  // the front door adds a header
constexpr size_t kChunk = 4096;
constexpr size_t kMostCopied = 16384;  // a body that goes out with the head in one piece
constexpr size_t kMostAtOnce = size_t{1} << 20;

constexpr char kTlsHandshake = 22;  // the first byte of TLS
constexpr int kBadRequest = 400;
constexpr int kHeadTooLarge = 431;

const char* PhraseOf(int status) {
  switch (status) {
    case kBadRequest:
      return "Bad Request";
    case kHeadTooLarge:
      return "Request Header Fields Too Large";
    default:
      return "Error";
  }
}

// The size of a head that is whole, as CivetWeb sees it; 0 while it is not.
size_t HeadSize(std::string_view text) {
  for (std::string_view end : {"\r\n\r\n", "\n\n"}) {
    size_t at = text.find(end);
    if (at != std::string_view::npos) text = text.substr(0, at + end.size());
  }
  bool is_whole = text.ends_with("\r\n\r\n") || text.ends_with("\n\n");
  return is_whole ? text.size() : 0;
}

bool IsLineEnd(char c) {
  return c == '\r' || c == '\n';
}

// What no head of a request has, so that it need not be waited for.
bool IsForeign(char c) {
  return (c >= 0 && c < ' ' && !IsLineEnd(c) && c != '\t') || c == 127;
}

}  // namespace

Client::Client(UniqueFd fd, std::string host, MakeTransport accept_tls, Clock::time_point now)
    : fd_(std::move(fd)), host_(std::move(host)), accept_tls_(std::move(accept_tls)), entered_at_(now), moved_at_(now) {
  if (!accept_tls_) {
    transport_ = std::make_unique<PlainTransport>(fd_.get());
    stage_ = Stage::kHead;
  }
}

double Client::ReadingSpeed(Clock::time_point now) const {
  constexpr milliseconds kFirstMoments{10};
  int queued = 0;
  ::ioctl(fd_.get(), SIOCOUTQ, &queued);
  const size_t taken = sent_ - std::min(sent_, static_cast<size_t>(queued));
  return static_cast<double>(taken) / std::chrono::duration<double>(now - entered_at_ + kFirstMoments).count();
}

void Client::Enter(Stage stage, Clock::time_point now) {
  stage_ = stage;
  entered_at_ = moved_at_ = now;
  wants_to_write_ = stage == Stage::kAnswer;
}

void Client::Await(Progress::State state) {
  if (state == Progress::State::kEnded) stage_ = Stage::kEnded;
  wants_to_write_ = state == Progress::State::kWantsToWrite;
}

void Client::Advance(Clock::time_point now) {
  if (stage_ == Stage::kNew) Begin();
  if (stage_ == Stage::kHandshake) ShakeHands(now);
  if (stage_ == Stage::kHead) ReadHead(now);
  if (stage_ == Stage::kAnswer) Send(now);
  if (stage_ == Stage::kHead && was_answered_) ReadHead(now);  // TLS may hold a request that the socket no longer tells
  if (stage_ == Stage::kLeaving) ThrowAway();
}

// Memory for TLS is taken only when a client begins to speak it; a client that speaks plain HTTP is told what to do.
void Client::Begin() {
  char first = 0;
  ssize_t n = ::recv(fd_.get(), &first, 1, MSG_PEEK);
  if (n < 0 && IsForLater(errno)) return;
  if (n <= 0) {
    stage_ = Stage::kEnded;
  } else if (first == kTlsHandshake) {
    transport_ = accept_tls_(fd_.get());
    stage_ = Stage::kHandshake;
  } else {
    transport_ = std::make_unique<PlainTransport>(fd_.get());
    Refuse(kBadRequest, "this server speaks TLS: use https://", Clock::now());
  }
}

void Client::ShakeHands(Clock::time_point now) {
  Progress progress = transport_->Handshake();
  moved_at_ = now;
  if (progress.state != Progress::State::kDone) return Await(progress.state);
  stage_ = Stage::kHead;  // in the time that the handshake has left
  wants_to_write_ = false;
}

void Client::ReadHead(Clock::time_point now) {
  std::array<char, kChunk> chunk;
  while (stage_ == Stage::kHead) {
    Progress progress = transport_->Read(chunk.data(), chunk.size());
    if (progress.state != Progress::State::kDone) return Await(progress.state);
    if (received_.empty() && was_answered_) entered_at_ = now;  // no longer idle
    moved_at_ = now;
    received_.append(chunk.data(), progress.bytes);
    LookForHead(now);
  }
}

void Client::LookForHead(Clock::time_point now) {
  // Empty lines before a request mean nothing.
  received_.erase(0, static_cast<size_t>(std::find_if_not(received_.begin(), received_.end(), IsLineEnd) - received_.begin()));
  head_size_ = HeadSize(received_);
  const auto end = received_.begin() + static_cast<ptrdiff_t>(head_size_ > 0 ? head_size_ : received_.size());
  if (std::any_of(received_.begin(), end, IsForeign)) {
    const bool is_tls = received_.front() == kTlsHandshake;
    Refuse(kBadRequest, is_tls ? "this server does not speak TLS: use http://" : "this is not a request", now);
  } else if (head_size_ > kMostHeadBytes || (head_size_ == 0 && received_.size() > kMostHeadBytes)) {
    Refuse(kHeadTooLarge, "the head of the request is too large", now);
  } else if (head_size_ > 0) {
    Enter(Stage::kWhole, now);
  }
}

std::string Client::TakeHead() {
  std::string head = received_.substr(0, head_size_);
  received_.erase(0, head_size_);
  if (received_.empty()) received_.shrink_to_fit();
  stage_ = Stage::kAsked;
  return head;
}

void Client::Answer(Reply reply, Clock::time_point now) {
  reply_ = std::move(reply);
  if (reply_.body.size() <= kMostCopied) {
    reply_.head += reply_.body;
    reply_.body = {};
    reply_.answer.reset();
  }
  sent_ = 0;
  Enter(Stage::kAnswer, now);
}

void Client::Refuse(int status, const std::string& text, Clock::time_point now) {
  Reply reply;
  reply.head = fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}\n",
      status, PhraseOf(status), text.size() + 1, text);
  Answer(std::move(reply), now);
}

void Client::Send(Clock::time_point now) {
  const size_t most = sent_ + kMostAtOnce;  // then others have a turn
  while (stage_ == Stage::kAnswer && sent_ < most) {
    std::string_view head = reply_.head;
    if (sent_ < head.size()) {
      if (!SendSome(head.substr(sent_), now)) return;
    } else if (sent_ - head.size() < reply_.body.size()) {
      if (!SendSome(reply_.body.substr(sent_ - head.size(), kMostAtOnce), now)) return;
    } else {
      FinishAnswer(now);
    }
  }
}

bool Client::SendSome(std::string_view bytes, Clock::time_point now) {
  Progress progress = transport_->Write(bytes);
  if (progress.state != Progress::State::kDone) {
    Await(progress.state);
    return false;
  }
  sent_ += progress.bytes;
  moved_at_ = now;
  return true;
}

void Client::FinishAnswer(Clock::time_point now) {
  const bool keeps_alive = reply_.keeps_alive;
  reply_ = {};
  was_answered_ = true;
  if (!keeps_alive) {
    transport_->Finish();
    return Enter(Stage::kLeaving, now);
  }
  Enter(Stage::kHead, now);
  if (!received_.empty()) LookForHead(now);  // a request that came right behind
}

// Closing while something is unread would make the kernel take back what was sent.
void Client::ThrowAway() {
  std::array<char, kChunk> chunk;
  for (size_t all = 0; all < kMostAtOnce;) {
    ssize_t n = ::recv(fd_.get(), chunk.data(), chunk.size(), 0);
    if (n < 0 && IsForLater(errno)) return;
    if (n <= 0) {
      stage_ = Stage::kEnded;
      return;
    }
    all += static_cast<size_t>(n);
  }
}

uint32_t Client::interest() const {
  switch (stage_) {
    case Stage::kWhole:
    case Stage::kAsked:
    case Stage::kEnded:
      return 0;
    default:
      return wants_to_write_ ? EPOLLOUT : EPOLLIN;
  }
}

Client::Clock::time_point Client::deadline() const {
  switch (stage_) {
    case Stage::kWhole:
    case Stage::kAsked:
    case Stage::kEnded:
      return Clock::time_point::max();
    case Stage::kLeaving:
      return entered_at_ + kTimeForLeaving;
    case Stage::kAnswer: {
      std::chrono::duration<double> at_least_rate(static_cast<double>(sent_) / kLeastBytesPerSecond);
      return entered_at_ + kTimeForAnswer + std::chrono::duration_cast<Clock::duration>(at_least_rate);
    }
    default:
      return entered_at_ + (was_answered_ && received_.empty() ? kIdleTime : kTimeForHead);
  }
}

}  // namespace qte::http
