// Where parked files are, and what was rotated away unseen.
#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "source/stream_look.h"

namespace qte::source {
namespace {

using State = ParkedStream::State;
using Sighting = RotationSearch::Sighting;

// How often it is looked whether rotated files are still there.
constexpr std::chrono::minutes kFinishedLook{1};

// How long a directory is new.
constexpr std::chrono::seconds kSearchTime{2};

// More messages than this at once do not help; the metrics count all of them.
constexpr size_t kMostWarnings = 100;

// Some files hold less than their size says.
uint64_t UnreadBytes(const ParkedStream& parked) {
  const FilePoint& point = parked.position.point;
  return parked.was_at_end ? 0 : point.known_size - std::min(point.known_size, point.offset);
}

}  // namespace

// Files that have to be read before their successors are opened, in the order in which they were made.
void StreamTable::SearchParked(Look& look) {
  const bool looks_for_finished = look.now - finished_looked_at_ >= kFinishedLook;
  if (looks_for_finished) finished_looked_at_ = look.now;
  RotationSearch search;
  std::vector<RotationSearch::Unseen> rotated = FindUnseen(search, look);
  FindRenamed(rotated, look);
  std::vector<StreamId> ids;
  for (const auto& [id, parked] : parked_.by_id()) {
    bool is_finished = parked.position.has_successor && parked.position.is_drained;
    if (!is_finished || looks_for_finished || parked.is_missed) ids.push_back(id);
  }
  for (StreamId id : ids) SearchParked(parked_.by_id().at(id), search, rotated, look);

  std::sort(rotated.begin(), rotated.end(), RotationSearch::IsOlder);
  for (const RotationSearch::Unseen& file : rotated) {
    if (!AdoptRotated({file.path, file.source, nullptr}, file.origin, look)) LookAgainFor(file.path, file.origin, look);
  }
}

void StreamTable::SearchParked(ParkedStream& parked, RotationSearch& search,
                               std::vector<RotationSearch::Unseen>& rotated, Look& look) {
  const StreamPosition& position = parked.position;
  if (!parked.source) {
    parked.state = State::kUnwanted;
    return;
  }
  if (look.by_identity.contains(position.file)) {
    parked.state = State::kWaiting;  // OpenFound opens it if it can
    return;
  }
  Sighting sighting = search.Find(position);
  parked.error = std::move(sighting.error);
  if (sighting.kind == Sighting::Kind::kAway) {
    parked.state = State::kAway;
    return;
  }
  if (sighting.kind == Sighting::Kind::kGone) {
    if (parked.is_missed) return Lose(parked_.Take(position.id), look);
    // A listing may miss a file that is renamed meanwhile: only a second look is sure. Its successor waits for that.
    parked.is_missed = true;
    look.scan.is_outdated = true;
    if (!position.has_successor) look.blocked.insert(position.path);
    return;
  }
  parked.is_missed = false;
  parked.state = State::kElsewhere;
  parked.since = look.now;
  parked.position.unseen_seconds = 0;
  parked.position.place = sighting.path;
  parked.position.directory = IdentityAt(ParentOf(sighting.path)).value_or(FileIdentity{});
  bool is_read = parked.was_at_end && sighting.size == position.point.known_size;
  if (is_read && position.is_drained) {
    if (!position.has_successor) look.left[position.path] = std::max(look.left[position.path], position.id);
    return;
  }
  rotated.push_back({position.path, *parked.source, sighting.path, position.file, position.birth});
}

// A listing may miss what is renamed meanwhile, so a directory is searched in all looks of its first time.
std::vector<RotationSearch::Unseen> StreamTable::FindUnseen(RotationSearch& search, const Look& look) {
  std::erase_if(searches_, [&](const Search& past) { return look.now - past.since > kSearchTime; });
  if (auto added = NewDirectories(look.scan); !added.empty()) {
    RotationSearch::Known known = KnownFiles();
    // At a first start nothing is known, so nothing can be told to be unseen.
    if (!known.empty() || !looks_.empty()) searches_.push_back({look.now, std::move(added), std::move(known), looks_});
  }
  std::vector<RotationSearch::Unseen> found;
  for (const Search& each : searches_) {
    for (const RotationSearch::Directory& directory : each.directories) {
      for (RotationSearch::Unseen& unseen : search.FindUnseen(directory, look.scan, each.known, look.discovery, each.looks)) {
        const bool was_followed =
            each.known.contains(unseen.origin) || each.looks.IsKnown(look.discovery.PatternOf(unseen.source));
        if (was_followed && !parked_.Knows(unseen.file, unseen.birth)) found.push_back(std::move(unseen));
      }
    }
  }
  return found;
}

// Files that were rotated before they were seen under their first name, of which no event told, and that match under
// their new name as well. What stands at a followed path is younger than what has left it, unless the two names were
// looked up at different moments: then the next look tells. What is older than all files of a path was there before.
void StreamTable::FindRenamed(std::vector<RotationSearch::Unseen>& rotated, Look& look) {
  std::optional<RotationSearch::Known> known;
  std::set<FileIdentity> unclear;
  for (const FoundFile& file : look.scan.files) {
    if (look.followed.contains(file.identity)) continue;
    std::optional<std::string> origin = RotationSearch::OriginalName(file.path);
    if (!origin) continue;
    if (!known) known = KnownFiles();
    auto files = known->find(*origin);
    int64_t birth = files == known->end() ? 0 : BirthOf(AT_FDCWD, file.path);
    std::optional<size_t> source = look.discovery.SourceOf(*origin);
    if (birth == 0 || !source || birth < files->second.first_birth || parked_.Knows(file.identity, birth)) continue;
    // Nothing stands there for a moment in the middle of a rotation.
    const int64_t at_origin = look.by_path.contains(*origin) ? BirthOf(AT_FDCWD, *origin) : 0;
    if (at_origin == 0 || birth <= at_origin) {
      rotated.push_back({*origin, *source, file.path, file.identity, birth});
    } else if (!unclear_.contains(file.identity)) {
      unclear.insert(file.identity);
      look.scan.is_outdated = true;
    }
  }
  unclear_ = std::move(unclear);
}

// The directories in which something may have happened unseen since the last look: those that were not listed by it.
std::vector<RotationSearch::Directory> StreamTable::NewDirectories(const Scan& scan) {
  std::map<std::string, ListedDirectory> listed;
  std::vector<RotationSearch::Directory> added;
  for (const auto& [directory, interest] : scan.directories) {
    if (interest.names.empty() || scan.IsUnknown(directory)) continue;
    std::optional<FileIdentity> identity = IdentityAt(directory);
    if (!identity) continue;
    auto before = directories_.find(directory);
    ListedDirectory now{*identity, {identity->inode, 0}};
    if (before == directories_.end() || before->second.identity != *identity) {
      now.key.birth = BirthOf(AT_FDCWD, directory);
      added.push_back({directory, now.key});
    } else {
      now = before->second;
    }
    listed.emplace(directory, now);
  }
  directories_ = std::move(listed);
  return added;
}

RotationSearch::Known StreamTable::KnownFiles() const {
  RotationSearch::Known known;
  auto take = [&known](const std::string& path, FileIdentity file, Age age) {
    RotationSearch::Files& files = known[path];
    if (files.newest_age.id == 0 || IsOlder(files.newest_age, age)) {
      files.newest = file;
      files.newest_age = age;
    }
    if (age.birth != 0) files.first_birth = std::min(files.first_birth, age.birth);
  };
  for (const auto& [id, parked] : parked_.by_id()) {
    take(parked.position.path, parked.position.file, AgeOf(parked.position));
  }
  for (const auto& stream : streams_) {
    if (stream->is_file()) take(stream->opened_as, stream->identity, AgeOf(*stream));
  }
  return known;
}

// A file that is gone was read to its end if it had left its path; otherwise it was rotated or deleted
// unseen, and what it still got is lost.
void StreamTable::Lose(ParkedStream lost, Look& look) {
  const StreamPosition& position = lost.position;
  const uint64_t unread = UnreadBytes(lost);
  lost_bytes_ += unread;
  ended_.push_back(position.id);
  if (!lost.source) return;
  const bool was_read = unread == 0 && (position.has_successor || position.is_drained);
  if (!position.has_successor) {
    Look::Gone& gone = look.gone[position.path];
    if (position.id > gone.id) gone = {position.id, !was_read};
    if (!was_read) ++rotations_;
  }
  if (was_read || warnings_.size() >= kMostWarnings) return;
  std::string bytes =
      unread > 0 ? std::to_string(unread) + " bytes of it were not read" : "any later lines of it are lost";
  warnings_.push_back(position.path +
                      ": the log was rotated, compressed or deleted while it was not followed: its file "
                      "is no longer in " +
                      ParentOf(position.place) + ", and " + bytes);
}

void StreamTable::Forget(Look& look) {
  for (ParkedStream& forgotten : parked_.TakeForgotten(look.now)) {
    lost_bytes_ += UnreadBytes(forgotten);
    ended_.push_back(forgotten.position.id);
  }
}

}  // namespace qte::source
