// What stands at the followed names: news of them, looks, and what is opened, parked and closed by these.
#include <algorithm>
#include <set>
#include <utility>

#include "source/source_set_impl.h"

namespace qte::source {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Time = Clock::Time;

// For what no watch tells, as a renamed mount point; idle files are looked at as well.
constexpr seconds kRescan{5};
constexpr seconds kUnwatchedRescan{1};
// Looking through a huge directory must not eat the time for reading: of five parts of time, one.
constexpr int kRestPerScan = 4;
constexpr milliseconds kMostLooking{10};
// Where there are more files than descriptors: how soon those that wait have their next chance.
constexpr milliseconds kTurnRescan{200};

}  // namespace

void SourceSet::Impl::TakeNews() {
  Watcher::News news = watcher_.Take();
  if (news.names_changed || news.overflowed) is_scan_needed_ = true;
  for (const Watcher::Move& move : news.moves) {
    if (trail_.Add(move, [this](const std::string& path) { return discovery_.SourceOf(path); })) is_scan_needed_ = true;
  }
  trail_.ForgetSettled();
  for (StreamId id : news.files) {
    if (Stream* stream = table_.Find(id)) stream->is_idle = false;
  }
  if (!news.overflowed) return;
  for (const auto& stream : table_.streams()) stream->is_idle = false;
}

// What is renamed during a look may be missed by it, under its old name as under its new one: then another look.
void SourceSet::Impl::DiscoverAtRest() {
  constexpr int kMostTimes = 100;
  TakeNews();
  for (int times = 0; times < kMostTimes && is_scan_needed_; ++times) {
    Discover(clock_.Now());
    TakeNews();
  }
}

// The names as of one moment with the trail that led to them: files are opened in the order in which they came to their
// path, which is the order they are read in. Where names change all the time that may fail, and costs order alone.
Scan SourceSet::Impl::Look() {
  const Time end = clock_.Now() + kMostLooking;
  Scan scan;
  do {
    is_scan_needed_ = false;
    scan = discovery_.Look();
    TakeNews();
  } while (is_scan_needed_ && clock_.Now() < end);
  return scan;
}

void SourceSet::Impl::Discover(Time now) {
  const int64_t begin = FileClockNow();
  Scan scan = Look();
  table_.Reconcile(scan, trail_, discovery_, now);
  table_.NoteLook(scan, discovery_, specs_.size(), begin);
  trail_.MarkLookedFor();
  for (StreamId id : table_.TakeEvicted()) watcher_.Unwatch(id);
  AwaitOpened();
  if (watcher_.SetDirectories(scan.directories) || scan.is_outdated) is_scan_needed_ = true;
  const bool is_same = problems_ == scan.problems && scan_warnings_ == scan.warnings;
  if (!is_same || !table_.warnings().empty()) ++changes_;
  problems_ = std::move(scan.problems);
  scan_warnings_ = std::move(scan.warnings);
  Time end = clock_.Now();
  scan_not_before_ = end + kRestPerScan * (end - now);
  Clock::Duration rest = watcher_.complete() && !table_.is_short() ? kRescan : kUnwatchedRescan;
  if (!table_.waiting().empty()) rest = kTurnRescan;
  next_rescan_ = std::max(scan_not_before_, end + rest);
}

std::optional<size_t> SourceSet::Impl::AttachedSpec(const std::string& path) const {
  auto spec = std::find_if(specs_.begin(), specs_.end(),
                           [&](const SourceSpec& other) { return other.is_attached && other.path == path; });
  if (spec == specs_.end()) return std::nullopt;
  return static_cast<size_t>(spec - specs_.begin());
}

// The source of an open stream, among the specs in force.
std::optional<size_t> SourceSet::Impl::SourceOf(const Stream& stream) const {
  if (stream.is_stdin) return discovery_.stdin_source();
  return stream.has_place() ? discovery_.SourceOf(stream.path) : AttachedSpec(stream.attached_to);
}

StreamId SourceSet::Impl::Attach(UniqueFd pipe, const std::string& name, const std::string& spec_path) {
  const std::optional<size_t> source = AttachedSpec(spec_path);
  if (!source) return 0;
  ++changes_;
  return table_.OpenPipe(std::move(pipe), name, *source, spec_path);
}

// The entry itself goes with the table's Sweep: streams may be closed while they are walked through.
void SourceSet::Impl::Close(Stream& stream) {
  ++changes_;
  watcher_.Unwatch(stream.id);
  ReleaseSuccessor(stream);
  stream.follower.reset();
  if (!stream.is_announced && !stream.is_known) return;
  table_.ended().push_back(stream.id);
}

void SourceSet::Impl::Park(Stream& stream) {
  ++changes_;
  watcher_.Unwatch(stream.id);
  ReleaseSuccessor(stream);
  table_.Park(stream, clock_.Now());
}

// The receiver hears of the successor first, which takes over what is known.
void SourceSet::Impl::TellOfEnded() {
  if (table_.ended().empty()) return;
  const std::set<StreamId> awaited = table_.AwaitedPredecessors();
  std::erase_if(table_.ended(), [&](StreamId id) {
    if (awaited.contains(id)) return false;
    ++changes_;
    receiver_.OnClose(id);
    return true;
  });
}

}  // namespace qte::source
