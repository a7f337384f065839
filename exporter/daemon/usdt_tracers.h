// Traces QEMUs that have probes and no log: one bpftrace for each running QEMU of a source with `usdt`.
//
// Each QEMU has a pipe, which the sources read like a FIFO. bpftrace writes into it. The daemon holds the write end
// open as long as the QEMU runs, so a bpftrace that has ended is followed by another one, and the pipe's end is the end
// of the QEMU. A thread of its own looks for QEMUs every second, and lives as long as its children may (see
// source/child.h).
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "base/warning.h"
#include "commands/bpftrace_script.h"
#include "commands/load.h"
#include "source/child.h"
#include "source/receiver.h"
#include "source/sleeper.h"
#include "source/traced_process.h"

namespace qte::daemon {

class UsdtTracers {
 public:
  // What this asks of the daemon, on its own thread.
  struct Host {
    // As SourceSet::Attach.
    std::function<source::StreamId(UniqueFd pipe, const std::string& name, const std::string& spec)> attach;
    std::function<void(source::StreamId, uint64_t events)> count_lost;
    std::function<void()> on_warning;  // Warnings() may have changed
  };

  explicit UsdtTracers(Host host) : host_(std::move(host)) {}
  ~UsdtTracers() { Stop(); }
  UsdtTracers(const UsdtTracers&) = delete;
  UsdtTracers& operator=(const UsdtTracers&) = delete;

  // The config in force. Begins if some source of it names a binary. Not on the thread that `attach` waits for.
  void Use(const commands::LoadedConfig& loaded);
  // Ends all tracers, once they have written what they have.
  void Stop();

  // What is the matter now, one for each source and cause. Any thread.
  std::vector<Warning> Warnings() const;

 private:
  struct Plan {
    struct Source {
      std::string spec;
      source::PathPattern binaries;
    };
    std::vector<Source> sources;
    commands::LoadedConfig loaded;
  };

  struct Tracer {
    source::Child child;
    UniqueFd errors;  // what it says on standard error
    std::string said;
    size_t heard = 0;  // bytes of it: the lines that were looked at
    trace::BpftraceTarget target;
    std::string script;
    std::shared_ptr<const Plan> plan;  // that the script is known to fit
    Clock::Time started;
    bool is_ending = false;  // it was told to
  };

  // One QEMU process.
  struct Qemu {
    source::RunningProcess process;
    std::string spec;
    std::string name;  // of its stream
    source::StreamId stream = 0;
    UniqueFd lines;  // the write end of the pipe
    std::optional<Tracer> tracer;
    std::string problem;
    Clock::Time next_start{};
    Clock::Duration pause{};
    std::optional<Clock::Time> ended_at;
  };

  void Run();
  void Step();
  void LookForProcesses(Clock::Time now);
  void TakeProcess(const source::RunningProcess& process, const std::string& spec);
  void StepQemu(Qemu& qemu, Clock::Time now);
  void Begin(Qemu& qemu, Clock::Time now);
  // To a later start.
  static void PutOff(Qemu& qemu, Clock::Time now);
  Status TryToBegin(Qemu& qemu, Clock::Time now);
  Result<commands::BpftraceScript> ScriptFor(const Qemu& qemu, const trace::BpftraceTarget& target) const;
  Status OpenPipe(Qemu& qemu);
  void Listen(Qemu& qemu);
  void OnTracerEnd(Qemu& qemu, const std::string& how, Clock::Time now);
  void TellToEnd(Qemu& qemu, Clock::Time now) const;
  void CheckScript(Qemu& qemu) const;
  void Publish();
  void EndAll();

  const Host host_;
  source::Sleeper sleeper_;
  std::atomic<bool> is_stopping_ = false;

  // Used by the thread alone.
  std::shared_ptr<const Plan> plan_;
  std::list<Qemu> qemus_;
  std::vector<Warning> scan_problems_;
  std::vector<std::string> left_out_;  // events that some QEMU has and that cannot be traced
  Clock::Time next_look_{};
  std::vector<int> awaited_fds_;  // kept for its memory

  mutable std::mutex mutex_;
  std::shared_ptr<const Plan> next_plan_;  // guarded by mutex_
  std::vector<Warning> warnings_;          // guarded by mutex_
  std::thread thread_;                     // last: it uses all of the above
};

}  // namespace qte::daemon
