// How a FIFO's end is told from its idleness. read() gives 0 when there is no writer, whether none came yet or
// all have gone; poll() shows POLLHUP only in the second case, and keeps showing it, which would make waiting a busy
// loop. So once the last writer is gone a fresh read end, which has no POLLHUP, takes the place of the old one. It is
// opened before the old one is closed: the pipe, and what a next writer already put there, lives on.

#include "source/pipe.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>

namespace qte::source {
namespace {

using Kind = Reading::Kind;

// The largest pipe an unprivileged process may have by default. A full pipe stalls the guest.
constexpr int kPipeBytes = 1 << 20;
// Writers that leave a byte each must not make this list larger than the bytes.
constexpr size_t kMaxWriterEnds = 4096;

short PollNow(int fd) {
  pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&entry, 1, 0) > 0 ? entry.revents : short{0};
}

// To what it has then: a smaller pipe serves as well.
size_t Enlarge(int pipe) {
  ::fcntl(pipe, F_SETPIPE_SZ, kPipeBytes);
  int bytes = ::fcntl(pipe, F_GETPIPE_SZ);
  return bytes > 0 ? static_cast<size_t>(bytes) : 64 * 1024;
}

uint64_t BytesWaiting(int fd) {
  int waiting = 0;
  return ::ioctl(fd, FIONREAD, &waiting) == 0 && waiting > 0 ? static_cast<uint64_t>(waiting) : 0;
}

}  // namespace

UniqueFd OpenPipeAgain(int pipe) {
  return UniqueFd(
      ::open(("/proc/self/fd/" + std::to_string(pipe)).c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
}

Pipe::Pipe(UniqueFd input, WithoutWriter without_writer, ChunkPool& pool, Sleeper& reader)
    : without_writer_(without_writer),
      pool_(pool),
      reader_(reader),
      capacity_(Enlarge(input.get())) {
  blocks_ = (::fcntl(input.get(), F_GETFL) & O_NONBLOCK) == 0;
  input_ = std::move(input);
}

Pipe::~Pipe() {
  Close();
}

void Pipe::Close() {
  std::lock_guard lock(mutex_);
  input_.Reset();
  reader_.Wake();
  pool_.buffered_bytes -= read_ - offset_;
  read_ = offset_;
  if (current_) pool_.Return(std::move(current_));
  for (Chunk& chunk : chunks_) pool_.Return(std::move(chunk));
  chunks_.clear();
}

Pipe::Look Pipe::ReadAhead(Chunk& scratch) {
  std::lock_guard lock(mutex_);
  if (!input_ || has_ended_ || has_failed_) return Look::kNothing;
  if (LeaveToIngest()) return Look::kLittle;
  bool may_grow = MayGrow();
  size_t tail_room = TailRoom();
  has_no_room_ = !may_grow && tail_room == 0 && PollNow(input_.get()) != 0;
  if (has_no_room_) return Look::kNoRoom;
  if (!may_grow && tail_room == 0) return Look::kNothing;
  if (!scratch) scratch = pool_.Fresh();
  std::array<iovec, 2> places = {iovec{tail_room > 0 ? chunks_.back().back() : nullptr, tail_room},
                                 iovec{scratch.back(), may_grow ? scratch.room() : 0}};
  uint64_t before = read_;
  Kind kind = scratch ? Read(places).kind : Kind::kFailed;
  size_t n = read_ - before;
  if (kind == Kind::kBytes) Keep(n, scratch);
  if (kind == Kind::kWriterEnded && (writer_ends_.empty() || writer_ends_.back() != read_)) {
    writer_ends_.push_back(read_);
  }
  has_failed_ = kind == Kind::kFailed;
  if (kind != Kind::kAtEnd) SetReady(true);
  if (kind == Kind::kAtEnd) return Look::kNothing;
  return n >= kMuchOfPipe ? Look::kMuch : Look::kLittle;
}

// As long as the ingest thread keeps up, it better reads for itself: on one core's cache, and without a third thread at
// the pipe. It is late if it has taken nothing since the last look, or leaves more than half of what the pipe can hold.
bool Pipe::LeaveToIngest() {
  uint64_t waiting = IsEmpty() ? BytesWaiting(input_.get()) : 0;
  bool is_late = waiting > capacity_ / 2 || left_at_ == offset_;
  if (waiting == 0 || is_late) {
    left_at_.reset();
    return false;
  }
  left_at_ = offset_;
  SetReady(true);
  return true;
}

int Pipe::awaited_fd() const {
  std::lock_guard lock(mutex_);
  return has_ended_ || has_failed_ || has_no_room_ ? -1 : input_.get();
}

// Without another chunk what is left of the last one may still be filled.
bool Pipe::MayGrow() {
  if (writer_ends_.size() < kMaxWriterEnds) return pool_.HasRoom(chunks_.size() + (current_ ? 1 : 0));
  pool_.AwaitReturn();
  return false;
}

size_t Pipe::TailRoom() const {
  return chunks_.empty() || writer_ends_.size() >= kMaxWriterEnds ? 0 : chunks_.back().room();
}

// Bytes that were read into the room of the last chunk, and from there into the scratch chunk, which is handed over.
void Pipe::Keep(size_t n, Chunk& scratch) {
  size_t in_tail = std::min(n, TailRoom());
  if (in_tail > 0) chunks_.back().end += in_tail;
  if (n > in_tail) {
    scratch.end = n - in_tail;
    chunks_.push_back(pool_.Exchange(scratch));
  }
  pool_.buffered_bytes += n;
}

Reading Pipe::Next(std::span<char> buffer) {
  std::lock_guard lock(mutex_);
  if (current_ && current_.size() == 0) pool_.Return(std::exchange(current_, {}));
  Reading reading = IsEmpty() && !has_ended_ ? ReadHere(buffer) : TakeBuffered();
  SetReady(!IsEmpty() || has_ended_);
  return reading;
}

Reading Pipe::ReadHere(std::span<char> buffer) {
  iovec place{buffer.data(), buffer.size()};
  Reading reading = Read({&place, 1});
  offset_ = read_;
  if (has_failed_ && reading.kind != Kind::kFailed) {
    has_failed_ = false;
    reader_.Wake();
  }
  return reading;
}

Reading Pipe::TakeBuffered() {
  if (!writer_ends_.empty() && writer_ends_.front() == offset_) {
    writer_ends_.pop_front();
    return Reading::Of(Kind::kWriterEnded);
  }
  if (offset_ == read_) return Reading::Of(Kind::kEnded);
  if (!current_) {
    current_ = std::move(chunks_.front());
    chunks_.pop_front();
  }
  uint64_t end = writer_ends_.empty() ? read_ : writer_ends_.front();
  std::string_view bytes = current_.Take(end - offset_);
  offset_ += bytes.size();
  pool_.buffered_bytes -= bytes.size();
  return Reading::Bytes(bytes);
}

// Bytes go where there is room, in order; the reading shows those at the first place.
Reading Pipe::Read(std::span<const iovec> places) {
  if (blocks_ && PollNow(input_.get()) == 0) return {};
  ssize_t n = ::readv(input_.get(), places.data(), static_cast<int>(places.size()));
  if (n == 0) return NoWriter();
  if (n < 0) {
    if (errno != EAGAIN && errno != EINTR) return Reading::Failed("cannot read");
    has_writer_ = true;
    return {};
  }
  has_writer_ = true;
  read_from_writer_ = true;
  read_ += static_cast<uint64_t>(n);
  return Reading::Bytes({static_cast<const char*>(places[0].iov_base), std::min<size_t>(n, places[0].iov_len)});
}

Reading Pipe::NoWriter() {
  has_writer_ = false;
  if (without_writer_ == WithoutWriter::kEnded) {
    has_ended_ = true;
    return Reading::Of(Kind::kEnded);
  }
  if (!read_from_writer_ && (PollNow(input_.get()) & POLLHUP) == 0) return {};
  UniqueFd fresh = OpenPipeAgain(input_.get());
  if (!fresh) return Reading::Failed("cannot open the FIFO again for its next writer");
  input_ = std::move(fresh);
  Enlarge(input_.get());
  read_from_writer_ = false;
  reader_.Wake();  // it may be waiting for the old one
  return Reading::Of(Kind::kWriterEnded);
}

void Pipe::SetReady(bool ready) {
  if (ready == is_ready_) return;
  is_ready_ = ready;
  if (ready) {
    ready_.Set();
  } else {
    ready_.Clear();
  }
}

uint64_t Pipe::Pending() const {
  std::lock_guard lock(mutex_);
  return read_ - offset_ + BytesWaiting(input_.get());
}

uint64_t Pipe::links() const {
  std::lock_guard lock(mutex_);
  struct stat status;
  return ::fstat(input_.get(), &status) == 0 ? status.st_nlink : 0;
}

bool Pipe::has_writer() const {
  std::lock_guard lock(mutex_);
  return has_writer_;
}

bool Pipe::has_more() const {
  std::lock_guard lock(mutex_);
  return !IsEmpty();
}

}  // namespace qte::source
