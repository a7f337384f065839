// Recorded traces, read from start to end as lines of text: plain, compressed (known by their first bytes), QEMU's
// binary `simple` format, which becomes the lines of QEMU's log (trace/simple_trace.h), or standard input.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "commands/progress.h"
#include "trace/catalog.h"

namespace qte::commands {

// Whether a trace can be opened at all; the error names the path and the reason.
Status CheckTrace(const std::string& path);

struct TraceReading {
  // Declares the events of a binary trace. Without it, they count by name only.
  const trace::Catalog* catalog = nullptr;
  // Learns what was read of the file.
  Progress* progress = nullptr;
  // Is added to the times of a binary trace, which count from the boot of the host.
  std::chrono::microseconds clock_offset{0};
  // Binary traces are refused if ClockOffsetOf cannot date them, as those from a pipe.
  bool needs_date = false;
};

// What a trace holds beside its lines.
struct TraceFacts {
  uint64_t dropped_events = 0;  // that QEMU could not store
};

// Calls on_bytes for each piece, with source::kReadPadding readable bytes behind it. The error names the path; what
// came before it has been handed on.
Status ReadTrace(const std::string& path, const std::function<void(std::string_view)>& on_bytes,
                 const TraceReading& reading = {}, TraceFacts* facts = nullptr);

// What takes the last record of a binary trace to the time at which its file was last written, since the records have
// no date. 0 for any other trace, and for standard input and pipes, which cannot be read twice.
std::chrono::microseconds ClockOffsetOf(const std::string& path);

}  // namespace qte::commands
