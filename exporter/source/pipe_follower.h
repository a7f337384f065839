// Bytes that come once: a FIFO, whose writers come and go, and standard input, which ends.
#pragma once

#include <string>

#include "base/unique_fd.h"
#include "source/follower.h"

namespace qte::source {

// A FIFO, held open for reading all the time: a writer never fails for want of a reader.
class FifoFollower final : public Follower {
 public:
  // `fifo` is open for reading, non-blocking.
  explicit FifoFollower(UniqueFd fifo);

  Reading Next(std::span<char> buffer) override;
  int fd() const override { return fifo_.get(); }
  uint64_t offset() const override { return offset_; }
  uint64_t Pending() const override;
  bool pollable() const override { return true; }
  uint64_t links() const override;
  bool has_writer() const override { return has_writer_; }

 private:
  Reading NoWriter();

  UniqueFd fifo_;
  uint64_t offset_ = 0;
  bool has_writer_ = false;
  bool read_from_writer_ = false;  // since the read end was opened
};

// Standard input: a pipe, a terminal or a file. The descriptor is shared with other processes, so it is neither closed
// nor made non-blocking; poll(2) is asked before each read.
class StdinFollower final : public Follower {
 public:
  explicit StdinFollower(int input = 0) : input_(input) {}

  Reading Next(std::span<char> buffer) override;
  int fd() const override { return input_; }
  uint64_t offset() const override { return offset_; }
  uint64_t Pending() const override;
  bool pollable() const override { return true; }
  uint64_t links() const override { return 1; }

 private:
  int input_;
  uint64_t offset_ = 0;
};

}  // namespace qte::source
