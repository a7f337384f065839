// What a SourceSet tells of itself, and the way through to its inside.
#include <utility>

#include "source/source_set_impl.h"

namespace qte::source {

std::vector<StreamStatus> SourceSet::Impl::Streams() const {
  std::vector<StreamStatus> list;
  for (const auto& stream : table_.streams()) {
    if (stream->is_draining) continue;
    uint64_t offset = stream->follower->offset();
    uint64_t size = stream->follower->pollable() ? offset : offset + stream->follower->Pending();
    list.push_back({stream->id, stream->source, stream->path, stream->error.empty(), stream->error, offset, size});
  }
  for (const Problem& problem : problems_)
    list.push_back({0, problem.source, problem.path, false, problem.error, 0, 0});
  if (stdin_ended_ && discovery_.stdin_source()) {
    list.push_back({0, *discovery_.stdin_source(), "-", false, "standard input has ended", 0, 0});
  }
  return list;
}

SourceTotals SourceSet::Impl::Totals() const {
  const PipeReader& pipes = table_.pipes();
  return {.rotations = table_.rotations(),
          .truncations = truncations_,
          .lost_bytes = lost_bytes_,
          .opened = table_.opened(),
          .pipe_buffered_bytes = pipes.buffered_bytes(),
          .pipe_full_time = pipes.full_time()};
}

Positions SourceSet::Impl::SavePositions() const {
  Positions positions;
  for (const SourceSpec& spec : specs_) {
    positions.specs.push_back(spec.path);
    positions.reclaims = positions.reclaims || spec.reclaim_above > 0;
  }
  positions.looked_at = looked_at_;
  positions.streams = table_.Positions();
  for (StreamPosition& position : positions.streams) {
    if (position.source < specs_.size()) position.reclaim_above = specs_[position.source].reclaim_above;
  }
  positions.streams.insert(positions.streams.end(), gone_.begin(), gone_.end());
  return positions;
}

uint64_t SourceSet::Impl::changes() const {
  return changes_ + table_.opened() + table_.rotations();
}

SourceSet::SourceSet(std::vector<SourceSpec> specs, Receiver& receiver, Positions resume, const Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(specs), receiver, std::move(resume), clock)) {}
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
void SourceSet::Drain() {
  impl_->Drain();
}
void SourceSet::Reconfigure(std::vector<SourceSpec> specs) {
  impl_->Reconfigure(std::move(specs));
}
std::vector<StreamStatus> SourceSet::Streams() const {
  return impl_->Streams();
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
