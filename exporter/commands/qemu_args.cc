// qemu-args: prints the options that make QEMU trace the events that the config needs.
#include <unistd.h>

#include <iostream>
#include <string>

#include "commands/commands.h"
#include "commands/load.h"

namespace qte::commands {

int PrintQemuArgs(const Options& options) {
  LoadOutcome outcome = LoadConfig(options);
  PrintProblems(outcome);
  if (!outcome.loaded) return kExitBadInput;
  const rules::Program& program = *outcome.loaded->program;
  if (program.NeededEvents().empty()) {
    std::cerr << "qemu-trace-exporter: the config needs no trace events\n";
    return kExitFine;
  }
  std::string arguments = program.NeedsTime() ? "-msg timestamp=on" : "";
  for (const std::string& event : program.NeededEvents()) {
    if (!arguments.empty()) arguments += ' ';
    arguments += "-trace " + event;
  }
  std::cout << arguments << '\n';
  if (isatty(STDERR_FILENO) != 0 && isatty(STDOUT_FILENO) != 0) {
    std::cerr << "\nAdd -D FILE to set the log file, and follow it with --trace.path=FILE.\n";
  }
  return kExitFine;
}

}  // namespace qte::commands
