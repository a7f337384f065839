// Reads recorded traces from start to end as lines of text. A trace is a file or standard input. Its first bytes show
// whether it is compressed. Traces in QEMU's binary `simple` format become lines of a log (trace/simple_trace.h).
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

// Checks that a trace can be opened. The error names the path and the reason.
Status CheckTrace(const std::string& path);

struct TraceReading {
  // Declares the events of a binary trace. Without it, they count by name only.
  const trace::Catalog* catalog = nullptr;
  // Is informed of the bytes read.
  Progress* progress = nullptr;
  // Offset added to the times of a binary trace, which count from the boot of the host.
  std::chrono::microseconds clock_offset{0};
  // Rejects binary traces that ClockOffsetOf cannot date, such as those from a pipe.
  bool needs_date = false;
};

// What a trace contains besides its lines.
struct TraceFacts {
  uint64_t dropped_events = 0;  // events that QEMU could not store
};

// Calls on_bytes for each piece, with source::kReadPadding readable bytes after it. The error names the path. All bytes
// before the error have been passed on.
Status ReadTrace(const std::string& path, const std::function<void(std::string_view)>& on_bytes,
                 const TraceReading& reading = {}, TraceFacts* facts = nullptr);

// The offset that dates a binary trace. Its records have no date, so its last record is set to the file's modification
// time. 0 for any other trace, and for standard input and pipes, which cannot be read twice.
std::chrono::microseconds ClockOffsetOf(const std::string& path);

}  // namespace qte::commands
