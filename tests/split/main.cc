// Cuts recorded traces anywhere and tells where the pieces do not lead to the series of the whole.
#include <stdlib.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "run.h"

namespace {

namespace fs = std::filesystem;

constexpr unsigned kMostFailures = 3;
constexpr size_t kMostShown = 12;

// Most are in memory; the rest sees a disk's inodes come again.
fs::path MakeDirectory(unsigned seed) {
  fs::path parent = "/dev/shm";
  if (seed % 10 == 0 || ::access(parent.c_str(), W_OK) != 0) parent = fs::temp_directory_path();
  std::string name = (parent / "qte-split-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
  return fs::canonical(name);
}

struct Options {
  size_t cuts = 200;
  unsigned seed = 1;
  bool verbose = false;
};

// True if all series were as they must be. `cuts` is how many there may be, and how many there were.
bool RunOne(unsigned seed, bool is_verbose, qte::split::Recordings& recordings, size_t& cuts) {
  fs::path directory = MakeDirectory(seed);
  std::vector<std::string> differences;
  {
    qte::split::Run run(seed, recordings, directory);
    cuts = run.cuts();
    run.Execute();
    differences = run.Differences();
    if (!differences.empty() || is_verbose) {
      std::printf("seed %u: ", seed);
      for (const std::string& line : run.Describe()) std::printf("%s\n  ", line.c_str());
      std::printf("\n");
    }
  }
  for (size_t i = 0; i < std::min(differences.size(), kMostShown); ++i) std::printf("  %s\n", differences[i].c_str());
  if (differences.size() > kMostShown) std::printf("  ... %zu lines differ\n", differences.size());
  fs::remove_all(directory);
  return differences.empty();
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Recorded traces, cut and rotated at random, against the same in one file; a run follows from its seed");
  app.add_option("--cuts", options.cuts, "How many, at least (default 200)");
  app.add_option("--seed", options.seed, "Seed of the first run (default 1); --cuts=1 makes this one alone");
  app.add_flag("--verbose", options.verbose, "Show what happens in each");
  CLI11_PARSE(app, argc, argv);

  qte::split::Recordings recordings;
  unsigned failures = 0;
  size_t cuts = 0;
  unsigned seed = options.seed;
  for (; cuts < options.cuts && failures < kMostFailures; ++seed) {
    size_t of_run = 0;
    if (!RunOne(seed, options.verbose, recordings, of_run)) ++failures;
    if (cuts / 1000 < (cuts + of_run) / 1000) std::printf("%zu of %zu\n", cuts + of_run, options.cuts);
    cuts += of_run;
  }
  std::printf("%zu cuts in %u traces; %u of them differ\n", cuts, seed - options.seed, failures);
  return failures == 0 ? 0 : 1;
}
