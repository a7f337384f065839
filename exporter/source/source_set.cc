// The pace of a file, which is what keeps QEMU undisturbed and idle machines asleep:
//
//   busy    looked at in every round, rounds at most kSlowPoll apart          (data lately)
//   idle    carries a one-shot inotify watch, else untouched until the rescan (no data for kBusyTime)
//   failed  looked at again after kRetry
//
// A round that read every stream to its end is not followed by the next one at once, even if it found something: a
// reader at the heels of a fast writer would burn a core on single lines.
//
// The watch is put up first and the file looked at again after that, so a write in between is not slept through.
// FIFOs and standard input have no pace: poll(2) wakes for them.
//
// A round ends after some milliseconds, since a scrape waits for it; what it did not come to is the next one's, which
// goes on there. Chunks are smaller where many streams have a backlog, so that a quiet one among them has its turn in
// time.
//
// A round after one that left something reads the streams of different lanes beside each other (parallel_reader.h).
// Everything else is done by the one thread, before or after: what those looks brought besides bytes, and streams
// that are new. So between two rounds all lanes are at rest, and while there is little to read no other thread is
// woken.

#include "source/source_set_impl.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

namespace qte::source {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Kind = Reading::Kind;
using Time = Clock::Time;

constexpr size_t kChunkBytes = 256 * 1024;
// Bytes of all streams with a backlog in one pass. A chunk is large enough to make up for the calls that read it.
constexpr size_t kPassBytes = 8 * 1024 * 1024;
constexpr size_t kLeastChunkBytes = 32 * 1024;
constexpr milliseconds kBusyPoll{5};
constexpr milliseconds kSlowPoll{10};  // after a round that brought less than kLittle
constexpr size_t kLittle = 64 * 1024;
constexpr seconds kBusyTime{1};
constexpr milliseconds kUnwatchedPoll{50};  // of an idle file that cannot be watched
constexpr seconds kRetry{1};
// For inotify, waking and the thread that empties pipes, and while a directory is listed or a clock is read.
constexpr size_t kOwnDescriptors = 8;

}  // namespace

SourceSet::Impl::Impl(std::vector<SourceSpec> specs, Receiver& receiver, Positions resume, const FollowOptions& options)
    : specs_(std::move(specs)),
      receiver_(receiver),
      clock_(options.clock),
      buffer_(kChunkBytes + kTailBytes + kReadPadding),
      parallel_reader_(receiver, clock_),
      discovery_(specs_),
      table_(options.max_open - std::min(options.max_open - 1, kOwnDescriptors)) {
  // Watched before the look that counts: what is renamed after it leaves a trail.
  watcher_.SetDirectories(discovery_.Look().directories);
  Scan scan = discovery_.Look();
  for (size_t i = 0; i < specs_.size(); ++i) {
    if (specs_[i].start_at_end && !resume.looks.IsKnown(discovery_.PatternOf(i))) table_.SkipContents(scan, i);
  }
  table_.Resume(std::move(resume), clock_.Now());
  table_.Bind(discovery_);
  if (discovery_.stdin_source()) table_.OpenStdin(*discovery_.stdin_source());
  DiscoverAtRest();
  BeginCatchUp();
  EndPass();
}

void SourceSet::Impl::Step(milliseconds max_wait) {
  Time now = clock_.Now();
  Time latest = now + max_wait;
  Time begin = std::min(latest, next_round_);
  bool is_woken = now < begin && sleeper_.Sleep(begin - now);
  if (Round() || is_woken || max_wait <= milliseconds::zero()) return;
  Wait(latest);
  Round();
}

bool SourceSet::Impl::Round() {
  TakeNews();
  Time now = clock_.Now();
  if (now >= next_rescan_) is_scan_needed_ = true;
  if (is_scan_needed_ && now >= scan_not_before_) Discover(now);
  ++round_;
  round_bytes_ = 0;
  bool progress = has_more_ && ReadBesideEachOther(now);
  progress = LookAround(now) || progress;
  next_round_ = progress && !has_more_ ? now + BusyPoll() : Time{};
  table_.Sweep();
  TellOfEnded();
  UpdateCaughtUp();
  return progress || has_more_;
}

// Goes on with the pass, to its end or till the time is over. True if something was there.
bool SourceSet::Impl::LookAround(Time now) {
  bool progress = false;
  const Time end = clock_.Now() + ParallelReader::kQuantum;
  auto& streams = table_.streams();
  auto next = std::partition_point(streams.begin(), streams.end(), [this](const auto& s) { return s->id <= pass_at_; });
  for (; next != streams.end(); ++next) {
    Stream& stream = **next;
    pass_at_ = stream.id;
    if (stream.read_in == round_ || !IsDue(stream, now)) continue;
    progress = LookAt(stream, now) || progress;
    has_more_ = true;
    if (clock_.Now() >= end) return progress;
  }
  EndPass();
  return progress;
}

void SourceSet::Impl::EndPass() {
  pass_at_ = 0;
  has_more_ = left_in_pass_ > 0;
  chunk_bytes_ = std::clamp(kPassBytes / std::max<size_t>(left_in_pass_, 1), kLeastChunkBytes, kChunkBytes);
  left_in_pass_ = 0;
}

bool SourceSet::Impl::IsDue(const Stream& stream, Time now) const {
  if (stream.follower == nullptr || stream.after != 0 || stream.awaits_look) return false;
  return !stream.is_idle || now >= stream.next_look || (stream.is_draining && now >= stream.drain_deadline());
}

// True if something was there.
bool SourceSet::Impl::ReadBesideEachOther(Time now) {
  due_.clear();
  for (const auto& stream : table_.streams()) {
    if (stream->is_announced && IsDue(*stream, now) && !IsAtBeginning(*stream)) due_.push_back(stream.get());
  }
  bool progress = false;
  for (const ParallelReader::Turn& turn : parallel_reader_.Read(due_, chunk_bytes_)) {
    turn.stream->read_in = round_;
    progress = TakeTurn(turn, now) || progress;
  }
  return progress;
}

bool SourceSet::Impl::TakeTurn(const ParallelReader::Turn& turn, Time now) {
  Stream& stream = *turn.stream;
  lost_bytes_ += turn.lost_bytes;
  if (turn.has_data) NoteData(stream, now);
  if (turn.has_data) round_bytes_ += chunk_bytes_;
  if (turn.has_more) ++left_in_pass_;
  if (!turn.is_looked_at) return false;
  if (turn.last.kind == Kind::kBytes) return true;
  uint64_t offset = stream.follower->offset();
  Reading reading = WatchAtEnd(turn.last, stream, now);
  if (LeavesMore(*stream.follower, reading, offset, chunk_bytes_)) ++left_in_pass_;
  return Take(reading, stream, now) || turn.has_data;
}

// True if the file has a predecessor and was not read yet.
bool SourceSet::Impl::IsAtBeginning(const Stream& stream) {
  return stream.predecessor != 0 && stream.follower->offset() == 0;
}

// A line of a file that is moved away may come after its end was seen and before the first line of its successor. What
// stands in the successor is seen first, so all that was written before it is read now: the successor may be another
// QEMU's, which ends what is known of the one before. Files that were moved away earlier may have late lines as well.
void SourceSet::Impl::ReadLateLines(const Stream& successor, Time now) {
  if (successor.follower->Pending() == 0) return;
  std::vector<StreamId> before;  // the oldest last
  for (const Stream* stream = &successor; stream != nullptr && stream->predecessor != 0;) {
    const StreamId id = stream->predecessor;
    stream = table_.Find(id);
    if (stream == nullptr || std::find(before.begin(), before.end(), id) != before.end()) break;
    before.push_back(id);
  }
  for (auto id = before.rbegin(); id != before.rend(); ++id) {
    Stream* stream = table_.Find(*id);
    if (stream != nullptr && stream->follower != nullptr && stream->is_file()) ReadPending(*stream, now);
  }
}

void SourceSet::Impl::ReadPending(Stream& stream, Time now) {
  const uint64_t end = stream.follower->offset() + stream.follower->Pending();
  while (stream.follower != nullptr && stream.follower->offset() < end) {
    uint64_t before = stream.follower->offset();
    if (!LookAt(stream, now) || stream.follower == nullptr || stream.follower->offset() <= before) break;
  }
}

// One look, at most one chunk. True if something was there.
bool SourceSet::Impl::LookAt(Stream& stream, Time now) {
  if (IsAtBeginning(stream)) ReadLateLines(stream, now);
  if (!stream.is_announced) {
    stream.is_announced = true;
    receiver_.OnOpen(stream.id, stream.source, stream.opened_as, stream.is_known ? 0 : stream.predecessor);
  }
  uint64_t offset = stream.follower->offset();
  Reading reading = WatchAtEnd(stream.follower->Next(chunk()), stream, now);
  if (LeavesMore(*stream.follower, reading, offset, chunk_bytes_)) ++left_in_pass_;
  return Take(reading, stream, now);
}

// A file that has been silent is watched, and looked at again then.
Reading SourceSet::Impl::WatchAtEnd(Reading reading, Stream& stream, Time now) {
  if (reading.kind != Kind::kAtEnd) return reading;
  stream.is_idle = false;
  return GoIdle(stream, now) ? stream.follower->Next(chunk()) : reading;
}

void SourceSet::Impl::NoteData(Stream& stream, Time now) {
  ++changes_;
  stream.error.clear();
  stream.last_data = now;
  stream.is_idle = false;
  stream.is_at_end = false;
}

bool SourceSet::Impl::Take(const Reading& reading, Stream& stream, Time now) {
  if (stream.error != reading.error) ++changes_;
  stream.error = reading.error;
  stream.is_refused = reading.kind == Kind::kAtEnd && !reading.error.empty();
  lost_bytes_ += reading.lost_bytes;
  if (reading.kind != Kind::kBytes && reading.kind != Kind::kTruncated) ReleaseSuccessor(stream);
  switch (reading.kind) {
    case Kind::kAtEnd:
      stream.is_at_end = true;
      stream.catch_up_to = 0;  // whatever the size says: files of /sys hold less, others were truncated meanwhile
      if (stream.is_draining) FinishDraining(stream, now);
      return false;
    case Kind::kFailed:
      Rest(stream, now + kRetry);
      if (stream.is_draining) FinishDraining(stream, now);
      return false;
    case Kind::kEnded:
      stdin_ended_ = stdin_ended_ || stream.is_stdin;
      Close(stream);
      return true;
    case Kind::kBytes:
      round_bytes_ += reading.bytes.size();
      if (!reading.bytes.empty()) receiver_.OnBytes(stream.id, reading.bytes, BeginOf(reading, *stream.follower));
      break;
    case Kind::kTruncated:
      ++truncations_;
      stream.catch_up_to = 0;
      receiver_.OnRestart(stream.id, Restart::kTruncated);
      break;
    case Kind::kWriterEnded:
      receiver_.OnRestart(stream.id, Restart::kWriterEnded);
      break;
  }
  NoteData(stream, now);
  return true;
}

// True if a watch was put up, and the file has to be looked at again.
bool SourceSet::Impl::GoIdle(Stream& stream, Time now) {
  if (stream.follower->pollable() || now - stream.last_data < kBusyTime) return false;
  bool is_watched = watcher_.WatchOnce(stream.follower->fd(), stream.id);
  // Watched ones with the next look at the names, so that there is one wake-up for all.
  Rest(stream, is_watched ? next_rescan_ : now + kUnwatchedPoll);
  return is_watched;
}

void SourceSet::Impl::Rest(Stream& stream, Time until) {
  stream.is_idle = true;
  stream.next_look = until;
}

void SourceSet::Impl::ReleaseSuccessor(Stream& stream) {
  if (!stream.is_awaited) return;
  stream.is_awaited = false;
  for (const auto& other : table_.streams()) {
    if (other->after == stream.id) other->after = 0;
  }
}

void SourceSet::Impl::FinishDraining(Stream& stream, Time now) {
  if (now < stream.drain_deadline()) return;
  if (stream.follower->has_writer()) {
    stream.drain_since = now;
    return;
  }
  if (stream.is_file() && stream.follower->links() > 0) {
    Park(stream);
  } else {
    Close(stream);
  }
}

void SourceSet::Impl::Wait(Time latest) {
  awaited_fds_.assign(1, watcher_.fd());
  for (const auto& stream : table_.streams()) {
    bool is_awaited = stream->follower->pollable() && !stream->is_idle && stream->after == 0;
    if (is_awaited) awaited_fds_.push_back(stream->follower->fd());
  }
  sleeper_.Sleep(NextDue(latest) - clock_.Now(), awaited_fds_);
}

Clock::Duration SourceSet::Impl::BusyPoll() const {
  return round_bytes_ < kLittle ? kSlowPoll : kBusyPoll;
}

Time SourceSet::Impl::NextDue(Time latest) const {
  Time next = std::min(latest, next_rescan_);
  if (is_scan_needed_) next = std::min(next, scan_not_before_);
  Time busy = clock_.Now() + BusyPoll();
  for (const auto& stream : table_.streams()) {
    if (stream->is_draining) next = std::min(next, stream->drain_deadline());
    if (stream->is_idle) {
      next = std::min(next, stream->next_look);
    } else if (!stream->follower->pollable() && stream->after == 0) {
      next = std::min(next, busy);
    }
  }
  return next;
}

// Where files take turns, those that have been read give way to those that wait.
void SourceSet::Impl::Drain() {
  TakeNews();
  Discover(clock_.Now());
  size_t passes = 1 + 2 * table_.waiting().size();  // writers may never stop
  while (ReadToEnds(clock_.Now()) && !table_.waiting().empty() && --passes > 0) Discover(clock_.Now());
  table_.Sweep();
  TellOfEnded();
  UpdateCaughtUp();
}

// True if there was anything to read.
bool SourceSet::Impl::ReadToEnds(Time now) {
  bool has_read = false;
  for (const auto& stream : table_.streams()) {
    if (stream->follower == nullptr) continue;
    stream->after = 0;  // a file comes after its predecessor here anyway
    uint64_t pending = stream->follower->Pending();
    if (pending == 0 && table_.is_short()) LookAt(*stream, now);
    while (pending > 0 && stream->follower != nullptr) {
      uint64_t before = stream->follower->offset();
      if (!LookAt(*stream, now)) break;
      has_read = true;
      if (stream->follower == nullptr || stream->follower->offset() <= before) continue;
      pending -= std::min(pending, stream->follower->offset() - before);
    }
    if (stream->follower != nullptr && stream->follower->Pending() == 0) stream->is_at_end = true;
  }
  return has_read;
}

void SourceSet::Impl::Reconfigure(std::vector<SourceSpec> specs) {
  ++changes_;
  std::set<std::string> old_paths;
  for (const SourceSpec& spec : specs_) old_paths.insert(spec.path);
  specs_ = std::move(specs);
  discovery_ = Discovery(specs_);
  for (const auto& stream : table_.streams()) {
    const std::optional<size_t> source = SourceOf(*stream);
    stream->source = source.value_or(0);
    if (source) continue;
    if (stream->is_file() && stream->follower->links() > 0) {
      Park(*stream);
    } else {
      Close(*stream);
    }
  }
  table_.Sweep();
  table_.Bind(discovery_);

  Scan scan = discovery_.Look();
  for (size_t i = 0; i < specs_.size(); ++i) {
    if (specs_[i].start_at_end && !old_paths.contains(specs_[i].path)) table_.SkipContents(scan, i);
  }
  bool has_stdin =
      std::any_of(table_.streams().begin(), table_.streams().end(), [](const auto& s) { return s->is_stdin; });
  if (discovery_.stdin_source() && !has_stdin && !stdin_ended_) table_.OpenStdin(*discovery_.stdin_source());
  Discover(clock_.Now());
  TellOfEnded();
}

}  // namespace qte::source
