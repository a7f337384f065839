// Runs random histories and tells which of them went wrong.
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <string>

#include "history.h"

namespace {

namespace fs = std::filesystem;

struct Options {
  unsigned histories = 2000;
  unsigned seed = 1;
  int steps = 120;
  bool verbose = false;
};

// Most are in memory, since a disk makes them ten times slower; the rest sees its inodes come again.
fs::path MakeDirectory(unsigned seed) {
  fs::path parent = "/dev/shm";
  if (seed % 10 == 0 || ::access(parent.c_str(), W_OK) != 0) parent = fs::temp_directory_path();
  std::string name = (parent / "qte-model-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
  return fs::canonical(name);
}

// True if all was as it must be.
bool RunOne(unsigned seed, const Options& options, size_t& tokens, size_t& destroyed) {
  fs::path directory = MakeDirectory(seed);
  std::vector<std::string> wrong;
  {
    qte::model::History history(seed, directory);
    history.Run(options.steps);
    wrong = history.Check();
    tokens += history.tokens();
    destroyed += history.destroyed();
    if (!wrong.empty() || options.verbose) {
      std::printf("seed %u:\n", seed);
      for (const std::string& action : history.log()) std::printf("  %s\n", action.c_str());
    }
  }
  for (const std::string& what : wrong) std::printf("  WRONG: %s\n", what.c_str());
  fs::remove_all(directory);
  return wrong.empty();
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Random histories of writers and reader against a model; a history follows from its seed");
  app.add_option("--histories", options.histories, "How many (default 2000)");
  app.add_option("--seed", options.seed, "Seed of the first one (default 1)");
  app.add_option("--steps", options.steps, "Actions in each (default 120)");
  app.add_flag("--verbose", options.verbose, "Show what happens in each");
  CLI11_PARSE(app, argc, argv);

  // Mounts of its own, so that none is left behind; where that is not allowed, directories are moved instead.
  if (::unshare(CLONE_NEWNS) == 0) ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);

  unsigned failures = 0;
  size_t tokens = 0;
  size_t destroyed = 0;
  for (unsigned i = 0; i < options.histories && failures < 3; ++i) {
    if (!RunOne(options.seed + i, options, tokens, destroyed)) ++failures;
    if ((i + 1) % 500 == 0) std::printf("%u of %u\n", i + 1, options.histories);
  }
  std::printf("%zu lines, %zu of them in files that were destroyed; %u histories wrong\n", tokens, destroyed, failures);
  return failures == 0 ? 0 : 1;
}
