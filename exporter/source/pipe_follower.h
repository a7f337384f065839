// Bytes that come once: a FIFO, whose writers come and go, and standard input, which ends.
#pragma once

#include <memory>
#include <utility>

#include "source/follower.h"
#include "source/pipe_reader.h"

namespace qte::source {

// A FIFO, held open for reading all the time: a writer never fails for want of a reader. Or standard input, where that
// is a pipe. Read ahead by the reader's thread.
class PipeFollower final : public Follower {
 public:
  PipeFollower(PipeReader& reader, std::shared_ptr<Pipe> pipe) : reader_(reader), pipe_(std::move(pipe)) {}
  ~PipeFollower() override { reader_.Remove(pipe_); }

  Reading Next(std::span<char> buffer) override { return pipe_->Next(buffer); }
  int fd() const override { return pipe_->ready_fd(); }
  uint64_t offset() const override { return pipe_->offset(); }
  uint64_t Pending() const override { return pipe_->Pending(); }
  bool pollable() const override { return true; }
  uint64_t links() const override { return pipe_->links(); }
  bool has_writer() const override { return pipe_->has_writer(); }
  bool has_more() const override { return pipe_->has_more(); }

 private:
  PipeReader& reader_;
  std::shared_ptr<Pipe> pipe_;
};

// Standard input that is a terminal, a socket or a file. The descriptor is shared with other processes, so it is
// neither closed nor made non-blocking; poll(2) is asked before each read.
class StdinFollower final : public Follower {
 public:
  explicit StdinFollower(int input) : input_(input) {}

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

// `fifo` is open for reading, non-blocking.
std::unique_ptr<Follower> FollowFifo(PipeReader& reader, UniqueFd fifo);
// `pipe` is the read end, non-blocking. It ends when its last writer does.
std::unique_ptr<Follower> FollowPipe(PipeReader& reader, UniqueFd pipe);
std::unique_ptr<Follower> FollowStdin(PipeReader& reader, int input = 0);

}  // namespace qte::source
