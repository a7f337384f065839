#include "source/resumption.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

namespace qte::source {
namespace {

namespace fs = std::filesystem;

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

}  // namespace

Resumption::Resumption(Positions saved) : looked_at_(saved.looked_at) {
  for (StreamPosition& position : saved.streams) {
    Newest& newest = newest_[position.path];
    if (position.id > newest.id) newest = {position.id, position.file, position.birth};
    streams_.emplace(position.file, std::move(position));
  }
}

Resumption::Streams::const_iterator Resumption::Find(FileIdentity identity, int64_t birth) const {
  auto [begin, end] = streams_.equal_range(identity);
  auto found = std::find_if(begin, end, [birth](const auto& entry) {
    return entry.second.birth == 0 || birth == 0 || entry.second.birth == birth;
  });
  return found == end ? streams_.end() : found;
}

std::optional<RenameTrail::Entry> Resumption::RotatedAway(const std::string& path, const Places& found,
                                                          const Discovery& discovery) const {
  struct stat status;
  if (::lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  int64_t birth = BirthOf(AT_FDCWD, path);
  std::string origin;
  if (auto known = Find(FileIdentity::Of(status), birth); known != streams_.end()) {
    if (known->second.is_finished) return std::nullopt;
    origin = known->second.path;
  } else {
    std::optional<std::string> from = RotatedFrom(path, discovery);
    if (!from || birth == 0 || IsCompressed(path)) return std::nullopt;
    origin = *from;
    auto newest = newest_.find(origin);
    if (newest != newest_.end()) {
      auto there = found.find(origin);
      bool has_moved = there == found.end() || there->second != newest->second.file ||
                       BirthOf(AT_FDCWD, origin) != newest->second.birth;
      if (!has_moved || birth < newest->second.birth) return std::nullopt;
    } else if (birth < looked_at_) {
      return std::nullopt;
    }
  }
  std::optional<size_t> source = discovery.SourceOf(origin);
  if (!source) return std::nullopt;
  return RenameTrail::Entry{.origin = std::move(origin), .source = *source, .path = path};
}

std::vector<RenameTrail::Entry> Resumption::RotatedAway(const Scan& scan, const Discovery& discovery) const {
  if (looked_at_ == 0) return {};
  std::set<std::string> directories;
  for (const auto& [directory, interest] : scan.directories) directories.insert(directory);
  for (const auto& [identity, position] : streams_) {
    directories.insert(ParentOf(position.path));
    directories.insert(ParentOf(position.place));
  }
  Places found;
  for (const FoundFile& file : scan.files) found.emplace(file.path, file.identity);

  std::multimap<int64_t, RenameTrail::Entry> by_birth;
  for (const std::string& directory : directories) {
    std::error_code error;
    for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
      std::string path = entry->path().string();
      if (found.contains(path)) continue;
      if (auto rotated = RotatedAway(path, found, discovery)) {
        by_birth.emplace(BirthOf(AT_FDCWD, path), std::move(*rotated));
      }
    }
  }
  std::vector<RenameTrail::Entry> entries;
  for (auto& [birth, entry] : by_birth) entries.push_back(std::move(entry));
  return entries;
}

std::optional<StreamPosition> Resumption::Take(FileIdentity identity, int file) {
  if (!streams_.contains(identity)) return std::nullopt;
  auto known = Find(identity, BirthOf(file));
  if (known == streams_.end() || known->second.is_finished) return std::nullopt;
  return std::move(streams_.extract(known).mapped());
}

std::vector<StreamPosition> Resumption::TakeFinished() {
  std::vector<StreamPosition> finished;
  for (const auto& [identity, position] : streams_) {
    if (position.is_finished) finished.push_back(position);
  }
  std::erase_if(streams_, [](const auto& entry) { return entry.second.is_finished; });
  return finished;
}

std::vector<StreamPosition> Resumption::TakeGone(const Scan& scan) {
  std::set<const StreamPosition*> there;
  for (const FoundFile& file : scan.files) {
    if (!streams_.contains(file.identity)) continue;
    auto known = Find(file.identity, BirthOf(AT_FDCWD, file.path));
    if (known != streams_.end()) there.insert(&known->second);
  }
  std::vector<StreamPosition> gone;
  std::erase_if(streams_, [&](const auto& entry) {
    std::error_code error;
    if (there.contains(&entry.second) || !fs::exists(ParentOf(entry.second.path), error)) return false;
    gone.push_back(entry.second);
    return true;
  });
  return gone;
}

std::vector<StreamPosition> Resumption::Waiting() const {
  std::vector<StreamPosition> waiting;
  for (const auto& [identity, position] : streams_) waiting.push_back(position);
  return waiting;
}

StreamId Resumption::last_id() const {
  StreamId last = 0;
  for (const auto& [identity, position] : streams_) last = std::max(last, position.id);
  return last;
}

}  // namespace qte::source
