#include "source/discovery.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
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

// For a pattern with wildcards that gives no file, though its directory can be listed. Plain paths are problems then.
void WarnOfNothing(const PathPattern& pattern, const Expansion& expansion, size_t excluded, Scan& scan) {
  if (pattern.is_plain() || !expansion.failures.empty()) return;
  const std::string reason = excluded == 0 ? "no file matches"
                                           : "\"exclude\" leaves out all " + std::to_string(excluded) + " files that match";
  scan.warnings.push_back({pattern.text(), reason + "; check the path, and that QEMU writes its log there (-D FILE). "
                                                    "Files that come later are followed"});
}

// Two paths of one file, by a symbolic link of the file or of a directory. One word says it all: there may be many.
void WarnOfLinks(Scan& scan) {
  std::map<FileIdentity, const FoundFile*> first;
  for (const FoundFile& file : scan.files) {
    const FoundFile& other = *first.try_emplace(file.identity, &file).first->second;
    if (&other == &file) continue;
    std::error_code error;
    const bool is_link = std::filesystem::canonical(file.path, error) == std::filesystem::canonical(other.path, error);
    if (error || !is_link) continue;
    scan.warnings.push_back({file.path, "is the same file as " + other.path +
                                            " through a symbolic link; it is read once, under the first path. Leave "
                                            "out one of them by \"exclude\""});
    return;
  }
}

}  // namespace

std::string RemedyOf(int error) {
  if (error == EACCES) {
    return "; let user " + std::to_string(::geteuid()) + " read it, and search the directories above it (setfacl -m)";
  }
  if (error == ENOENT || error == ENOTDIR) return "; create it, or correct the path";
  return {};
}

bool Scan::IsUnknown(const std::string& path) const {
  return std::any_of(unknown.begin(), unknown.end(), [&path](const std::string& start) {
    return path.starts_with(start) && (path.size() == start.size() || path[start.size()] == '/');
  });
}

Discovery::Discovery(const std::vector<SourceSpec>& specs) {
  for (size_t i = 0; i < specs.size(); ++i) {
    if (specs[i].is_attached) continue;
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
    const bool is_away = source.pattern.is_plain() && ::access(ParentOf(source.pattern.text()).c_str(), F_OK) != 0;
    if (is_away) scan.incomplete.insert(source.index);
    size_t files = 0;
    size_t excluded = 0;
    for (const std::string& path : expansion.paths) {
      if (source.Excludes(path)) {
        ++excluded;
      } else if (!seen.insert(path).second || LookAt(path, source, scan)) {
        ++files;
      }
    }
    if (files == 0) WarnOfNothing(source.pattern, expansion, excluded, scan);
  }
  WarnOfLinks(scan);
  return scan;
}

std::optional<size_t> Discovery::SourceOf(const std::string& path) const {
  for (const Source& source : sources_) {
    if (source.pattern.Matches(path) && !source.Excludes(path)) return source.index;
  }
  return std::nullopt;
}

std::string Discovery::PatternOf(size_t source) const {
  auto found = std::lower_bound(sources_.begin(), sources_.end(), source,
                                [](const Source& each, size_t index) { return each.index < index; });
  return found == sources_.end() || found->index != source ? std::string() : found->pattern.text();
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
  scan.incomplete.insert(source.index);
  const int error = failures[0].error;
  scan.problems.push_back(
      {source.pattern.text(), source.index, "cannot list " + failures[0].path + ": " + std::strerror(error) + RemedyOf(error)});
}

// True if it is something to follow.
bool Discovery::LookAt(const std::string& path, const Source& source, Scan& scan) const {
  WatchBehindLink(path, scan.directories);
  struct stat status;
  int error = ::stat(path.c_str(), &status) == 0 ? 0 : errno;
  bool is_there = error == 0;
  if (is_there && (S_ISREG(status.st_mode) || S_ISFIFO(status.st_mode))) {
    auto size = S_ISREG(status.st_mode) ? static_cast<uint64_t>(status.st_size) : 0;
    scan.files.push_back({path, source.index, FileIdentity::Of(status), size});
    if (status.st_nlink == 0) {
      scan.warnings.push_back({path, "was deleted where it came from, so a new log is another file; if it is mounted "
                                     "here, mount its directory instead"});
    }
    return true;
  }
  if (!is_there && error == EACCES) scan.directories[ParentOf(path)].attributes = true;
  if (DirectoryFailure{path, error}.is_unknown() && !is_there) scan.unknown.push_back(path);
  if (!source.pattern.is_plain()) return false;
  std::string text = !is_there                 ? std::strerror(error) + RemedyOf(error)
                     : S_ISDIR(status.st_mode) ? "is a directory; to follow the files in it, add /*"
                                               : "is neither a file nor a FIFO";
  scan.problems.push_back({path, source.index, std::move(text)});
  return false;
}

}  // namespace qte::source
