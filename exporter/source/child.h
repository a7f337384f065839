// A program that this process runs, and that never outlives it: it is sent SIGTERM when the thread that started it
// ends, by kill -9 of the process as well. So the thread that starts children has to live as long as they may.
//
// It begins with default signals, whatever this process blocks or ignores, and has no descriptors but the three given.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace qte::source {

class Child {
 public:
  struct Program {
    std::vector<std::string> words;        // the first is looked up in PATH
    std::vector<std::string> environment;  // "NAME=VALUE", on top of this process's own
    int input = -1;
    int output = -1;
    int errors = -1;
  };

  // The error is the reason why the program cannot be run.
  static Result<Child> Start(const Program& program);
  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, 0)) {}
  Child& operator=(Child&& other) noexcept {
    std::swap(pid_, other.pid_);
    return *this;
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  // Kills it if it still runs.
  ~Child();

  pid_t pid() const { return pid_; }
  void Send(int signal) const;
  // "exit code 1" or "signal 9" once it has ended.
  std::optional<std::string> TakeEnd();

 private:
  explicit Child(pid_t pid) : pid_(pid) {}

  pid_t pid_ = 0;  // 0: it has ended
};

}  // namespace qte::source
