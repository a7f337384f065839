#include "daemon/commands.h"
#include "daemon/options.h"

int main(int argc, char** argv) {
  using namespace qte::daemon;
  ParsedOptions parsed = ParseOptions(argc, argv);
  if (!parsed.options) return parsed.exit_code;
  const Options& options = *parsed.options;
  switch (options.command) {
    case Command::kServe:
      return Serve(options);
    case Command::kCheck:
      return Check(options);
    case Command::kReplay:
      return Replay(options);
    case Command::kBackfill:
      return Backfill(options);
    case Command::kExplain:
      return Explain(options);
    case Command::kQemuArgs:
      return PrintQemuArgs(options);
  }
}
