#include "source/pipe_follower.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace qte::source {
namespace {

// The same pipe as another open file, which can be non-blocking without the other processes' being so. Where that is
// refused (the pipe is another user's) the same open file: a read that finds bytes does not block.
UniqueFd OpenForUs(int input) {
  UniqueFd again = OpenPipeAgain(input);
  return again ? std::move(again) : UniqueFd(::fcntl(input, F_DUPFD_CLOEXEC, 0));
}

}  // namespace

Reading StdinFollower::Next(std::span<char> buffer) {
  pollfd entry{.fd = input_, .events = POLLIN, .revents = 0};
  if (::poll(&entry, 1, 0) <= 0) return {};
  if (entry.revents & POLLNVAL) return Reading::Of(Reading::Kind::kEnded);
  ssize_t n = ::read(input_, buffer.data(), buffer.size());
  if (n == 0) return Reading::Of(Reading::Kind::kEnded);
  if (n < 0) return Reading::Failed("cannot read standard input");
  offset_ += static_cast<uint64_t>(n);
  return Reading::Bytes({buffer.data(), static_cast<size_t>(n)});
}

uint64_t StdinFollower::Pending() const {
  int waiting = 0;
  return ::ioctl(input_, FIONREAD, &waiting) == 0 && waiting > 0 ? static_cast<uint64_t>(waiting) : 0;
}

std::unique_ptr<Follower> FollowFifo(PipeReader& reader, UniqueFd fifo) {
  return std::make_unique<PipeFollower>(reader, reader.Add(std::move(fifo), Pipe::WithoutWriter::kNextMayCome));
}

std::unique_ptr<Follower> FollowPipe(PipeReader& reader, UniqueFd pipe) {
  return std::make_unique<PipeFollower>(reader, reader.Add(std::move(pipe), Pipe::WithoutWriter::kEnded));
}

std::unique_ptr<Follower> FollowStdin(PipeReader& reader, int input) {
  struct stat status;
  bool is_pipe = ::fstat(input, &status) == 0 && S_ISFIFO(status.st_mode);
  if (!is_pipe) return std::make_unique<StdinFollower>(input);
  return std::make_unique<PipeFollower>(reader, reader.Add(OpenForUs(input), Pipe::WithoutWriter::kEnded));
}

}  // namespace qte::source
