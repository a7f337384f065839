// One conversation with a QEMU: greeting, capabilities, the events that disks' names need, the names, the other events,
// and off with what is needed no longer.
//
// An explicit state machine: Step() does what can be done without waiting, so any number of conversations go on side by
// side in one thread. Each event's state is asked for before the event is touched. One that is on already was switched
// on by another client and stays on; one that this QEMU does not have is left out. The argument `vcpu`, gone since
// QEMU 9.1, is not used.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "qmp/connection.h"
#include "qmp/drives.h"

namespace qte::qmp {

// What a config needs of a QEMU, in the order in which it is to be switched on. Names of disks are asked for after
// `naming`, so that what `rest` logs has them.
struct Needs {
  std::vector<std::string> naming;
  std::vector<std::string> rest;
};

// The trace events of one QEMU. They outlive a conversation.
struct Switches {
  std::vector<std::string> ours;  // switched on by the exporter, in that order
  std::set<std::string> on;       // of those needed
  std::set<std::string> missing;  // of those needed: this QEMU does not have them
};

class Conversation {
 public:
  using Time = std::chrono::steady_clock::time_point;

  struct Limits {
    std::chrono::milliseconds greeting;
    std::chrono::milliseconds answer;
    std::chrono::milliseconds all;
  };

  // Step() calls the functions.
  struct Errand {
    std::shared_ptr<const Needs> needs;  // empty lists where all that is ours is to be switched off
    std::function<void(int fd)> on_greeting;
    // Which disks to probe; null if their names are not wanted.
    std::function<std::vector<Probe>(std::vector<Drive>)> choose_probes;
    Limits limits;
  };

  // `switches` outlives the conversation. failure() tells if there is no connection.
  Conversation(const std::string& path, Errand errand, Switches& switches);

  void Step();
  void GiveUp(Reason reason, std::string message) { connection_.Fail(reason, std::move(message)); }

  bool is_done() const { return phase_ == Phase::kDone; }
  const std::optional<Failure>& failure() const { return connection_.failure(); }
  // For poll(2), and when to call Step() though nothing came.
  int fd() const { return connection_.fd(); }
  short events() const { return connection_.events(); }
  Time due() const { return due_; }
  size_t held_bytes() const { return connection_.held_bytes(); }
  // How many events were switched.
  size_t switched_on() const { return switched_on_; }
  size_t switched_off() const { return switched_off_; }

 private:
  enum class Phase { kGreeting, kReady, kNaming, kStatus, kDrives, kProbes, kRest, kOff, kDone };
  enum class Kind { kReady, kState, kOn, kOff, kStatus, kDrives, kProbe };
  struct Request {
    Kind kind;
    std::string_view subject = {};  // an event of the needs or of leaving_, or a line of the monitor in lines_
    bool is_new = false;            // an event that was not ours before
  };
  // `value` is null where QEMU refused, with `error` for a reason.
  struct Answer {
    const nlohmann::json* value;
    std::string error;
  };

  static nlohmann::json MessageOf(const Request& request);
  void Handle(const nlohmann::json& message);
  void HandleGreeting(const nlohmann::json& message);
  void HandleAnswer(const Request& request, const Answer& answer);
  void NoteState(std::string_view event, const Answer& answer);
  void NoteSwitched(const Request& request, const Answer& answer);
  // Queues the requests of the next phase that has any.
  void GoOn();
  void Begin(Phase phase);
  void Ask(Kind kind, const std::vector<std::string>& subjects);
  void AskToSwitchOff();
  void SendNext();
  void Finish();

  Connection connection_;
  const Errand errand_;
  Switches& switches_;
  Phase phase_ = Phase::kGreeting;
  std::deque<Request> queue_;
  std::deque<Request> sent_;  // and not answered yet
  uint64_t last_id_ = 0;      // of the last one answered
  std::set<std::string> needed_;
  std::vector<std::string> leaving_;
  std::vector<std::string> lines_;
  bool may_probe_ = false;
  size_t switched_on_ = 0;
  size_t switched_off_ = 0;
  Time ends_{};
  Time due_{};
};

}  // namespace qte::qmp
