#include "source/parked_streams.h"

#include <algorithm>
#include <utility>

#include "source/file_follower.h"

namespace qte::source {
namespace {

bool MayBeSameBirth(int64_t a, int64_t b) {
  return a == 0 || b == 0 || a == b;
}

int64_t UnseenSeconds(const ParkedStream& parked, Clock::Time now) {
  return parked.position.unseen_seconds + std::chrono::duration_cast<std::chrono::seconds>(now - parked.since).count();
}

// The device number of a file system is another one after it was mounted again, or after a reboot.
bool IsRemounted(const StreamPosition& position, int64_t birth, int file) {
  bool is_told = birth != 0 && position.birth == birth && position.point.fingerprint.tail_size > 0;
  return is_told && FileFollower::IsSameFile(file, position.point);
}

}  // namespace

void ParkedStreams::Add(ParkedStream parked) {
  StreamId id = parked.position.id;
  by_inode_.emplace(parked.position.file.inode, id);
  by_id_.insert_or_assign(id, std::move(parked));
}

ParkedStream ParkedStreams::Take(StreamId id) {
  ParkedStream parked = std::move(by_id_.extract(id).mapped());
  auto [begin, end] = by_inode_.equal_range(parked.position.file.inode);
  by_inode_.erase(std::find_if(begin, end, [id](const auto& entry) { return entry.second == id; }));
  return parked;
}

std::optional<StreamPosition> ParkedStreams::Take(FileIdentity identity, int file) {
  auto [begin, end] = by_inode_.equal_range(identity.inode);
  if (begin == end) return std::nullopt;
  const int64_t birth = BirthOf(file);
  auto known = std::find_if(begin, end, [&](const auto& entry) {
    const StreamPosition& position = by_id_.at(entry.second).position;
    return position.file == identity ? MayBeSameBirth(position.birth, birth) : IsRemounted(position, birth, file);
  });
  if (known == end) return std::nullopt;
  return Take(known->second).position;
}

std::vector<ParkedStream> ParkedStreams::TakeReplaced(FileIdentity identity, int file) {
  std::vector<StreamId> ids;
  auto [begin, end] = by_inode_.equal_range(identity.inode);
  if (begin == end) return {};
  const int64_t birth = BirthOf(file);
  for (auto entry = begin; entry != end; ++entry) {
    const StreamPosition& position = by_id_.at(entry->second).position;
    if (position.file == identity && !MayBeSameBirth(position.birth, birth)) ids.push_back(entry->second);
  }
  std::vector<ParkedStream> replaced;
  for (StreamId id : ids) replaced.push_back(Take(id));
  return replaced;
}

std::vector<ParkedStream> ParkedStreams::TakeForgotten(Clock::Time now) {
  constexpr int64_t kLongestSeconds = std::chrono::seconds(kLongest).count();
  std::multimap<int64_t, StreamId, std::greater<>> oldest;
  size_t surplus = by_id_.size() - std::min(by_id_.size(), kMost);
  for (const auto& [id, parked] : by_id_) {
    int64_t unseen = UnseenSeconds(parked, now);
    if (surplus > 0 || unseen > kLongestSeconds) oldest.emplace(unseen, id);
  }
  std::vector<ParkedStream> forgotten;
  for (const auto& [unseen, id] : oldest) {
    if (unseen <= kLongestSeconds && forgotten.size() >= surplus) break;
    forgotten.push_back(Take(id));
  }
  return forgotten;
}

void ParkedStreams::Bind(const Discovery& discovery) {
  for (auto& [id, parked] : by_id_) parked.source = discovery.SourceOf(parked.position.path);
}

ParkedStream* ParkedStreams::Find(FileIdentity identity) {
  auto [begin, end] = by_inode_.equal_range(identity.inode);
  for (auto entry = begin; entry != end; ++entry) {
    ParkedStream& parked = by_id_.at(entry->second);
    if (parked.position.file == identity) return &parked;
  }
  return nullptr;
}

bool ParkedStreams::Knows(FileIdentity identity, int64_t birth) const {
  auto [begin, end] = by_inode_.equal_range(identity.inode);
  return std::any_of(begin, end, [&](const auto& entry) {
    const StreamPosition& position = by_id_.at(entry.second).position;
    return position.file == identity && MayBeSameBirth(position.birth, birth);
  });
}

std::vector<StreamPosition> ParkedStreams::Positions(Clock::Time now) const {
  std::vector<StreamPosition> positions;
  for (const auto& [id, parked] : by_id_) {
    positions.push_back(parked.position);
    positions.back().unseen_seconds = UnseenSeconds(parked, now);
  }
  return positions;
}

}  // namespace qte::source
