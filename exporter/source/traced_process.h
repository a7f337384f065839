// A QEMU whose trace events are read by a tracer, and the name of its stream.
//
// Such a stream has no path, so it is named after the process: "usdt:4711:UUID:NAME". The name tells all that labels
// are made of.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "source/path_pattern.h"

namespace qte::source {

struct TracedProcess {
  int pid = 0;
  std::string uuid;  // of -uuid; may be empty
  std::string name;  // of -name; may be empty

  bool operator==(const TracedProcess&) const = default;
};

// What the command line of a QEMU says, as /proc/PID/cmdline has it: arguments that end in NUL.
TracedProcess TracedProcessOf(int pid, std::string_view command_line);

std::string StreamNameOf(const TracedProcess& process);
// Nothing if it is not such a name.
std::optional<TracedProcess> ParseStreamName(std::string_view name);

// A process by its number and its start, since numbers are given again.
struct RunningProcess {
  int pid = 0;
  uint64_t start_time = 0;  // in clock ticks since boot
  std::string binary;       // as the process itself names it

  bool operator==(const RunningProcess&) const = default;
};

struct ProcessScan {
  std::vector<RunningProcess> processes;
  bool is_incomplete = false;  // some processes do not show their binary to this user
};

// The processes whose binary matches, in whatever mount namespace they are.
ProcessScan FindProcesses(const PathPattern& binaries);

// When a process was started; nothing if there is none of this number, or it has ended without being waited for
// (a zombie).
std::optional<uint64_t> StartTimeOf(int pid);

}  // namespace qte::source
