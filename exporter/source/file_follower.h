// A regular file, read by pread from its start or from a given point, while others write, truncate or delete it.
//
// Each look reads the last bytes before the offset again, together with what is new, and the first bytes: if they are
// not what they were, the file was truncated and has grown again, and is read from its start. Nothing is read as long
// as size and time of change are what a look at the end has seen.
//
// QEMU opens its log without append, so that after a truncation it continues at its old offset, behind a hole of NULs.
// A file that is not text but compressed, for example, is not read: it looks as if it had an end at its start, with an
// error.
//
// NULs at the start of a file are skipped, the hole without reading it; a hole elsewhere (of a log that was reclaimed,
// read from its start) is skipped where it is large, and what remains of it makes one line that is not an event.
#pragma once

#include <ctime>
#include <memory>
#include <optional>
#include <string>

#include "base/unique_fd.h"
#include "source/fingerprint.h"
#include "source/follower.h"

namespace qte::source {

class FileFollower final : public Follower {
 public:
  // Begins at the point. If the file is not the one of its fingerprint (or shorter), the first look says that it was
  // truncated.
  explicit FileFollower(UniqueFd file, const FilePoint& point = {});
  // Begins at `start`; if that is in the middle of a line, behind the end of that line. A start beyond the end of the
  // file belongs to what stood there before: the file is then read from its beginning.
  static std::unique_ptr<FileFollower> StartingAt(UniqueFd file, uint64_t start);

  Reading Next(std::span<char> buffer) override;
  int fd() const override { return file_.get(); }
  uint64_t offset() const override { return point_.offset; }
  uint64_t Pending() const override;
  bool pollable() const override { return false; }
  uint64_t links() const override;

  const FilePoint* point() const override { return &point_; }
  // Whether an open file is the one that was read up to a point.
  static bool IsSameFile(int file, const FilePoint& point);

 private:
  Reading StartOver(uint64_t size);
  void Advance(std::string_view tail_and_bytes);
  void Settle(const timespec& changed, int64_t looked_at);
  Reading WithoutNuls(std::string_view bytes);
  void SkipHole();
  std::string_view WithoutPartialLine(std::string_view bytes);

  UniqueFd file_;
  FilePoint point_;
  std::optional<timespec> settled_;  // when it was changed last, where a later change would be told from that
  std::string refusal_;              // why the file is not read: it holds no text
  timespec refused_at_{};            // its time of change then
  uint64_t size_before_ = 0;         // known size when it was truncated last
  bool skipping_partial_ = false;    // between a start in mid-line and the first newline
};

}  // namespace qte::source
