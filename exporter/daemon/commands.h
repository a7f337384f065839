// The commands, each from options to an exit code.
#pragma once

#include "daemon/options.h"

namespace qte::daemon {

int Serve(const Options& options);
int Check(const Options& options);
int Replay(const Options& options);
int Backfill(const Options& options);
int Explain(const Options& options);
int PrintQemuArgs(const Options& options);

}  // namespace qte::daemon
