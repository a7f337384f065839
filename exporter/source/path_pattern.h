// A path with `*`, `?` and `[...]` in any of its components, and which directories tell when what it matches changes.
//
// As in a shell: `*` does not cross a slash and does not match a leading dot; `**` is `*`. A backslash is a plain
// character; `[*]` stands for a star. glob(3) would find the files but not say where to wait for more of them.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace qte::source {

// What is to be known about a directory. Its own removal and renaming always are.
struct DirectoryInterest {
  std::vector<std::string> names;  // patterns of the entries whose coming and going matters
  bool attributes = false;         // changes of permission matter, too
};

using DirectoryInterests = std::map<std::string, DirectoryInterest>;

// A directory on the way that could not be looked through.
struct DirectoryFailure {
  std::string path;
  int error = 0;  // an errno
  // Nothing is known of the files below it: it exists, and may hold what it held.
  bool is_unknown() const;
};

// What one walk through the file system found.
struct Expansion {
  std::vector<std::string> paths;  // that match, in order; a plain path even if it does not exist
  DirectoryInterests directories;
  std::vector<DirectoryFailure> failures;  // of a pattern with wildcards
};

class PathPattern {
 public:
  // A relative path starts at the current directory.
  explicit PathPattern(const std::string& path);

  const std::string& text() const { return text_; }
  bool is_plain() const { return is_plain_; }
  bool Matches(const std::string& path) const;
  // Adds what is there now to `expansion`.
  void Expand(Expansion& expansion) const;

 private:
  void Walk(const std::string& directory, size_t component, Expansion& expansion) const;
  void WalkPlain(const std::string& directory, size_t component, Expansion& expansion) const;
  void WalkMatches(const std::string& directory, size_t component, Expansion& expansion) const;

  std::vector<std::string> components_;
  size_t first_wildcard_ = 0;  // the first component that holds one
  std::string text_;           // absolute
  bool is_plain_ = true;
};

// A glob whose matches are left out: held against the path, or, without a slash, against the last name in it, as
// `*.gz` would otherwise match only in the current directory.
class Exclusion {
 public:
  explicit Exclusion(const std::string& glob);
  bool Matches(const std::string& path) const;

 private:
  std::string name_;  // of a glob without a slash
  PathPattern pattern_;
};

// The directory part of an absolute path.
std::string ParentOf(const std::string& path);

}  // namespace qte::source
