// Writes the bpftrace script for all events that a config needs. The command `bpftrace` prints it, and the daemon runs
// it for sources with `usdt`. The text comes from the declarations alone; a binary's probes show which events it has.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "commands/load.h"
#include "trace/bpftrace_probe.h"
#include "trace/sdt_probes.h"

namespace qte::commands {

// Provider name of QEMU's probes.
inline constexpr std::string_view kSdtProvider = "qemu";

struct BpftraceScript {
  std::string probes;                 // without the head comment
  size_t events = 0;                  // number of events that the script prints
  std::vector<std::string> absent;    // needed events that the binary lacks
  std::vector<std::string> left_out;  // "event: reason", for events that the binary has
};

// Without `probes`, the script covers all needed events by their first declarations.
BpftraceScript WriteBpftraceScript(const LoadedConfig& loaded, const trace::BpftraceTarget& target,
                                   const std::optional<std::vector<trace::SdtProbe>>& probes);

// Describes a running process as a target.
Result<trace::BpftraceTarget> BpftraceTargetOf(int pid);

// Boot time of this machine in nanoseconds since the epoch.
int64_t BootTimeNs();

}  // namespace qte::commands
