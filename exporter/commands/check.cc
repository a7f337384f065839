// check: what the config holds, or what is wrong with it.
#include <algorithm>
#include <iostream>

#include "commands/commands.h"
#include "commands/load.h"
#include "commands/sources.h"

namespace qte::commands {
namespace {

std::string Count(size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

}  // namespace

int Check(const Options& options) {
  LoadOutcome outcome = LoadConfig(options);
  PrintProblems(outcome);
  if (!outcome.loaded) return kExitBadInput;
  const LoadedConfig& loaded = *outcome.loaded;
  if (loaded.config.sources.empty()) {
    std::cerr << "warning: " << loaded.config.file << ": no sources, so `serve` needs --trace.path\n";
  }
  for (const Warning& warning : WarningsOfSources(loaded.config)) std::cerr << "warning: " << warning.Line() << '\n';
  std::cout << loaded.config.file << ": fine: " << Count(loaded.config.metrics.size(), "metric") << ", "
            << Count(loaded.config.sources.size(), "source") << ", "
            << Count(loaded.program->NeededEvents().size(), "trace event") << " needed of "
            << loaded.catalog->events().size() << " known";
  auto with_qmp =
      static_cast<size_t>(std::count_if(loaded.config.sources.begin(), loaded.config.sources.end(),
                                        [](const config::Source& source) { return source.qmp.has_value(); }));
  if (with_qmp > 0) std::cout << ", to be switched on by QMP in " << Count(with_qmp, "source");
  if (!loaded.web.file.empty())
    std::cout << "; " << loaded.web.file << ": fine: " << Count(loaded.web.users.size(), "user");
  std::cout << '\n';
  return kExitFine;
}

}  // namespace qte::commands
