// The command `serve`.
#pragma once

#include "commands/options.h"

namespace qte::daemon {

// Follows and serves until SIGTERM or SIGINT; the exit code.
int Serve(const commands::Options& options);

}  // namespace qte::daemon
