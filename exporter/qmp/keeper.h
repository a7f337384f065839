// Keeps the trace events on that a config needs, in every QEMU that a source names the socket of, and tells when
// another QEMU process is behind a socket.
//
// One thread for all sockets, and one poll(2): conversations go on side by side, so a QEMU that hangs delays no other.
// QEMU serves one client of a socket at a time, so a connection lasts for some milliseconds: connect, ask, switch,
// leave. It is made when a source names a socket, when another file takes the socket's path or its process ends (QEMU
// was started again), when a log is opened or begins anew, when a log shows a disk that QEMU was not asked about, and
// otherwise once a minute, since another client may have switched events off. After a failure the keeper tries again
// 0.1 s later, then less and less often, down to once a minute. It counts each failure and logs each reason once.
//
// All conversations together take at most 64 MiB: half-read messages 16 MiB, for which strings may reserve 32 MiB; the
// one message that is parsed, 4 MiB; disks to probe, 32 KiB each of 256 conversations.
//
// A QEMU is identified by the socket's file and the process that listens, so that Save() and a later Keeper know whose
// events were switched on, and whether QEMU has been restarted meanwhile.
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

#include "base/unique_fd.h"
#include "base/wake_event.h"
#include "qmp/conversation.h"
#include "qmp/process.h"

namespace qte::qmp {

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
  // Those of these drives that the readers of a target's logs do not know.
  virtual std::vector<Drive> Unknown(const Target& target, std::vector<Drive> drives) = 0;
  // The sockets of those targets whose logs show a disk that they have not been told of.
  virtual std::set<std::string> Unsettled(const std::vector<const Target*>& targets) = 0;
  // These reads will be in the logs.
  virtual void Expect(const Target& target, const std::vector<Probe>& probes) = 0;
  // Another QEMU process than before listens on the target's socket; also if an earlier Keeper saw the one before. QEMU
  // may have logged for a while by now.
  virtual void OnNewProcess(const Target& target) = 0;
  // Nothing listens on the target's socket any more, and the process that did is not running.
  virtual void OnGone(const Target& target) = 0;

 protected:
  ~Host() = default;
};

class Keeper {
 public:
  struct Pace {
    std::chrono::milliseconds check{60'000};     // after a success
    std::chrono::milliseconds first_retry{100};  // after a failure; twice as long after each further one
    std::chrono::milliseconds last_retry{60'000};
    std::chrono::milliseconds look{1'000};        // at the files of the sockets
    std::chrono::milliseconds disk_look{1'000};   // at what the logs show of disks
    std::chrono::milliseconds slow_look{10'000};  // while the end of each QEMU process is noticed without
    Conversation::Limits limits{std::chrono::seconds(2), std::chrono::seconds(2), std::chrono::seconds(5)};
    std::chrono::milliseconds farewell{3'000};  // for all there is to do at the end
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
  // Whether an earlier Keeper left events on.
  bool has_leftovers() const;

  // One round: what is due, and at most `longest_wait` for something to come. The thread's body.
  void Step(std::chrono::milliseconds longest_wait);

 private:
  using Clock = std::chrono::steady_clock;
  // Device, inode and time of birth of a socket's file; id and start of the process that listens. 0 is unknown.
  using Instance = std::array<uint64_t, 5>;

  struct Socket {
    Target target;
    Switches switches;
    Instance instance{};                         // that `switches` are of, and that was last heard of
    bool is_gone = true;                         // nothing listens any more
    UniqueFd process;                            // readable when the process of `instance` ends; none: unknown
    std::map<size_t, int> tries;                 // by hash of a drive and its file: how often it was probed in vain
    FileId file{};                               // as last seen
    std::optional<Conversation> talk;            // that is going on
    bool is_ready = false;                       // it can go on
    int asked = 0;                               // how often in a row for disks alone
    bool is_leaving = false;                     // it is, or was, to switch off all that is ours
    Clock::time_point next{};                    // when to talk; never while a conversation lasts
    std::chrono::milliseconds retry{0};          // 0: the last conversation went well
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
  void LookAtDisks(Clock::time_point now);
  Clock::time_point DueAt(const Socket& socket) const;
  static bool HasLeft(const Socket& socket);
  static bool IsDropped(const Socket& socket);
  void Connect(Clock::time_point now);
  void Begin(Socket& socket);
  void Await(Clock::time_point until);
  void Talk();
  void BoundMemory();
  void Finish(Socket& socket);
  void NoteExit(Socket& socket);
  void NoteProcess(Socket& socket, int fd);
  std::vector<Probe> ChooseProbes(Socket& socket, std::vector<Drive> drives);
  void Succeed(Socket& socket);
  void Fail(Socket& socket, const Failure& failure);
  void NoteGone(Socket& socket);
  void SwitchOffAtExit();
  void Publish();

  Host& host_;
  const Pace pace_;
  WakeEvent wake_;
  Sockets sockets_;               // by path
  std::vector<Socket*> talking_;  // those with a conversation
  std::vector<Socket*> watched_;  // those with a process that is watched
  Clock::time_point next_due_{};  // when one of the sockets is due, or before
  Clock::time_point next_look_{};
  Clock::time_point next_disk_look_{};
  std::array<uint64_t, kReasons> failures_{};
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
