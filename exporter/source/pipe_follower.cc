// How a FIFO's end is told from its idleness. read() gives 0 when there is no writer, be it that none came yet or that
// all have gone; poll() shows POLLHUP only in the second case, and goes on showing it, which would make waiting a busy
// loop. So once the last writer is gone a fresh read end, which has no POLLHUP, takes the place of the old one. It is
// opened before the old one is closed: the pipe, and what a next writer already put there, lives on.

#include "source/pipe_follower.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace qte::source {
namespace {

// The largest pipe an unprivileged process may have by default. A full pipe stalls the guest.
constexpr int kPipeBytes = 1 << 20;

short PollNow(int fd) {
  pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&entry, 1, 0) > 0 ? entry.revents : short{0};
}

uint64_t BytesWaiting(int fd) {
  int waiting = 0;
  return ::ioctl(fd, FIONREAD, &waiting) == 0 && waiting > 0 ? static_cast<uint64_t>(waiting) : 0;
}

// The same FIFO, even if its name is gone or stands for another one by now.
UniqueFd OpenAgain(int fifo) {
  return UniqueFd(
      ::open(("/proc/self/fd/" + std::to_string(fifo)).c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
}

}  // namespace

FifoFollower::FifoFollower(UniqueFd fifo) : fifo_(std::move(fifo)) {
  ::fcntl(fifo_.get(), F_SETPIPE_SZ, kPipeBytes);  // a smaller pipe serves as well
}

Reading FifoFollower::Next(std::span<char> buffer) {
  ssize_t n = ::read(fifo_.get(), buffer.data(), buffer.size());
  if (n == 0) return NoWriter();
  if (n < 0) {
    if (errno != EAGAIN && errno != EINTR) return Reading::Failed("cannot read");
    has_writer_ = true;
    return {};
  }
  has_writer_ = true;
  read_from_writer_ = true;
  offset_ += static_cast<uint64_t>(n);
  return Reading::Bytes({buffer.data(), static_cast<size_t>(n)});
}

Reading FifoFollower::NoWriter() {
  has_writer_ = false;
  if (!read_from_writer_ && (PollNow(fifo_.get()) & POLLHUP) == 0) return {};
  UniqueFd fresh = OpenAgain(fifo_.get());
  if (!fresh) return Reading::Failed("cannot open the FIFO again for its next writer");
  fifo_ = std::move(fresh);
  read_from_writer_ = false;
  ::fcntl(fifo_.get(), F_SETPIPE_SZ, kPipeBytes);
  return Reading::Of(Reading::Kind::kWriterEnded);
}

uint64_t FifoFollower::Pending() const {
  return BytesWaiting(fifo_.get());
}

uint64_t FifoFollower::links() const {
  struct stat status;
  return ::fstat(fifo_.get(), &status) == 0 ? status.st_nlink : 0;
}

Reading StdinFollower::Next(std::span<char> buffer) {
  short ready = PollNow(input_);
  if (ready == 0) return {};
  if (ready & POLLNVAL) return Reading::Of(Reading::Kind::kEnded);
  ssize_t n = ::read(input_, buffer.data(), buffer.size());
  if (n == 0) return Reading::Of(Reading::Kind::kEnded);
  if (n < 0) return Reading::Failed("cannot read standard input");
  offset_ += static_cast<uint64_t>(n);
  return Reading::Bytes({buffer.data(), static_cast<size_t>(n)});
}

uint64_t StdinFollower::Pending() const {
  return BytesWaiting(input_);
}

}  // namespace qte::source
