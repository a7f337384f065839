// Recorded traces, read from start to end: plain, compressed in any way that
// libarchive reads (known by their first bytes), or standard input.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "commands/progress.h"

namespace qte::commands {

// Whether a trace can be opened at all; the error names the path and the reason.
Status CheckTrace(const std::string& path);

// Calls on_bytes for each piece, with source::kReadPadding readable bytes behind it. The error names the path; what
// came before it has been handed on. `progress` learns what was read of the file, if anybody wants to know.
Status ReadTrace(const std::string& path, const std::function<void(std::string_view)>& on_bytes,
                 Progress* progress = nullptr);

}  // namespace qte::commands
