// A client of one QMP socket, QEMU's control protocol: a greeting, then a JSON object a command and one an answer, with
// events in between that nobody asked for.
//
// QEMU serves one client of a socket at a time, and lets others wait in line without a word. So a connection is made
// without waiting, its greeting is looked for when poll(2) tells of something, and who has an answer should leave at
// once. Nothing here waits longer than it is told to. What comes in is bounded; a peer that speaks no QMP, says too
// much, or leaves is a failure, after which the connection is good for nothing. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"

namespace qte::qmp {

enum class Reason {
  kUnreachable,  // no such socket, or nobody listens
  kDenied,       // no permission
  kNoGreeting,   // another client is being served, or QEMU hangs
  kTimeout,      // no answer to a command
  kClosed,       // QEMU has closed the connection
  kProtocol,     // this is no QMP
  kRefused,      // QEMU refuses what it must not refuse
};
inline constexpr size_t kReasons = static_cast<size_t>(Reason::kRefused) + 1;

// As a label has it: "unreachable", ...
std::string_view NameOf(Reason reason);

struct Failure {
  Reason reason = Reason::kUnreachable;
  std::string message;  // what happened, and the remedy where there is one
};

class Connection {
 public:
  // Asks for a connection. What went wrong is in failure().
  explicit Connection(const std::string& path);

  int fd() const { return socket_.get(); }
  const std::optional<Failure>& failure() const { return failure_; }
  // The process that listens, or 0.
  int peer() const;

  // Reads what has come of the greeting; true once it is there.
  bool Greet();
  // Ends the waiting for it.
  void GiveUp();

  // What QEMU answers: `value` is there unless it refused, with `error` for a reason.
  struct Answer {
    std::optional<nlohmann::json> value;
    std::string error;
  };
  // One command to its answer; nothing where the connection has failed. QEMU may take 2 s, but for all commands no
  // longer than up to the deadline.
  std::optional<Answer> Execute(const std::string& command, nlohmann::json arguments = {});
  // The same command with several arguments, sent together: each costs QEMU and us a fraction of what it would alone.
  std::optional<std::vector<Answer>> ExecuteEach(const std::string& command,
                                                 const std::vector<nlohmann::json>& arguments);
  void set_deadline(std::chrono::steady_clock::time_point deadline) { deadline_ = deadline; }

 private:
  using Time = std::chrono::steady_clock::time_point;

  void Fail(Reason reason, std::string message);
  bool Send(std::string_view text, Time deadline);
  std::optional<Answer> Await(uint64_t id, Time deadline);
  // Waits until the socket may be read (POLLIN) or written.
  bool Wait(short what, Time deadline);
  // Reads once what is there; false where there is nothing, or nothing will be.
  bool Receive();
  // Takes the first whole message from what was read.
  std::optional<nlohmann::json> TakeMessage();
  void DropScanned();

  UniqueFd socket_;
  std::string buffer_;
  size_t scanned_ = 0;   // bytes of it that are lines, in which no message ends
  size_t searched_ = 0;  // in which there is no other end of a line
  uint64_t last_id_ = 0;
  Time deadline_ = Time::max();
  std::optional<Failure> failure_;
};

}  // namespace qte::qmp
