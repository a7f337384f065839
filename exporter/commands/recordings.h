// The recorded traces on a command line, grouped by the logs they belong to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/warning.h"
#include "config/config.h"
#include "guests/source_labels.h"
#include "metrics/labels.h"

namespace qte::commands {

// Files with the same labels. One thread reads them in the given order, because they share their series.
struct Recording {
  metrics::Labels labels;
  std::vector<size_t> files;
};

// Problems found in a file.
struct Remarks {
  std::string without_time;  // the file's path if its lines have no timestamps
  std::string error;
  uint64_t dropped_events = 0;  // events that QEMU could not store in a binary trace
};

// The absolute path, as for a source. "-" is unchanged.
std::string AbsolutePath(const std::string& path);

// Reports every file that cannot be opened on standard error. Call it before reading any file, because a partial result
// would look complete. Returns true if all files can be opened.
bool CheckTraces(const std::vector<std::string>& files);

// Groups are sorted by their last files, so the output does not depend on the order of labels.
std::vector<Recording> GroupByLabels(const config::Config& config, const guests::SourceLabels& labels,
                                     const std::vector<std::string>& files);

// The envelopes that the config sets for these files, in the order of the files.
std::vector<trace::LineOpener::Pin> EnvelopesOf(const config::Config& config, const guests::SourceLabels& labels,
                                                const std::vector<std::string>& files);

// Total size of all files in bytes; 0 if the size of one is unknown.
uint64_t SizeOf(const std::vector<std::string>& files);

// Prints the problems of each file and returns the exit code.
int Tell(const std::vector<std::string>& files, const std::vector<Remarks>& remarks);
void Tell(const std::vector<Warning>& warnings);

}  // namespace qte::commands
