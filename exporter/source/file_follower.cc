#include "source/file_follower.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "base/content.h"

namespace qte::source {
namespace {

bool EndsLine(int file, uint64_t offset) {
  char before = '\n';
  return offset == 0 || ::pread(file, &before, 1, static_cast<off_t>(offset - 1)) != 1 || before == '\n';
}

int64_t Nanoseconds(const timespec& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// The tick by which the kernel stamps files, or would, if it were not for finer stamps since Linux 6.13.
timespec CoarseNow() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return now;
}

bool IsSameTime(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

// What is there of the first `size` bytes, in `buffer`.
std::string_view ReadHead(int file, uint32_t size, std::array<char, kHeadBytes>& buffer) {
  ssize_t n = ::pread(file, buffer.data(), size, 0);
  return {buffer.data(), static_cast<size_t>(std::max<ssize_t>(n, 0))};
}

// `tail` is what the file holds before the offset.
bool IsSame(int file, const Fingerprint& known, std::string_view tail) {
  if (known.tail_size > 0 && !known.IsTail(tail)) return false;
  if (known.head_size == 0) return true;
  std::array<char, kHeadBytes> buffer;
  std::string_view head = ReadHead(file, known.head_size, buffer);
  return head.size() == known.head_size && known.IsHead(head);
}

}  // namespace

FileFollower::FileFollower(UniqueFd file, const FilePoint& point) : file_(std::move(file)), point_(point) {}

std::unique_ptr<FileFollower> FileFollower::StartingAt(UniqueFd file, uint64_t start) {
  auto follower = std::make_unique<FileFollower>(std::move(file));
  struct stat status;
  if (::fstat(follower->fd(), &status) != 0) return follower;  // Next() will say why
  follower->point_.known_size = static_cast<uint64_t>(status.st_size);
  if (start > follower->point_.known_size) return follower;
  follower->point_.offset = start;
  follower->point_.has_data = start > 0;
  follower->skipping_partial_ = !EndsLine(follower->fd(), start);
  return follower;
}

Reading FileFollower::Next(std::span<char> buffer) {
  const int64_t looked_at = Nanoseconds(CoarseNow());  // before the file is, so that later changes are later
  struct stat status;
  if (::fstat(file_.get(), &status) != 0) return Reading::Failed("cannot look at the file");
  auto size = static_cast<uint64_t>(status.st_size);
  if (size < point_.offset) return StartOver(size);
  if (size == point_.offset && settled_ && IsSameTime(*settled_, status.st_ctim)) return {};
  if (!refusal_.empty() && IsSameTime(refused_at_, status.st_ctim)) return Reading::Refused(refusal_);

  size_t tail_size = point_.fingerprint.tail_size;
  size_t most = buffer.size() - kTailBytes + tail_size;
  ssize_t n = ::pread(file_.get(), buffer.data(), most, static_cast<off_t>(point_.offset - tail_size));
  if (n < 0) return Reading::Failed("cannot read");
  std::string_view got(buffer.data(), static_cast<size_t>(n));
  if (got.size() < tail_size) return {};  // truncated since fstat: the next look sees it
  // After reading, so that what was read is what was looked at.
  if (!IsSame(file_.get(), point_.fingerprint, got.substr(0, tail_size))) return StartOver(size);
  if (point_.offset == 0) {
    refusal_ = RefusalOf(ContentOf(got));
    refused_at_ = status.st_ctim;
    if (!refusal_.empty()) return Reading::Refused(refusal_);
  }
  point_.known_size = std::max(point_.known_size, size);
  settled_.reset();
  if (got.size() == tail_size) {
    if (size == point_.offset) Settle(status.st_ctim, looked_at);
    return {};
  }
  std::string_view bytes = got.substr(tail_size);
  Advance(got);
  // Only a hole or a file of another kind holds NULs.
  if (bytes.front() == '\0') return WithoutNuls(bytes);
  point_.has_data = true;
  return Reading::Bytes(WithoutPartialLine(bytes));
}

// Files are stamped by a clock of some milliseconds: only where that has gone on since will a change be told by another
// stamp. File systems that count seconds have no nanoseconds, and are not trusted.
void FileFollower::Settle(const timespec& changed, int64_t looked_at) {
  constexpr int64_t kTickNs = 20'000'000;
  if (changed.tv_nsec != 0 && Nanoseconds(changed) < looked_at - kTickNs) settled_ = changed;
}

uint64_t FileFollower::Pending() const {
  struct stat status;
  if (!refusal_.empty() || ::fstat(file_.get(), &status) != 0) return 0;
  auto size = static_cast<uint64_t>(status.st_size);
  return size < point_.offset ? size : size - point_.offset;
}

uint64_t FileFollower::links() const {
  struct stat status;
  return ::fstat(file_.get(), &status) == 0 ? status.st_nlink : 0;
}

bool FileFollower::IsSameFile(int file, const FilePoint& point) {
  std::array<char, kTailBytes> buffer;
  size_t size = point.fingerprint.tail_size;
  ssize_t n = ::pread(file, buffer.data(), size, static_cast<off_t>(point.offset - size));
  return n == static_cast<ssize_t>(size) && IsSame(file, point.fingerprint, {buffer.data(), size});
}

Reading FileFollower::StartOver(uint64_t size) {
  Reading reading = Reading::Of(Reading::Kind::kTruncated);
  reading.lost_bytes = point_.known_size - std::min(point_.known_size, point_.offset);
  size_before_ = std::max(point_.known_size, point_.offset);
  point_ = {};
  point_.known_size = size;
  skipping_partial_ = false;
  settled_.reset();
  return reading;
}

// `tail_and_bytes` ends where the offset is now, and begins at most kTailBytes before where it was.
void FileFollower::Advance(std::string_view tail_and_bytes) {
  Fingerprint& known = point_.fingerprint;
  point_.offset += tail_and_bytes.size() - known.tail_size;
  std::string_view tail =
      tail_and_bytes.substr(tail_and_bytes.size() - std::min<size_t>(tail_and_bytes.size(), kTailBytes));
  known.tail_size = static_cast<uint32_t>(tail.size());
  known.tail_hash = StableHash(tail);
  if (known.head_size == kHeadBytes) return;
  std::array<char, kHeadBytes> buffer;
  auto size = static_cast<uint32_t>(std::min<uint64_t>(point_.offset, kHeadBytes));
  std::string_view head = ReadHead(file_.get(), size, buffer);
  known.head_size = static_cast<uint32_t>(head.size());
  known.head_hash = StableHash(head);
}

// Handles bytes that begin with a NUL.
Reading FileFollower::WithoutNuls(std::string_view bytes) {
  size_t nuls = std::min(bytes.find_first_not_of('\0'), bytes.size());
  uint64_t end_of_nuls = point_.offset - bytes.size() + nuls;
  if (nuls == bytes.size()) {
    SkipHole();
    end_of_nuls = point_.offset;
  }
  if (point_.has_data) return Reading::Bytes(WithoutPartialLine(bytes));
  Reading reading = Reading::Bytes(bytes.substr(nuls));
  point_.has_data = nuls < bytes.size();
  // That is the writer's offset, and so all that it had written, when the file was truncated.
  if (point_.has_data && size_before_ > 0 && end_of_nuls > size_before_) {
    reading.lost_bytes = end_of_nuls - size_before_;
  }
  return reading;
}

// To the next data, or to the end where there is none; nothing where the file system does not tell.
void FileFollower::SkipHole() {
  off_t data = ::lseek(file_.get(), static_cast<off_t>(point_.offset), SEEK_DATA);
  if (data < 0 && errno == ENXIO) data = ::lseek(file_.get(), 0, SEEK_END);
  if (data <= static_cast<off_t>(point_.offset)) return;
  point_.offset = static_cast<uint64_t>(data);
  point_.fingerprint.tail_size = 0;
}

std::string_view FileFollower::WithoutPartialLine(std::string_view bytes) {
  if (!skipping_partial_) return bytes;
  size_t newline = bytes.find('\n');
  if (newline == std::string_view::npos) return {};
  skipping_partial_ = false;
  return bytes.substr(newline + 1);
}

}  // namespace qte::source
