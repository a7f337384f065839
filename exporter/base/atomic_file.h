// Files that are there whole or not at all, whatever happens while they are written.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace qte {

// The whole content of a file; the error names the path and the reason.
Result<std::string> ReadWholeFile(const std::string& path);

// Writes `content` beside `path`, syncs it, renames it to `path`, and syncs the directory: after a crash or a power cut
// the old content is there or the new one. The error names the path and the reason.
Status WriteFileAtomically(const std::string& path, std::string_view content);

}  // namespace qte
