#include "http/transport.h"

#include <sys/socket.h>

#include <cerrno>

namespace qte::http {

Progress PlainTransport::Read(char* to, size_t size) {
  ssize_t n = ::recv(fd_, to, size, 0);
  if (n > 0) return Progress::Done(static_cast<size_t>(n));
  return n < 0 && IsForLater(errno) ? Progress::WantsToRead() : Progress::Ended();
}

Progress PlainTransport::Write(std::string_view bytes) {
  ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (n >= 0) return Progress::Done(static_cast<size_t>(n));
  return IsForLater(errno) ? Progress::WantsToWrite() : Progress::Ended();
}

void PlainTransport::Finish() {
  ::shutdown(fd_, SHUT_WR);
}

}  // namespace qte::http
