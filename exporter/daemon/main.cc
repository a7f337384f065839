#include "commands/commands.h"
#include "commands/options.h"
#include "daemon/serve.h"

int main(int argc, char** argv) {
  using namespace qte;
  commands::ParsedOptions parsed = commands::ParseOptions(argc, argv);
  if (!parsed.options) return parsed.exit_code;
  const commands::Options& options = *parsed.options;
  switch (options.command) {
    case commands::Command::kServe:
      return daemon::Serve(options);
    case commands::Command::kCheck:
      return commands::Check(options);
    case commands::Command::kReplay:
      return commands::Replay(options);
    case commands::Command::kBackfill:
      return commands::Backfill(options);
    case commands::Command::kExplain:
      return commands::Explain(options);
    case commands::Command::kQemuArgs:
      return commands::PrintQemuArgs(options);
    case commands::Command::kBpftrace:
      return commands::PrintBpftrace(options);
    case commands::Command::kSchema:
      return commands::PrintSchema();
    case commands::Command::kTop:
      return commands::Top(options);
  }
}
