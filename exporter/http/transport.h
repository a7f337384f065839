// How bytes pass between the front door and a client: as they are, or through TLS (tls.h). Nothing here ever waits.
#pragma once

#include <sys/types.h>

#include <cerrno>
#include <cstddef>
#include <string_view>

namespace qte::http {

// What a call has done, or what has to happen before it can do more.
struct Progress {
  enum class State { kDone, kWantsToRead, kWantsToWrite, kEnded };
  State state = State::kDone;
  size_t bytes = 0;  // with kDone

  static Progress Done(size_t bytes) { return {State::kDone, bytes}; }
  static Progress WantsToRead() { return {State::kWantsToRead, 0}; }
  static Progress WantsToWrite() { return {State::kWantsToWrite, 0}; }
  static Progress Ended() { return {State::kEnded, 0}; }
};

// True for an errno that means that there is nothing to do yet.
inline bool IsForLater(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

class Transport {
 public:
  virtual ~Transport() = default;
  // Before anything else, until it is done.
  virtual Progress Handshake() { return Progress::Done(0); }
  // At least one byte of what the client has sent. kEnded: it sends no more, or the connection is broken.
  virtual Progress Read(char* to, size_t size) = 0;
  // Some of the bytes. After kWants... the same bytes have to come again.
  virtual Progress Write(std::string_view bytes) = 0;
  // Tells the client that no more will come.
  virtual void Finish() = 0;
};

class PlainTransport final : public Transport {
 public:
  explicit PlainTransport(int fd) : fd_(fd) {}
  Progress Read(char* to, size_t size) override;
  Progress Write(std::string_view bytes) override;
  void Finish() override;

 private:
  const int fd_;
};

}  // namespace qte::http
