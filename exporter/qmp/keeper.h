// Keeps the trace events on that a config needs, in every QEMU that a source names the socket of.
//
// One thread for all sockets. QEMU serves one client of a socket at a time, so a connection lasts for a few
// milliseconds: connect, ask, switch, leave. It is made when a socket is named, or another file takes its path (QEMU
// was started again), when a log is opened or begins anew, and otherwise once a minute, since a QEMU may be another one
// behind a path that stays. Those who do not greet wait together in one poll(2); what fails is tried again after
// 0.1 s, then later and later, up to a minute. A failure is counted and told once; nothing else hangs on it.
//
// What was switched on is known by the socket's file and the process behind it, so that Save() and a later Keeper know
// whose events they are.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/wake_event.h"
#include "qmp/connection.h"
#include "qmp/drives.h"
#include "qmp/switches.h"

namespace qte::qmp {

// What a config needs of a QEMU, in the order in which it is to be switched on. Names of disks are asked for after
// `naming`, so that what `rest` logs has them.
struct Needs {
  std::vector<std::string> naming;
  std::vector<std::string> rest;
};

struct Target {
  std::string socket;
  std::shared_ptr<const Needs> needs;
  std::vector<uint32_t> streams;  // the logs of this QEMU
  bool drive_names = true;
  bool switch_off_at_exit = false;
};

// What the keeper needs of those around it; called on its thread.
class Host {
 public:
  // Every socket once; nothing as long as it is too early.
  virtual std::optional<std::vector<Target>> Targets() = 0;
  // Which of these files the readers of a target's logs know no disk of.
  virtual std::set<std::string> Unknown(const Target& target, const std::vector<std::string>& files) = 0;
  // These reads will be in the logs.
  virtual void Expect(const Target& target, const std::vector<Probe>& probes) = 0;

 protected:
  ~Host() = default;
};

class Keeper {
 public:
  struct Pace {
    std::chrono::milliseconds check{60'000};     // after a success
    std::chrono::milliseconds first_retry{100};  // after a failure; twice as long after each further one
    std::chrono::milliseconds last_retry{60'000};
    std::chrono::milliseconds look{1'000};          // at the files of the sockets
    std::chrono::milliseconds greeting{2'000};      // to wait for it
    std::chrono::milliseconds conversation{5'000};  // for all of one
    std::chrono::milliseconds farewell{3'000};      // for all there is to do at the end
  };

  // `saved` is what Save() gave, or null.
  Keeper(Host& host, const nlohmann::json& saved, Pace pace);
  Keeper(Host& host, const nlohmann::json& saved) : Keeper(host, saved, Pace()) {}
  ~Keeper();
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  void Start();
  // Switches off what is to be so at the exit, and ends the thread.
  void Stop();

  // Other threads call these. Targets may be others: at once if the config is; a log that has gone may come back soon.
  void ConfigChanged();
  void StreamsChanged();
  // What was learned from this log is forgotten, or there is nothing yet.
  void Restarted(uint32_t stream);

  struct SocketReport {
    std::string path;
    bool up = false;                // the last talk went well
    std::string error;              // why not
    size_t events_on = 0;           // of those needed
    std::vector<std::string> ours;  // switched on by us
    std::set<std::string> missing;  // that this QEMU does not have
  };
  struct Report {
    std::vector<SocketReport> sockets;  // by path
    std::array<uint64_t, kReasons> failures{};
  };
  Report report() const;
  // What a later Keeper begins with. `version` changes with it.
  nlohmann::json Save() const;
  uint64_t version() const;

  // One round: what is due, and at most `longest_wait` for something to come. The thread's body.
  void Step(std::chrono::milliseconds longest_wait);

 private:
  using Clock = std::chrono::steady_clock;
  // Of the socket's file device, inode and time of birth, and the process that listens: which QEMU it is.
  using Instance = std::array<uint64_t, 4>;

  struct Socket {
    Target target;
    Switches switches;
    Instance instance{};                     // that `switches` are of
    std::map<std::string, int> tries;        // by file: how often its name was asked for in vain
    std::array<uint64_t, 3> file{};          // as last seen
    std::unique_ptr<Connection> connection;  // awaits its greeting
    Clock::time_point greeting_due;
    Clock::time_point next{};                    // when to talk
    std::chrono::milliseconds retry{0};          // 0: the last talk went well
    int failures = 0;                            // in a row
    std::optional<Clock::time_point> leaves_at;  // no target has it any more
    std::string error;
    bool up = false;
  };
  using Sockets = std::map<std::string, Socket>;

  struct Changes {
    bool targets = true;
    bool config = false;
    bool stop = false;
    std::set<uint32_t> restarted;
  };

  void Run();
  void Restore(const nlohmann::json& saved);
  void Change(const std::function<void(Changes&)>& change);
  bool stopping() const;
  bool Refresh();
  void LookAtFiles(Clock::time_point now);
  Clock::time_point DueAt(const Socket& socket) const;
  static bool HasLeft(const Socket& socket);
  void Connect(Clock::time_point now);
  void Await(std::chrono::milliseconds longest_wait);
  void Greet();
  void Talk(Socket& socket);
  std::optional<Failure> Converse(Socket& socket, Connection& connection);
  std::optional<Failure> AskNames(Socket& socket, Connection& connection);
  void NoteInstance(Socket& socket, const Connection& connection);
  void Succeed(Socket& socket);
  void Fail(Socket& socket, Failure failure);
  void DropGone();
  void SwitchOffAtExit();
  void Publish();

  Host& host_;
  const Pace pace_;
  WakeEvent wake_;
  Sockets sockets_;  // by path
  std::array<uint64_t, kReasons> failures_{};
  Clock::time_point next_look_{};
  bool is_farewell_ = false;
  bool has_news_ = true;  // since others were shown
  std::mt19937_64 random_{std::random_device{}()};

  mutable std::mutex mutex_;
  Changes changes_;       // guarded by mutex_
  Report report_;         // guarded by mutex_
  nlohmann::json saved_;  // guarded by mutex_
  uint64_t version_ = 0;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace qte::qmp
