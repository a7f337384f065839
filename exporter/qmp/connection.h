// A non-blocking connection to a QMP socket, QEMU's control protocol: JSON objects in both directions.
//
// Nothing here waits: the owner polls fd() for events(), then calls Read() and Send(). What a peer can make the
// exporter store and read is bounded. A peer that speaks no QMP, sends too much, or leaves is a failure, after which
// the connection is closed. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "qmp/message_reader.h"

namespace qte::qmp {

enum class Reason {
  kUnreachable,  // no such socket, or nothing listens
  kDenied,       // no permission
  kNoGreeting,   // QEMU serves another client, or hangs
  kTimeout,      // no answer to a command
  kClosed,       // QEMU has closed the connection
  kProtocol,     // the peer speaks no QMP, or sends too much
  kRefused,      // QEMU refuses a command that it must not refuse
};
inline constexpr size_t kReasons = static_cast<size_t>(Reason::kRefused) + 1;

// The value of the label `reason`: "unreachable", ...
std::string_view NameOf(Reason reason);

struct Failure {
  Reason reason = Reason::kUnreachable;
  std::string message;           // what happened, and the remedy where there is one
  bool nothing_listens = false;  // so that a QEMU that was there before has ended, unless its process still runs
};

class Connection {
 public:
  // What a peer may send over one connection. query-block of 100 disks with 10 backing files each is below 2 MB.
  static constexpr size_t kMostBytes = size_t{16} << 20;

  // failure() tells if it did not succeed.
  explicit Connection(const std::string& path);

  int fd() const { return socket_.get(); }
  // What to poll(2) for.
  short events() const;
  const std::optional<Failure>& failure() const { return failure_; }
  // The first failure counts.
  void Fail(Reason reason, std::string message);

  // Sends `text` after what is still unsent, as far as the socket takes it now.
  void Send(std::string_view text);
  // Reads up to 64 KiB and passes each whole message on.
  void Read(const std::function<void(const nlohmann::json&)>& on_message);
  // Memory that a half-read message takes.
  size_t held_bytes() const { return reader_.cost(); }

 private:
  // False once the connection has failed.
  bool Take(char c, const std::function<void(const nlohmann::json&)>& on_message);

  UniqueFd socket_;
  std::string unsent_;
  MessageReader reader_;
  size_t received_ = 0;
  std::optional<Failure> failure_;
};

}  // namespace qte::qmp
