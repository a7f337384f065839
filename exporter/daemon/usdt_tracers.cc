#include "daemon/usdt_tracers.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <utility>

#include "base/atomic_file.h"
#include "base/thread_name.h"

namespace qte::daemon {
namespace {

using std::chrono::seconds;

constexpr seconds kLook{1};
// A QEMU without a name may be libvirt's, which only asks what it can do.
constexpr seconds kOldEnough{2};
// bpftrace ends by itself after its process, unless it was started without -p. Then it is told, once it has had time to
// read what there is (at a signal, it drops that), and killed in the end.
constexpr seconds kUntilTold{2};
constexpr seconds kUntilKilled{7};
constexpr seconds kFirstPause{1};
constexpr seconds kLongestPause{60};
constexpr size_t kMostSaid = 4096;

constexpr const char* kDropIn = "run the daemon as root, or as a service with the drop-in usdt.conf";

// bpftrace buffers events in the kernel, for each CPU by itself. 16 MiB in all take a burst of 50,000 events.
std::string BufferPages() {
  constexpr long kAllPages = 4096;
  constexpr long kMost = 1024;
  constexpr long kLeast = 64;
  const long cpus = std::max(::sysconf(_SC_NPROCESSORS_CONF), 1L);
  const auto pages = static_cast<unsigned long>(std::clamp(kAllPages / cpus, kLeast, kMost));
  return std::to_string(std::bit_floor(pages));
}

std::vector<std::string> EnvironmentOfBpftrace() {
  const std::string strlen = std::to_string(trace::kBpftraceStringBytes);
  const std::string most = "16384";  // events; 512 is the default of older versions
  return {"BPFTRACE_STRLEN=" + strlen,      "BPFTRACE_MAX_STRLEN=" + strlen,           "BPFTRACE_MAX_PROBES=" + most,
          "BPFTRACE_MAX_BPF_PROGS=" + most, "BPFTRACE_PERF_RB_PAGES=" + BufferPages(), "BPFTRACE_NO_USER_SYMBOLS=1"};
}

// A text that can be read as a file, from its start.
UniqueFd FileOf(const std::string& text) {
  UniqueFd file(::memfd_create("bpftrace", MFD_CLOEXEC));
  size_t done = 0;
  while (file && done < text.size()) {
    const ssize_t n = ::write(file.get(), text.data() + done, text.size() - done);
    if (n <= 0) return UniqueFd();
    done += static_cast<size_t>(n);
  }
  if (file) ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

// The line that says most, of all that bpftrace has said.
std::string ReasonIn(const std::string& said) {
  std::string reason;
  for (size_t begin = 0; begin < said.size();) {
    const size_t end = std::min(said.find('\n', begin), said.size());
    const std::string line = said.substr(begin, end - begin);
    begin = end + 1;
    if (line.find("RLIMIT_MEMLOCK") != std::string::npos || line.starts_with("WARNING")) continue;
    if (reason.empty() || line.find("ERROR") != std::string::npos || line.find("rror:") != std::string::npos)
      reason = line;
  }
  return reason.empty() ? "it says no reason" : reason;
}

bool IsAboutRights(std::string_view reason) {
  for (std::string_view words : {"not permitted", "ermission denied", "root user", "CAP_", "capabilit", "open perf buffer"}) {
    if (reason.find(words) != std::string_view::npos) return true;
  }
  return false;
}

seconds AgeOf(const source::RunningProcess& process) {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return seconds(now.tv_sec) - seconds(process.start_time / static_cast<uint64_t>(::sysconf(_SC_CLK_TCK)));
}

bool IsRunning(const source::RunningProcess& process) {
  return source::StartTimeOf(process.pid) == process.start_time;
}

}  // namespace

void UsdtTracers::Use(const commands::LoadedConfig& loaded) {
  std::vector<Plan::Source> sources;
  for (const config::Source& source : loaded.config.sources) {
    if (source.usdt) sources.push_back({source.path.value, source::PathPattern(source.usdt->value)});
  }
  const bool is_needed = !sources.empty() || thread_.joinable();
  if (!is_needed || is_stopping_) return;
  auto plan = std::make_shared<const Plan>(Plan{std::move(sources), loaded});
  {
    std::lock_guard lock(mutex_);
    next_plan_ = std::move(plan);
  }
  if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
  sleeper_.Wake();
}

void UsdtTracers::Stop() {
  is_stopping_ = true;
  sleeper_.Wake();
  if (thread_.joinable()) thread_.join();
}

std::vector<Warning> UsdtTracers::Warnings() const {
  std::lock_guard lock(mutex_);
  return warnings_;
}

void UsdtTracers::Run() {
  NameThread("tracers");
  while (!is_stopping_) {
    Step();
    awaited_fds_.clear();
    for (const Qemu& qemu : qemus_) {
      if (qemu.tracer) awaited_fds_.push_back(qemu.tracer->errors.get());
    }
    sleeper_.Sleep(next_look_ - Clock::Steady().Now(), awaited_fds_);
  }
  EndAll();
}

void UsdtTracers::Step() {
  {
    std::lock_guard lock(mutex_);
    if (next_plan_ != nullptr) {
      plan_ = std::exchange(next_plan_, nullptr);
      next_look_ = {};
    }
  }
  const Clock::Time now = Clock::Steady().Now();
  if (now >= next_look_) LookForProcesses(now);
  for (auto qemu = qemus_.begin(); qemu != qemus_.end();) {
    StepQemu(*qemu, now);
    const bool is_over = qemu->ended_at && !qemu->tracer;
    qemu = is_over ? qemus_.erase(qemu) : std::next(qemu);  // which closes its pipe
  }
  Publish();
}

void UsdtTracers::LookForProcesses(Clock::Time now) {
  next_look_ = now + kLook;
  scan_problems_.clear();
  std::vector<source::RunningProcess> running;
  for (const Plan::Source& source : plan_->sources) {
    source::ProcessScan scan = source::FindProcesses(source.binaries);
    if (scan.is_incomplete && scan.processes.empty()) {
      scan_problems_.push_back(
          {source.spec, "cannot see which processes run it, for want of CAP_SYS_PTRACE; " + std::string(kDropIn)});
    }
    for (const source::RunningProcess& process : scan.processes) {
      if (std::find(running.begin(), running.end(), process) != running.end()) continue;
      running.push_back(process);
      TakeProcess(process, source.spec);
    }
  }
  for (Qemu& qemu : qemus_) {
    if (std::find(running.begin(), running.end(), qemu.process) != running.end() || qemu.ended_at) continue;
    qemu.ended_at = now;
  }
}

void UsdtTracers::TakeProcess(const source::RunningProcess& process, const std::string& spec) {
  const bool is_known =
      std::any_of(qemus_.begin(), qemus_.end(), [&](const Qemu& qemu) { return qemu.process == process; });
  if (is_known) return;
  Result<std::string> words = ReadWholeFile("/proc/" + std::to_string(process.pid) + "/cmdline");
  const source::TracedProcess traced = source::TracedProcessOf(process.pid, words ? *words : "");
  if (traced.name.empty() && AgeOf(process) < kOldEnough) return;
  Qemu& qemu = qemus_.emplace_back();
  qemu.process = process;
  qemu.spec = spec;
  qemu.name = source::StreamNameOf(traced);
}

void UsdtTracers::StepQemu(Qemu& qemu, Clock::Time now) {
  if (!qemu.tracer) {
    if (!qemu.ended_at && now >= qemu.next_start) Begin(qemu, now);
    return;
  }
  Listen(qemu);
  if (std::optional<std::string> how = qemu.tracer->child.TakeEnd()) {
    OnTracerEnd(qemu, *how, now);
  } else if (qemu.ended_at) {
    TellToEnd(qemu, now);
  } else {
    CheckScript(qemu);
  }
}

// What cannot be had is tried again later and later: a bpftrace may be installed, a right be given.
void UsdtTracers::Begin(Qemu& qemu, Clock::Time now) {
  Status begun = TryToBegin(qemu, now);
  if (begun) return;
  if (!IsRunning(qemu.process)) {
    qemu.ended_at = now;
    return;
  }
  qemu.problem = begun.error();
  PutOff(qemu, now);
}

void UsdtTracers::PutOff(Qemu& qemu, Clock::Time now) {
  qemu.pause = std::min<Clock::Duration>(std::max<Clock::Duration>(2 * qemu.pause, kFirstPause), kLongestPause);
  qemu.next_start = now + qemu.pause;
}

Status UsdtTracers::TryToBegin(Qemu& qemu, Clock::Time now) {
  Result<trace::BpftraceTarget> target = commands::BpftraceTargetOf(qemu.process.pid);
  if (!target) return Error{target.error() + "; " + kDropIn};
  Result<commands::BpftraceScript> script = ScriptFor(qemu, *target);
  if (!script) return Error{script.error()};
  if (Status opened = OpenPipe(qemu); !opened) return opened;
  const UniqueFd input = FileOf(script->probes);
  std::array<int, 2> errors{};
  if (!input || ::pipe2(errors.data(), O_CLOEXEC | O_NONBLOCK) != 0) return Error{std::strerror(errno)};
  UniqueFd errors_read(errors[0]);
  const UniqueFd errors_write(errors[1]);
  ::fcntl(errors_write.get(), F_SETFL, 0);
  source::Child::Program program{.words = {"bpftrace"},
                                 .environment = EnvironmentOfBpftrace(),
                                 .input = input.get(),
                                 .output = qemu.lines.get(),
                                 .errors = errors_write.get()};
  if (target->replaced_pid == 0) {
    program.words.emplace_back("-p");
    program.words.push_back(std::to_string(qemu.process.pid));
  }
  program.words.emplace_back("-");
  Result<source::Child> child = source::Child::Start(program);
  if (!child) {
    return Error{child.error() == std::strerror(ENOENT)
                     ? "bpftrace is not installed; install its package (dnf install bpftrace)"
                     : "cannot run bpftrace: " + child.error()};
  }
  spdlog::info("{}: bpftrace (pid {}) traces {} events of process {}", qemu.name, child->pid(), script->events,
               qemu.process.pid);
  left_out_ = script->left_out;
  qemu.tracer = Tracer{.child = std::move(*child),
                       .errors = std::move(errors_read),
                       .said = {},
                       .heard = 0,
                       .target = *target,
                       .script = std::move(script->probes),
                       .plan = plan_,
                       .started = now};
  return {};
}

Result<commands::BpftraceScript> UsdtTracers::ScriptFor(const Qemu& qemu, const trace::BpftraceTarget& target) const {
  Result<std::vector<trace::SdtProbe>> probes =
      trace::ReadSdtProbes("/proc/" + std::to_string(qemu.process.pid) + "/exe", commands::kSdtProvider);
  if (!probes) {
    return IsAboutRights(probes.error()) ? Error{"cannot read the binary of its processes; " + std::string(kDropIn)}
                                         : Error{probes.error()};
  }
  if (probes->empty()) {
    return Error{"has no trace probes, since it was built without the dtrace backend; follow its log instead (path)"};
  }
  commands::BpftraceScript script = commands::WriteBpftraceScript(plan_->loaded, target, *probes);
  if (script.events == 0) return Error{"has none of the trace events that the config needs"};
  return script;
}

Status UsdtTracers::OpenPipe(Qemu& qemu) {
  if (qemu.stream != 0) return {};
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error{std::string("cannot make a pipe: ") + std::strerror(errno)};
  UniqueFd read_end(ends[0]);
  qemu.lines.Reset(ends[1]);
  ::fcntl(read_end.get(), F_SETFL, O_NONBLOCK);
  qemu.stream = host_.attach(std::move(read_end), qemu.name, qemu.spec);
  if (qemu.stream == 0) return Error{"is not a source of the config any more"};
  return {};
}

// What bpftrace says on standard error: lost events, since 0.20, and what is wrong.
void UsdtTracers::Listen(Qemu& qemu) {
  Tracer& tracer = *qemu.tracer;
  std::array<char, kMostSaid> buffer;
  while (tracer.errors) {
    const ssize_t n = ::read(tracer.errors.get(), buffer.data(), buffer.size());
    if (n < 0) break;
    if (n == 0) tracer.errors.Reset();
    tracer.said.append(buffer.data(), static_cast<size_t>(n));
  }
  size_t& begin = tracer.heard;
  for (size_t end = tracer.said.find('\n', begin); end != std::string::npos; end = tracer.said.find('\n', begin)) {
    const std::string_view line = std::string_view(tracer.said).substr(begin, end - begin);
    const uint64_t lost = trace::LostEventsIn(line).value_or(0);
    if (lost > 0) host_.count_lost(qemu.stream, lost);
    if (lost > 0) {
      tracer.said.erase(begin, end + 1 - begin);
    } else {
      spdlog::debug("{}: bpftrace: {}", qemu.name, line);
      begin = end + 1;
    }
  }
  if (tracer.said.size() <= kMostSaid) return;
  const size_t old = tracer.said.size() - kMostSaid;
  tracer.said.erase(0, old);
  tracer.heard -= std::min(tracer.heard, old);
}

void UsdtTracers::OnTracerEnd(Qemu& qemu, const std::string& how, Clock::Time now) {
  const Tracer tracer = std::move(*qemu.tracer);
  qemu.tracer.reset();
  if (!qemu.ended_at && !IsRunning(qemu.process)) qemu.ended_at = now;
  if (qemu.ended_at) {
    const char* what = IsRunning(qemu.process) ? "is not traced any more" : "has ended";
    spdlog::info("{}: process {} {}", qemu.name, qemu.process.pid, what);
    return;
  }
  if (tracer.is_ending) {
    qemu.next_start = now;
    return;
  }
  const std::string reason = ReasonIn(tracer.said);
  qemu.problem = IsAboutRights(reason) ? "bpftrace lacks rights (" + reason + "); " + kDropIn
                                       : "bpftrace has ended (" + how + ": " + reason +
                                             "), so events are missing; it is started again, at least once a minute";
  if (now - tracer.started >= kLongestPause) qemu.pause = {};
  PutOff(qemu, now);
}

// The QEMU has ended.
void UsdtTracers::TellToEnd(Qemu& qemu, Clock::Time now) const {
  Tracer& tracer = *qemu.tracer;
  const Clock::Duration since = now - *qemu.ended_at;
  if (since >= kUntilKilled) return tracer.child.Send(SIGKILL);
  if (since < kUntilTold) return;
  if (!std::exchange(tracer.is_ending, true)) tracer.child.Send(SIGTERM);
}

// After a reload, another script may be due. A tracer that has run for a while has no problem any more.
void UsdtTracers::CheckScript(Qemu& qemu) const {
  Tracer& tracer = *qemu.tracer;
  constexpr seconds kSettled{5};
  if (Clock::Steady().Now() - tracer.started >= kSettled) qemu.problem.clear();
  if (tracer.plan == plan_ || tracer.is_ending) return;
  tracer.plan = plan_;
  Result<commands::BpftraceScript> script = ScriptFor(qemu, tracer.target);
  if (script && script->probes == tracer.script) return;
  tracer.is_ending = true;
  tracer.child.Send(SIGTERM);
}

void UsdtTracers::Publish() {
  std::vector<Warning> warnings = scan_problems_;
  for (const Qemu& qemu : qemus_) {
    if (!qemu.problem.empty()) warnings.push_back({qemu.spec, qemu.problem});
  }
  for (const std::string& event : left_out_) warnings.push_back({"usdt", event + "; it is left out"});
  std::sort(warnings.begin(), warnings.end());
  warnings.erase(std::unique(warnings.begin(), warnings.end()), warnings.end());
  {
    std::lock_guard lock(mutex_);
    if (warnings == warnings_) return;
    warnings_ = std::move(warnings);
  }
  host_.on_warning();
}

void UsdtTracers::EndAll() {
  const Clock::Time begin = Clock::Steady().Now();
  for (Qemu& qemu : qemus_) {
    if (qemu.tracer) qemu.tracer->child.Send(SIGTERM);
  }
  while (std::any_of(qemus_.begin(), qemus_.end(), [](const Qemu& qemu) { return qemu.tracer.has_value(); })) {
    for (Qemu& qemu : qemus_) {
      if (!qemu.tracer) continue;
      Listen(qemu);
      if (qemu.tracer->child.TakeEnd() || Clock::Steady().Now() - begin >= kUntilKilled) qemu.tracer.reset();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

}  // namespace qte::daemon
