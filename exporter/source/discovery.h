// What the configured paths and globs stand for right now.
//
// In: the specs. Out of each look: the files and FIFOs that match, what is wrong with plain paths that do not and with
// directories that cannot be listed, and the directories in which a change would alter the answer. It opens no file and
// remembers nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/warning.h"
#include "source/file_identity.h"
#include "source/path_pattern.h"
#include "source/source_set.h"

namespace qte::source {

struct FoundFile {
  std::string path;
  size_t source = 0;  // index of the first spec that matches and does not exclude it
  FileIdentity identity;
  uint64_t size = 0;
};

// What to do about a file or directory that cannot be had: "; let user 998 read it", or nothing.
std::string RemedyOf(int error);

// A path that should be followed and is not.
struct Problem {
  std::string path;
  size_t source = 0;
  std::string error;
  bool takes_turns = false;  // it waits for a descriptor
  bool operator==(const Problem&) const = default;
};

struct Scan {
  std::vector<FoundFile> files;  // each path once; two paths may name one file
  std::vector<Problem> problems;
  std::vector<Warning> warnings;     // of what is followed, but most likely not as meant
  std::vector<std::string> unknown;  // paths of which nothing can be told, nor of what is below them
  std::set<size_t> incomplete;       // sources of which a directory is missing or cannot be listed
  DirectoryInterests directories;
  bool is_outdated = false;  // a path names another file by now

  bool IsUnknown(const std::string& path) const;
};

class Discovery {
 public:
  explicit Discovery(const std::vector<SourceSpec>& specs);

  Scan Look() const;
  // The first spec that matches a path and does not exclude it.
  std::optional<size_t> SourceOf(const std::string& path) const;
  // The path or glob of a spec, by its index.
  std::string PatternOf(size_t source) const;
  // The spec of standard input.
  std::optional<size_t> stdin_source() const { return stdin_source_; }

 private:
  struct Source {
    size_t index;
    PathPattern pattern;
    std::vector<Exclusion> exclude;

    bool Excludes(const std::string& path) const;
  };

  static void TakeFailures(const std::vector<DirectoryFailure>& failures, const Source& source, Scan& scan);
  bool LookAt(const std::string& path, const Source& source, Scan& scan) const;

  std::vector<Source> sources_;
  std::optional<size_t> stdin_source_;
};

}  // namespace qte::source
