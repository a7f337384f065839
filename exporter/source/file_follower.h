// A regular file, read by pread from its start or from a given offset, while others write, truncate or delete it.
//
// A NUL hole (QEMU after copytruncate) is bytes like any other.
#pragma once

#include "base/unique_fd.h"
#include "source/follower.h"

namespace qte::source {

class FileFollower final : public Follower {
 public:
  // Begins at `start`; if that is in the middle of a line, behind the end of that line. A start beyond the end of the
  // file belongs to what stood there before: the file is then read from its beginning.
  explicit FileFollower(UniqueFd file, uint64_t start = 0);

  Reading Next(std::span<char> buffer) override;
  int fd() const override { return file_.get(); }
  uint64_t offset() const override { return offset_; }
  uint64_t Pending() const override;
  bool pollable() const override { return false; }
  uint64_t links() const override;

 private:
  Reading StartOver(uint64_t size);
  std::string_view WithoutPartialLine(std::string_view bytes);

  UniqueFd file_;
  uint64_t offset_ = 0;
  uint64_t known_size_ = 0;        // the largest size seen, for what a truncation destroys
  bool skipping_partial_ = false;  // between a start in mid-line and the first newline
};

}  // namespace qte::source
