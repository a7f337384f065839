// The commands that run once: each takes the options and returns the exit code. `serve` is in daemon/.
#pragma once

#include "commands/options.h"

namespace qte::commands {

int Check(const Options& options);
int Replay(const Options& options);
int Backfill(const Options& options);
int Explain(const Options& options);
int PrintQemuArgs(const Options& options);
int PrintBpftrace(const Options& options);
int PrintSchema();
int Top(const Options& options);

}  // namespace qte::commands
