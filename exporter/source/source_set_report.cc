// What a SourceSet tells of itself, and the way through to its inside.
#include <set>
#include <string>
#include <utility>

#include "source/source_set_impl.h"

namespace qte::source {

std::vector<StreamStatus> SourceSet::Impl::Streams() const {
  using State = ParkedStream::State;
  std::vector<StreamStatus> list;
  std::set<std::string> paths;
  for (const auto& stream : table_.streams()) {
    if (stream->is_draining) continue;
    uint64_t offset = stream->follower->offset();
    uint64_t size = stream->is_file() ? offset + stream->follower->Pending() : offset;
    list.push_back({stream->id, stream->source, stream->path, stream->error.empty(), stream->error, offset, size});
    list.back().refused = stream->is_refused;
    paths.insert(stream->path);
  }
  for (const Problem& problem : problems_) {
    if (!paths.insert(problem.path).second) continue;
    list.push_back({0, problem.source, problem.path, false, problem.error, 0, 0, problem.takes_turns});
  }
  for (const auto& [id, parked] : table_.parked()) {
    const StreamPosition& position = parked.position;
    bool is_missed = parked.state == State::kAway || parked.state == State::kWaiting;
    if (!parked.source || !is_missed || position.has_successor || !paths.insert(position.path).second) continue;
    bool takes_turns = parked.state == State::kWaiting;
    list.push_back({id, *parked.source, position.path, false,
                    takes_turns ? "waits for a free file descriptor" : parked.error, position.point.offset,
                    position.point.known_size, takes_turns});
  }
  if (stdin_ended_ && discovery_.stdin_source()) {
    list.push_back({0, *discovery_.stdin_source(), "-", false, "standard input has ended", 0, 0});
  }
  return list;
}

SourceTotals SourceSet::Impl::Totals() const {
  const PipeReader& pipes = table_.pipes();
  return {.rotations = table_.rotations(),
          .truncations = truncations_,
          .lost_bytes = lost_bytes_ + table_.lost_bytes(),
          .opened = table_.opened(),
          .pipe_buffered_bytes = pipes.buffered_bytes(),
          .pipe_full_time = pipes.full_time()};
}

Positions SourceSet::Impl::SavePositions() const {
  Positions positions;
  for (const SourceSpec& spec : specs_) {
    positions.reclaims = positions.reclaims || spec.reclaim_above > 0;
  }
  positions.looks = table_.LooksToSave();
  positions.streams = table_.Positions(clock_.Now());
  for (StreamPosition& position : positions.streams) {
    if (position.source < specs_.size()) position.reclaim_above = specs_[position.source].reclaim_above;
  }
  return positions;
}

uint64_t SourceSet::Impl::changes() const {
  return changes_ + table_.opened() + table_.rotations();
}

SourceSet::SourceSet(std::vector<SourceSpec> specs, Receiver& receiver, Positions resume, FollowOptions options)
    : impl_(std::make_unique<Impl>(std::move(specs), receiver, std::move(resume), options)) {}
SourceSet::~SourceSet() = default;
void SourceSet::Step(std::chrono::milliseconds max_wait) {
  impl_->Step(max_wait);
}
void SourceSet::Wake() {
  impl_->Wake();
}
bool SourceSet::caught_up() const {
  return impl_->caught_up();
}
CatchUp SourceSet::catch_up() const {
  return impl_->catch_up();
}
void SourceSet::Drain() {
  impl_->Drain();
}
void SourceSet::Reconfigure(std::vector<SourceSpec> specs) {
  impl_->Reconfigure(std::move(specs));
}
StreamId SourceSet::Attach(UniqueFd pipe, const std::string& name, const std::string& spec_path) {
  return impl_->Attach(std::move(pipe), name, spec_path);
}
std::vector<StreamStatus> SourceSet::Streams() const {
  return impl_->Streams();
}
const std::vector<Warning>& SourceSet::Warnings() const {
  return impl_->Warnings();
}
std::vector<std::string> SourceSet::TakeWarnings() {
  return impl_->TakeWarnings();
}
SourceTotals SourceSet::Totals() const {
  return impl_->Totals();
}
uint64_t SourceSet::changes() const {
  return impl_->changes();
}
Positions SourceSet::SavePositions() const {
  return impl_->SavePositions();
}

}  // namespace qte::source
