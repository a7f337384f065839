// Recorded traces that a command was given, and which of them belong together.
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

// Files with the same labels: one thread reads them, in the order given, so that their series are one.
struct Recording {
  metrics::Labels labels;
  std::vector<size_t> files;
};

// What is to be said about a file.
struct Remarks {
  std::string without_time;  // its path, if durations stay empty
  std::string error;
  uint64_t dropped_events = 0;  // that a binary trace lacks
};

// As a source's path would be: "-" stays.
std::string AbsolutePath(const std::string& path);

// Tells on standard error of every file that cannot be opened, before any is read: half an answer would look like a
// whole one. True if there is none.
bool CheckTraces(const std::vector<std::string>& files);

// By their last files, so that nothing depends on the order of labels.
std::vector<Recording> GroupByLabels(const config::Config& config, const guests::SourceLabels& labels,
                                     const std::vector<std::string>& files);

// What the config says of the envelopes of these files, in their order.
std::vector<trace::LineOpener::Pin> EnvelopesOf(const config::Config& config, const guests::SourceLabels& labels,
                                                const std::vector<std::string>& files);

// Bytes of all files together, 0 where one of them cannot be told.
uint64_t SizeOf(const std::vector<std::string>& files);

// Prints what there is to say of each file; the exit code.
int Tell(const std::vector<std::string>& files, const std::vector<Remarks>& remarks);
void Tell(const std::vector<Warning>& warnings);

}  // namespace qte::commands
