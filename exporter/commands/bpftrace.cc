// bpftrace: a script that prints the trace events the config needs, for a QEMU with the dtrace backend.
#include <sys/utsname.h>
#include <unistd.h>

#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "commands/bpftrace_script.h"
#include "commands/commands.h"
#include "commands/load.h"

namespace qte::commands {
namespace {

constexpr const char* kUsualBinary = "/usr/libexec/qemu-kvm";  // on Fedora, RHEL and their derivatives

struct Traced {
  trace::BpftraceTarget target;
  std::string file;  // the binary whose probes are read
};

// The path where distributions install QEMU. Used if the command line names neither a binary nor a process.
std::string FindBinary() {
  utsname host{};
  ::uname(&host);
  for (const std::string& path : {std::string(kUsualBinary), std::string("/usr/bin/qemu-kvm"),
                                  "/usr/bin/qemu-system-" + std::string(host.machine)}) {
    if (::access(path.c_str(), R_OK) == 0) return path;
  }
  return kUsualBinary;
}

Result<Traced> WhatToTrace(const Options& options) {
  Traced traced{{.replaced_pid = 0, .boot_ns = BootTimeNs()}, options.binary};
  if (options.pid != 0) {
    Result<trace::BpftraceTarget> target = BpftraceTargetOf(options.pid);
    if (!target) return Error{target.error()};
    traced.target = *target;
    if (traced.file.empty()) traced.file = "/proc/" + std::to_string(options.pid) + "/exe";
  }
  if (traced.file.empty()) traced.file = FindBinary();
  return traced;
}

// The probes of the binary, or nothing if it is not on this machine.
Result<std::optional<std::vector<trace::SdtProbe>>> ProbesOf(const std::string& file) {
  using Probes = std::optional<std::vector<trace::SdtProbe>>;
  if (::access(file.c_str(), F_OK) != 0) {
    std::cerr << "warning: " << file
              << " is not on this machine, so the script traces all events that the config needs, by their first "
                 "declarations; bpftrace 0.24 and later rejects it if QEMU lacks one of them\n";
    return Probes();
  }
  Result<std::vector<trace::SdtProbe>> probes = trace::ReadSdtProbes(file, kSdtProvider);
  if (!probes) return Error{probes.error()};
  if (probes->empty()) {
    return Error{file +
                 ": has no trace probes, since it was built without the dtrace backend; make QEMU write a log with the "
                 "options that `qemu-trace-exporter qemu-args` prints"};
  }
  return Probes(std::move(*probes));
}

void PrintHead(const Options& options, const trace::BpftraceTarget& target) {
  const std::string pid = options.pid != 0 ? std::to_string(options.pid) : "PID";
  const std::string strlen = std::to_string(trace::kBpftraceStringBytes);
  std::cout
      << "// Trace events of QEMU for qemu-trace-exporter, by the probes of the dtrace backend. Run as root:\n//\n"
      << "//   BPFTRACE_STRLEN=" << strlen << " BPFTRACE_MAX_STRLEN=" << strlen << " bpftrace "
      << (target.replaced_pid == 0 ? "-p " + pid + ' ' : "") << "THIS_FILE | qemu-trace-exporter --trace.path=-\n//\n"
      << "// The timestamps are correct until this machine reboots.\n";
}

}  // namespace

int PrintBpftrace(const Options& options) {
  LoadOutcome outcome = LoadConfig(options);
  PrintProblems(outcome);
  if (!outcome.loaded) return kExitBadInput;
  auto fail = [](const std::string& what) {
    std::cerr << "qemu-trace-exporter: " << what << '\n';
    return kExitBadInput;
  };
  if (outcome.loaded->program->NeededEvents().empty()) {
    std::cerr << "qemu-trace-exporter: the config needs no trace events\n";
    return kExitFine;
  }
  Result<Traced> traced = WhatToTrace(options);
  if (!traced) return fail(traced.error());
  Result<std::optional<std::vector<trace::SdtProbe>>> probes = ProbesOf(traced->file);
  if (!probes) return fail(probes.error());
  const BpftraceScript script = WriteBpftraceScript(*outcome.loaded, traced->target, *probes);
  for (const std::string& reason : script.left_out) std::cerr << "warning: " << reason << "; it is left out\n";
  if (script.events == 0) return fail(traced->file + ": has none of the trace events that the config needs");
  PrintHead(options, traced->target);
  for (const std::string& name : script.absent) std::cout << "// " << name << ": not in this binary\n";
  std::cout << script.probes;
  return kExitFine;
}

}  // namespace qte::commands
