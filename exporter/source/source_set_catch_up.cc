// How far the files that were there at the start have been read. The daemon answers scrapes only then, so this comes to
// an end whatever the files do: one that gives nothing more counts as read, and one that waits does so for a while.
#include <algorithm>

#include "source/source_set_impl.h"

namespace qte::source {
namespace {

// How long a file may wait for a descriptor, or for its predecessor's end, once every other one has been read.
constexpr std::chrono::seconds kPatience{10};

uint64_t LeftOf(const Stream& stream) {
  if (!stream.is_file() || !stream.error.empty()) return 0;
  return stream.catch_up_to - std::min(stream.catch_up_to, stream.follower->offset());
}

}  // namespace

void SourceSet::Impl::BeginCatchUp() {
  for (const auto& stream : table_.streams()) {
    if (!stream->is_file()) continue;
    stream->catch_up_to = stream->follower->offset() + stream->follower->Pending();
    catch_up_total_ += LeftOf(*stream);
    if (LeftOf(*stream) > 0) ++left_in_pass_;
  }
  awaited_ = table_.waiting();
  for (const auto& [file, size] : awaited_) catch_up_total_ += size;
  UpdateCaughtUp();
}

// Files that waited at the start and have a descriptor now.
void SourceSet::Impl::AwaitOpened() {
  if (awaited_.empty()) return;
  for (const auto& stream : table_.streams()) {
    auto awaited = awaited_.find(stream->identity);
    if (awaited == awaited_.end() || !stream->is_file()) continue;
    stream->catch_up_to = stream->follower->offset() + stream->follower->Pending();
    catch_up_total_ = catch_up_total_ - awaited->second + LeftOf(*stream);
    awaited_.erase(awaited);
  }
  std::erase_if(awaited_, [this](const auto& file) { return !table_.waiting().contains(file.first); });
}

void SourceSet::Impl::UpdateCaughtUp() {
  if (caught_up_) return;
  bool is_reading = false;
  bool is_waiting = !awaited_.empty();
  catch_up_left_ = 0;
  for (const auto& [file, size] : awaited_) catch_up_left_ += size;
  for (const auto& stream : table_.streams()) {
    uint64_t left = LeftOf(*stream);
    catch_up_left_ += left;
    if (left > 0) (stream->after == 0 ? is_reading : is_waiting) = true;
  }
  if (is_reading || !is_waiting) waiting_since_.reset();
  if (is_waiting && !waiting_since_) waiting_since_ = clock_.Now();
  caught_up_ = !is_reading && (!is_waiting || clock_.Now() - *waiting_since_ >= kPatience);
}

CatchUp SourceSet::Impl::catch_up() const {
  if (caught_up_) return {catch_up_total_, catch_up_total_};
  return {catch_up_total_ - std::min(catch_up_left_, catch_up_total_), catch_up_total_};
}

}  // namespace qte::source
