// The bpftrace script for all events that a config needs: by the command `bpftrace`, and by the daemon for sources with
// `usdt`. Written from the declarations alone; which of them a binary has is told by its probes.
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

// QEMU calls itself so in its probes.
inline constexpr std::string_view kSdtProvider = "qemu";

struct BpftraceScript {
  std::string probes;                 // without a head
  size_t events = 0;                  // that it prints
  std::vector<std::string> absent;    // events that are needed and that the binary does not have
  std::vector<std::string> left_out;  // "event: reason", where the binary has them
};

// Without probes of a binary, the script is for all needed events as they are declared first.
BpftraceScript WriteBpftraceScript(const LoadedConfig& loaded, const trace::BpftraceTarget& target,
                                   const std::optional<std::vector<trace::SdtProbe>>& probes);

// The target that a process is.
Result<trace::BpftraceTarget> BpftraceTargetOf(int pid);

// When this machine was started, in nanoseconds since the epoch.
int64_t BootTimeNs();

}  // namespace qte::commands
