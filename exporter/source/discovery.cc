#include "source/discovery.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

namespace qte::source {
namespace {

// The directory that holds what a link points to: the file may be rotated there, or come there only.
void WatchBehindLink(const std::string& path, DirectoryInterests& directories) {
  struct stat status;
  if (::lstat(path.c_str(), &status) != 0 || !S_ISLNK(status.st_mode)) return;
  std::error_code error;
  std::filesystem::path target = std::filesystem::canonical(path, error);
  if (error) {
    target = std::filesystem::path(path).parent_path() / std::filesystem::read_symlink(path, error);
    if (error) return;
    target = std::filesystem::canonical(target.parent_path(), error) / target.filename();
    if (error) return;
  }
  directories[target.parent_path().string()].names.push_back(target.filename().string());
}

}  // namespace

bool Scan::IsUnknown(const std::string& path) const {
  return std::any_of(unknown.begin(), unknown.end(), [&path](const std::string& start) {
    return path.starts_with(start) && (path.size() == start.size() || path[start.size()] == '/');
  });
}

Discovery::Discovery(const std::vector<SourceSpec>& specs) {
  for (size_t i = 0; i < specs.size(); ++i) {
    if (specs[i].path != "-") {
      sources_.push_back({i, PathPattern(specs[i].path), {}});
      for (const std::string& glob : specs[i].exclude) sources_.back().exclude.emplace_back(glob);
    } else if (!stdin_source_) {
      stdin_source_ = i;
    }
  }
}

bool Discovery::Source::Excludes(const std::string& path) const {
  return std::any_of(exclude.begin(), exclude.end(),
                     [&path](const Exclusion& exclusion) { return exclusion.Matches(path); });
}

Scan Discovery::Look() const {
  Scan scan;
  std::set<std::string> seen;
  for (const Source& source : sources_) {
    Expansion expansion;
    expansion.directories = std::move(scan.directories);
    source.pattern.Expand(expansion);
    scan.directories = std::move(expansion.directories);
    TakeFailures(expansion.failures, source, scan);
    for (const std::string& path : expansion.paths) {
      if (!source.Excludes(path) && seen.insert(path).second) LookAt(path, source, scan);
    }
  }
  return scan;
}

std::optional<size_t> Discovery::SourceOf(const std::string& path) const {
  for (const Source& source : sources_) {
    if (source.pattern.Matches(path) && !source.Excludes(path)) return source.index;
  }
  return std::nullopt;
}

// One problem a source; the others of a glob are most likely of the same kind.
void Discovery::TakeFailures(const std::vector<DirectoryFailure>& failures, const Source& source, Scan& scan) {
  for (const DirectoryFailure& failure : failures) {
    if (!failure.is_unknown()) continue;
    scan.unknown.push_back(failure.path);
    scan.directories[failure.path].attributes = true;
    scan.directories[ParentOf(failure.path)].attributes = true;
  }
  if (failures.empty()) return;
  scan.problems.push_back({source.pattern.text(), source.index,
                           "cannot list " + failures[0].path + ": " + std::strerror(failures[0].error)});
}

void Discovery::LookAt(const std::string& path, const Source& source, Scan& scan) const {
  WatchBehindLink(path, scan.directories);
  struct stat status;
  int error = ::stat(path.c_str(), &status) == 0 ? 0 : errno;
  bool is_there = error == 0;
  if (is_there && (S_ISREG(status.st_mode) || S_ISFIFO(status.st_mode))) {
    auto size = S_ISREG(status.st_mode) ? static_cast<uint64_t>(status.st_size) : 0;
    scan.files.push_back({path, source.index, FileIdentity::Of(status), size});
    return;
  }
  if (!is_there && error == EACCES) scan.directories[ParentOf(path)].attributes = true;
  if (DirectoryFailure{path, error}.is_unknown() && !is_there) scan.unknown.push_back(path);
  if (!source.pattern.is_plain()) return;
  std::string text = !is_there                 ? std::strerror(error)
                     : S_ISDIR(status.st_mode) ? "is a directory; to follow the files in it, add /*"
                                               : "is neither a file nor a FIFO";
  scan.problems.push_back({path, source.index, std::move(text)});
}

}  // namespace qte::source
