#include "source/rotation_search.h"

#include <dirent.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <string_view>
#include <tuple>
#include <utility>

namespace qte::source {
namespace {

using Kind = RotationSearch::Sighting::Kind;

bool IsCompressed(const std::string& path) {
  constexpr std::array<std::string_view, 5> kSuffixes{".gz", ".xz", ".bz2", ".zst", ".lz4"};
  return std::any_of(kSuffixes.begin(), kSuffixes.end(),
                     [&](std::string_view suffix) { return path.ends_with(suffix); });
}

// The longest followed path that `path` continues, as vm.log.1 does vm.log.
std::optional<std::string> RotatedFrom(const std::string& path, const Discovery& discovery) {
  size_t name = ParentOf(path).size() + 1;
  for (size_t size = path.size() - 1; size > name; --size) {
    std::string origin = path.substr(0, size);
    if (discovery.SourceOf(origin)) return origin;
  }
  return std::nullopt;
}

// The ends that logrotate gives to names: .1 or, with a date, -20261129.
bool IsRotationEnd(std::string_view end) {
  constexpr size_t kDateSize = 1 + 8;
  bool is_number = end.size() > 1 && end[0] == '.';
  bool is_date = end.size() >= kDateSize && end[0] == '-';
  return (is_number || is_date) && end.find_first_not_of("0123456789", 1) == std::string_view::npos;
}

// The name without compression, number and dates.
std::string WithoutRotation(std::string path) {
  if (IsCompressed(path)) path.resize(path.rfind('.'));
  path = RotationSearch::OriginalName(path).value_or(path);
  constexpr size_t kLeastOfDate = 6;
  for (size_t at = path.rfind('/') + 1; (at = path.find_first_of("0123456789", at)) < path.size();) {
    size_t end = std::min(path.find_first_not_of("0123456789", at), path.size());
    if (end - at < kLeastOfDate) {
      at = end;
      continue;
    }
    size_t begin = at > 0 && (path[at - 1] == '-' || path[at - 1] == '.' || path[at - 1] == '_') ? at - 1 : at;
    path.erase(begin, end - begin);
    at = begin;
  }
  return path;
}

std::string Join(const std::string& directory, const std::string& name) {
  return directory == "/" ? "/" + name : directory + "/" + name;
}

bool IsSameBirth(const std::string& path, int64_t birth) {
  int64_t now = BirthOf(AT_FDCWD, path);
  return birth == 0 || now == 0 || birth == now;
}

}  // namespace

std::optional<std::string> RotationSearch::OriginalName(const std::string& path) {
  size_t end = path.find_last_not_of("0123456789");
  if (end == std::string::npos || !IsRotationEnd(std::string_view(path).substr(end))) return std::nullopt;
  return path.substr(0, end);
}

bool RotationSearch::AreOfOneLog(const std::string& a, const std::string& b) {
  return WithoutRotation(a) == WithoutRotation(b);
}

int64_t RotationSearch::NumberOf(const std::string& path) {
  size_t end = path.find_last_not_of("0123456789");
  int64_t number = 0;
  if (end != std::string::npos && path[end] == '.') {
    std::from_chars(path.data() + end + 1, path.data() + path.size(), number);
  }
  return number;
}

bool RotationSearch::IsOlder(const Unseen& a, const Unseen& b) {
  auto key = [](const Unseen& file) {
    return std::tuple(file.birth, -NumberOf(file.path), std::string_view(file.path));
  };
  return key(a) < key(b);
}

const std::optional<FileIdentity>& RotationSearch::IdentityOf(const std::string& directory) {
  auto [known, is_new] = identities_.try_emplace(directory);
  if (is_new) known->second = IdentityAt(directory);
  return known->second;
}

const RotationSearch::Listing& RotationSearch::List(const std::string& directory) {
  auto [known, is_new] = listings_.try_emplace(directory);
  Listing& listing = known->second;
  if (!is_new) return listing;
  std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(directory.c_str()), ::closedir);
  if (open == nullptr) {
    listing.error = std::string("cannot list ") + directory + ": " + std::strerror(errno);
    return listing;
  }
  while (const dirent* entry = ::readdir(open.get())) {
    struct stat status;
    if (::fstatat(::dirfd(open.get()), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (!S_ISREG(status.st_mode)) continue;
    listing.files.emplace(FileIdentity::Of(status), Entry{entry->d_name, static_cast<uint64_t>(status.st_size)});
  }
  return listing;
}

RotationSearch::Sighting RotationSearch::FindIn(const std::string& directory, const StreamPosition& position) {
  const Listing& listing = List(directory);
  if (!listing.error.empty()) return {Kind::kAway, {}, 0, listing.error};
  auto [begin, end] = listing.files.equal_range(position.file);
  for (auto entry = begin; entry != end; ++entry) {
    std::string path = Join(directory, entry->second.name);
    if (IsSameBirth(path, position.birth)) return {Kind::kThere, std::move(path), entry->second.size, {}};
  }
  return {Kind::kGone, {}, 0, {}};
}

// As a rule the file still is where it was seen last, and nothing has to be listed.
RotationSearch::Sighting RotationSearch::Find(const StreamPosition& position) {
  struct stat status;
  if (::lstat(position.place.c_str(), &status) == 0 && FileIdentity::Of(status) == position.file &&
      IsSameBirth(position.place, position.birth)) {
    return {Kind::kThere, position.place, static_cast<uint64_t>(status.st_size), {}};
  }
  Sighting sighting;
  sighting.error = "its directory is not there";
  for (const std::string& directory : {ParentOf(position.place), ParentOf(position.path)}) {
    const std::optional<FileIdentity>& identity = IdentityOf(directory);
    if (!identity) continue;
    sighting.error = "its directory is not the one that held it";
    bool is_unknown = position.directory == FileIdentity{};
    if (!is_unknown && *identity != position.directory) continue;
    return FindIn(directory, position);
  }
  return sighting;
}

std::vector<RotationSearch::Unseen> RotationSearch::FindUnseen(const Directory& directory, const Scan& scan,
                                                               const Known& known, const Discovery& discovery,
                                                               const Looks& looks) {
  std::map<std::string_view, const FoundFile*> found;
  for (const FoundFile& file : scan.files) found.emplace(file.path, &file);
  std::vector<Unseen> unseen;
  for (const auto& [identity, entry] : List(directory.path).files) {
    std::string path = Join(directory.path, entry.name);
    if (IsCompressed(path) || found.contains(path)) continue;
    std::optional<std::string> origin = RotatedFrom(path, discovery);
    int64_t birth = origin ? BirthOf(AT_FDCWD, path) : 0;
    if (birth == 0) continue;
    if (auto files = known.find(*origin); files != known.end()) {
      const Files& of_path = files->second;
      auto there = found.find(*origin);
      bool has_moved = there == found.end() || there->second->identity != of_path.newest ||
                       BirthOf(AT_FDCWD, *origin) != of_path.newest_age.birth;
      if (!has_moved || birth < of_path.newest_age.birth) continue;
    } else {
      const int64_t for_pattern = looks.At(discovery.PatternOf(*discovery.SourceOf(*origin)));
      const int64_t looked_at = std::min(for_pattern, looks.At(directory.key));
      if (looked_at == 0 || birth < looked_at) continue;
    }
    unseen.push_back({*origin, *discovery.SourceOf(*origin), std::move(path), identity, birth});
  }
  return unseen;
}

}  // namespace qte::source
