#include "source/path_pattern.h"

#include <dirent.h>
#include <fnmatch.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <system_error>

namespace qte::source {
namespace {

constexpr int kMatchFlags = FNM_PATHNAME | FNM_PERIOD | FNM_NOESCAPE;

bool HasWildcard(std::string_view component) {
  return component.find_first_of("*?[") != std::string_view::npos;
}

std::string Absolute(const std::string& path) {
  std::error_code error;
  std::filesystem::path absolute = std::filesystem::absolute(path, error);
  return error ? "/" + path : absolute.string();
}

// Without empty components and ".". A ".." stays, since it may follow a symbolic link.
std::vector<std::string> Split(const std::string& path) {
  std::vector<std::string> components;
  for (size_t begin = 0; begin < path.size();) {
    size_t end = std::min(path.find('/', begin), path.size());
    std::string component = path.substr(begin, end - begin);
    if (!component.empty() && component != ".") components.push_back(std::move(component));
    begin = end + 1;
  }
  return components;
}

std::string Join(const std::string& directory, const std::string& name) {
  return directory == "/" ? "/" + name : directory + "/" + name;
}

// Why a path is not a directory, as an errno; 0 if it is one.
int DirectoryError(const std::string& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) != 0) return errno;
  return S_ISDIR(status.st_mode) ? 0 : ENOTDIR;
}

bool IsLink(const std::string& path) {
  struct stat status;
  return ::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode);
}

// What matches in a directory. If it cannot be listed, that is added to `failures`.
std::vector<std::string> MatchingNames(const std::string& directory, const std::string& pattern,
                                       std::vector<DirectoryFailure>& failures) {
  std::vector<std::string> names;
  std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(directory.c_str()), ::closedir);
  if (listing == nullptr) {
    failures.push_back({directory, errno});
    return names;
  }
  while (const dirent* entry = ::readdir(listing.get())) {
    std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (::fnmatch(pattern.c_str(), entry->d_name, kMatchFlags) == 0) names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

bool DirectoryFailure::is_unknown() const {
  return error != ENOENT && error != ENOTDIR && error != ELOOP && error != ENAMETOOLONG;
}

PathPattern::PathPattern(const std::string& path) : components_(Split(Absolute(path))) {
  for (const std::string& component : components_) {
    text_ += "/" + component;
    is_plain_ = is_plain_ && !HasWildcard(component);
    if (is_plain_) ++first_wildcard_;
  }
  if (text_.empty()) text_ = "/";
}

bool PathPattern::Matches(const std::string& path) const {
  return is_plain_ ? path == text_ : ::fnmatch(text_.c_str(), path.c_str(), kMatchFlags) == 0;
}

void PathPattern::Expand(Expansion& expansion) const {
  if (components_.empty()) {
    expansion.paths.push_back(text_);
    return;
  }
  Walk("/", 0, expansion);
}

void PathPattern::Walk(const std::string& directory, size_t component, Expansion& expansion) const {
  if (HasWildcard(components_[component])) {
    WalkMatches(directory, component, expansion);
  } else {
    WalkPlain(directory, component, expansion);
  }
}

// A directory on the way is asked for its own fate only, so that noise in /tmp or /var/log causes no wake-up. Its
// entries matter where the next component is yet to come, or is a link that may be switched.
void PathPattern::WalkPlain(const std::string& directory, size_t component, Expansion& expansion) const {
  const std::string& name = components_[component];
  std::string path = Join(directory, name);
  DirectoryInterest& interest = expansion.directories[directory];
  bool is_last = component + 1 == components_.size();
  int error = is_last ? 0 : DirectoryError(path);
  if (is_last || error != 0 || IsLink(path)) interest.names.push_back(name);
  if (is_last) {
    expansion.paths.push_back(path);
  } else if (error == 0) {
    Walk(path, component + 1, expansion);
  } else if (is_plain_) {
    expansion.paths.push_back(text_);
  } else {
    // Behind a wildcard, a directory that lacks the next component just does not match.
    DirectoryFailure failure{std::move(path), error};
    if (component < first_wildcard_ || failure.is_unknown()) expansion.failures.push_back(std::move(failure));
  }
}

void PathPattern::WalkMatches(const std::string& directory, size_t component, Expansion& expansion) const {
  expansion.directories[directory].names.push_back(components_[component]);
  bool is_last = component + 1 == components_.size();
  for (const std::string& name : MatchingNames(directory, components_[component], expansion.failures)) {
    std::string path = Join(directory, name);
    if (is_last) {
      expansion.paths.push_back(path);
    } else if (int error = DirectoryError(path); error == 0) {
      Walk(path, component + 1, expansion);
    } else if (DirectoryFailure failure{std::move(path), error}; failure.is_unknown()) {
      expansion.failures.push_back(std::move(failure));
    }
  }
}

Exclusion::Exclusion(const std::string& glob)
    : name_(glob.find('/') == std::string::npos ? glob : ""), pattern_(glob) {}

bool Exclusion::Matches(const std::string& path) const {
  if (name_.empty()) return pattern_.Matches(path);
  return ::fnmatch(name_.c_str(), path.c_str() + path.rfind('/') + 1, kMatchFlags) == 0;
}

std::string ParentOf(const std::string& path) {
  size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

}  // namespace qte::source
