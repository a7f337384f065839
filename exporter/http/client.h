// A client's connection, as the front door has it: what has come of a request, and what is still to be sent.
//
// It owns the socket and never waits for it. The front door decides when it continues and when it ends. It takes no thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/unique_fd.h"
#include "http/reply.h"
#include "http/transport.h"

namespace qte::http {

class Client {
 public:
  using Clock = std::chrono::steady_clock;
  using MakeTransport = std::function<std::unique_ptr<Transport>(int fd)>;

  enum class Stage {
    kNew,        // nothing has come
    kHandshake,  // of TLS
    kHead,       // of a request
    kWhole,      // the head is there, for TakeHead
    kAsked,      // its answer is being made
    kAnswer,     // is sent
    kLeaving,    // nothing more is sent; what still comes is thrown away, so that the client gets all of the answer
    kEnded,
  };

  // `accept_tls` makes the transport where TLS is to be spoken, and is empty otherwise.
  Client(UniqueFd fd, std::string host, MakeTransport accept_tls, Clock::time_point now);

  // Goes on as far as possible; for when the socket is ready.
  void Advance(Clock::time_point now);
  // The head of a request, in stage kWhole.
  std::string TakeHead();
  // In stage kAsked; Advance sends it.
  void Answer(Reply reply, Clock::time_point now);
  // A plain text of the front door's own, after which the connection ends.
  void Refuse(int status, const std::string& text, Clock::time_point now);

  Stage stage() const { return stage_; }
  int fd() const { return fd_.get(); }
  const std::string& host() const { return host_; }
  // What to wait for, as epoll names it.
  uint32_t interest() const;
  // When it has used up its time.
  Clock::time_point deadline() const;
  // Since when nothing has come or gone, while it is the client's turn.
  Clock::time_point quiet_since() const { return moved_at_; }
  bool is_clients_turn() const { return stage_ != Stage::kWhole && stage_ != Stage::kAsked && stage_ != Stage::kEnded; }
  // Bytes of the answer a second that the client has taken since it was there. The kernel's buffers, which fill for a
  // client that reads nothing, too, do not count for more than the first moments.
  double ReadingSpeed(Clock::time_point now) const;
  // What is sent of it and shared; null where nothing is.
  const http::Answer* shared_answer() const { return reply_.answer.get(); }

 private:
  void Begin();
  void ShakeHands(Clock::time_point now);
  void ReadHead(Clock::time_point now);
  void LookForHead(Clock::time_point now);
  void Send(Clock::time_point now);
  // False once nothing more can be sent for now.
  bool SendSome(std::string_view bytes, Clock::time_point now);
  void FinishAnswer(Clock::time_point now);
  void ThrowAway();
  void Enter(Stage stage, Clock::time_point now);
  // Notes what the transport waits for; ends where the connection has ended.
  void Await(Progress::State state);

  UniqueFd fd_;
  const std::string host_;
  MakeTransport accept_tls_;
  std::unique_ptr<Transport> transport_;
  Stage stage_ = Stage::kNew;
  bool wants_to_write_ = false;  // what it waits for; otherwise it waits for something to read
  bool was_answered_ = false;    // the connection has served a request
  std::string received_;
  size_t head_size_ = 0;  // of the whole request at the beginning of received_
  Reply reply_;
  size_t sent_ = 0;  // of the reply's head and body
  Clock::time_point entered_at_;
  Clock::time_point moved_at_;
};

}  // namespace qte::http
