// What one StreamTable::Reconcile works with.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "source/stream_table.h"

namespace qte::source {

// Notes where an open file stands now.
void Locate(Stream& stream);

// The age of a file that is followed, and of one that is parked.
Age AgeOf(const Stream& stream);
Age AgeOf(const StreamPosition& position);

struct StreamTable::Look {
  Look(Scan& a_scan, const Discovery& a_discovery, const std::vector<std::unique_ptr<Stream>>& streams,
       Clock::Time a_now)
      : scan(a_scan), discovery(a_discovery), now(a_now) {
    for (const FoundFile& file : scan.files) {
      by_path.emplace(file.path, &file);
      by_identity.emplace(file.identity, &file);
    }
    for (const auto& stream : streams) {
      if (stream->has_place()) followed.insert(stream->identity);
      descriptors += DescriptorsOf(*stream);
    }
  }

  // The newest file of a path that is gone.
  struct Gone {
    StreamId id = 0;
    bool is_counted = false;  // as a rotation
  };

  Scan& scan;
  const Discovery& discovery;
  const Clock::Time now;
  std::unordered_map<std::string_view, const FoundFile*, TextHash> by_path;
  std::map<FileIdentity, const FoundFile*> by_identity;
  std::set<FileIdentity> followed;
  std::unordered_multimap<std::string_view, Stream*, TextHash> by_origin;  // see OfPath
  std::set<std::string> blocked;         // paths whose predecessor has to be opened first
  std::map<std::string, StreamId> left;  // the newest parked file that has left a path without a successor
  std::map<std::string, Gone> gone;      // what is not there any more, by the path that it had
  size_t descriptors = 0;                // that streams have open
  size_t evictions = 0;
  bool lacks_descriptors = false;  // the kernel refused one

  // The open streams of one log path. Valid as long as none is opened or closed.
  auto OfPath(const std::string& path, const std::vector<std::unique_ptr<Stream>>& streams) {
    if (by_origin.empty()) {
      for (const auto& stream : streams) by_origin.emplace(stream->log_path(), stream.get());
    }
    return by_origin.equal_range(path);
  }

  Stream* Outdated() {
    scan.is_outdated = true;
    return nullptr;
  }
};

}  // namespace qte::source
