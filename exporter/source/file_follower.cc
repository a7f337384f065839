#include "source/file_follower.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace qte::source {
namespace {

bool EndsLine(int file, uint64_t offset) {
  char before = '\n';
  return offset == 0 || ::pread(file, &before, 1, static_cast<off_t>(offset - 1)) != 1 || before == '\n';
}

}  // namespace

FileFollower::FileFollower(UniqueFd file, uint64_t start) : file_(std::move(file)) {
  struct stat status;
  if (::fstat(file_.get(), &status) != 0) return;  // Next() will say why
  known_size_ = static_cast<uint64_t>(status.st_size);
  if (start > known_size_) return;
  offset_ = start;
  skipping_partial_ = !EndsLine(file_.get(), start);
}

Reading FileFollower::Next(std::span<char> buffer) {
  struct stat status;
  if (::fstat(file_.get(), &status) != 0) return Reading::Failed("cannot look at the file");
  auto size = static_cast<uint64_t>(status.st_size);
  if (size < offset_) return StartOver(size);
  known_size_ = std::max(known_size_, size);
  if (size == offset_) return {};

  ssize_t n = ::pread(file_.get(), buffer.data(), buffer.size(), static_cast<off_t>(offset_));
  if (n < 0) return Reading::Failed("cannot read");
  if (n == 0) return {};  // truncated since fstat: the next look sees it
  offset_ += static_cast<uint64_t>(n);
  return Reading::Bytes(WithoutPartialLine({buffer.data(), static_cast<size_t>(n)}));
}

uint64_t FileFollower::Pending() const {
  struct stat status;
  if (::fstat(file_.get(), &status) != 0) return 0;
  auto size = static_cast<uint64_t>(status.st_size);
  return size < offset_ ? size : size - offset_;
}

uint64_t FileFollower::links() const {
  struct stat status;
  return ::fstat(file_.get(), &status) == 0 ? status.st_nlink : 0;
}

Reading FileFollower::StartOver(uint64_t size) {
  Reading reading = Reading::Of(Reading::Kind::kTruncated);
  reading.lost_bytes = known_size_ - std::min(known_size_, offset_);
  offset_ = 0;
  known_size_ = size;
  skipping_partial_ = false;
  return reading;
}

std::string_view FileFollower::WithoutPartialLine(std::string_view bytes) {
  if (!skipping_partial_) return bytes;
  size_t newline = bytes.find('\n');
  if (newline == std::string_view::npos) return {};
  skipping_partial_ = false;
  return bytes.substr(newline + 1);
}

}  // namespace qte::source
