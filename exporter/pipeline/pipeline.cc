#include "pipeline/pipeline.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "base/scan.h"
#include "trace/prefix.h"

namespace qte::pipeline {
Pipeline::Pipeline(std::shared_ptr<const rules::Program> program, SourceLabels labels, const SharedLimits& limits)
    : program_(std::move(program)),
      labels_(std::move(labels)),
      event_counts_(std::shared_ptr<const trace::NameTable>(program_, &program_->names), limits) {
  families_.reserve(program_->families.size());
  for (size_t i = 0; i < program_->families.size(); ++i) {
    families_.emplace_back(program_->families[i], limits.series[i]);
  }
}

void Pipeline::MakeStream(Feed& feed, metrics::Labels labels) {
  auto shared = std::make_shared<const metrics::Labels>(std::move(labels));
  feed.counts = &event_counts_.For(shared);
  feed.activity = &activity_.For(*shared);
  feed.stream = std::make_unique<rules::Stream>(program_, std::move(shared), families_);
}

void Pipeline::OnOpen(source::StreamId id, size_t source, const std::string& path, source::StreamId /*predecessor*/) {
  metrics::Labels labels = labels_.For(source, path);
  auto feed = feeds_.find(id);
  if (feed != feeds_.end() && *feed->second.stream->labels() == labels) return;  // it was parked
  Open(id, path, std::move(labels));
  Resume(id, *this);
}

void Pipeline::Open(source::StreamId id, const std::string& path, metrics::Labels labels) {
  Feed feed{path, source::LineSplitter(program_->limits.max_line_bytes), {}, nullptr};
  MakeStream(feed, std::move(labels));
  feeds_.insert_or_assign(id, std::move(feed));
}

void Pipeline::OnBytes(source::StreamId id, std::string_view bytes) {
  auto feed = feeds_.find(id);
  if (feed != feeds_.end()) Step(feed->second, bytes);
}

// Bytes to lines.
void Pipeline::Step(Feed& feed, std::string_view batch) {
  batch_ = batch;
  bytes_ += batch.size();
  if (feed.activity == nullptr) Revive(feed);
  feed.activity->bytes += batch.size();
  feed.splitter.Feed(
      batch, [&](std::string_view line) { OnLine(feed, line); },
      [&] {
        ++lines_;
        Reject(Unparsed::kLineTooLong);
      });
  if (last_stamp_.in_batch != nullptr) last_stamp_.Keep(last_stamp_.in_batch);
}

// A line to its event, and on to the rules that want it.
void Pipeline::OnLine(Feed& feed, std::string_view line) {
  ++lines_;
  trace::Prefix prefix = feed.prefixes.Find(line);
  std::string_view text = line.substr(prefix.size);
  size_t name_size = FindByte(text, ' ');
  std::string_view name = text.substr(0, name_size);
  uint32_t event = event_counts_.Find(name);
  if (event == trace::NameTable::kNone) {
    if (!LooksLikeEventName(name)) return Count(feed.stream->OnText(text));
    event = event_counts_.IdOf(name);
  }
  ++events_;
  if (feed.counts->Increment(event) == 1 && !event_counts_.HasSample(event)) event_counts_.SetSample(event, line);
  if (!event_counts_.IsDeclared(event)) {
    feed.stream->OnText(text);
    return Reject(Unparsed::kUndeclaredEvent);
  }
  Remember(line, prefix);
  uint32_t plan = program_->plan_of[event];
  if (plan == rules::kNone) return;
  std::string_view arguments = text.substr(std::min(name_size + 1, text.size()));
  rules::Outcome outcome = feed.stream->OnEvent(plan, line, prefix, arguments);
  if (outcome != rules::Outcome::kDone) Count(outcome);
}

void Pipeline::Count(rules::Outcome outcome) {
  switch (outcome) {
    case rules::Outcome::kDone:
      break;
    case rules::Outcome::kNotTaken:
      return Reject(Unparsed::kNotAnEvent);
    case rules::Outcome::kFormatMismatch:
      return Reject(Unparsed::kFormatMismatch);
    case rules::Outcome::kNegativeValue:
      return Reject(Unparsed::kNegativeValue);
    case rules::Outcome::kNotANumber:
      return Reject(Unparsed::kNotANumber);
  }
}

void Pipeline::Remember(std::string_view line, const trace::Prefix& prefix) {
  if (prefix.kind == trace::PrefixKind::kNone) return;
  last_stamp_.prefix = prefix;
  last_stamp_.in_batch = line.data();
  // A line that crosses a chunk's border stands elsewhere, and not for long.
  bool is_in_batch =
      reinterpret_cast<uintptr_t>(line.data()) - reinterpret_cast<uintptr_t>(batch_.data()) < batch_.size();
  if (!is_in_batch) last_stamp_.Keep(line.data());
}

bool Pipeline::LacksName(source::StreamId id, std::string_view file) const {
  auto feed = feeds_.find(id);
  return feed != feeds_.end() && feed->second.stream->LacksName(file);
}

void Pipeline::Expect(source::StreamId id, std::vector<rules::DriveProbe> probes) {
  auto feed = feeds_.find(id);
  if (feed != feeds_.end()) feed->second.stream->Expect(std::move(probes));
}

void Pipeline::EndOfRecording(source::StreamId id) {
  auto found = feeds_.find(id);
  if (found != feeds_.end() && found->second.splitter.Drop()) Reject(Unparsed::kPartialLine);
}

void Pipeline::OnRestart(source::StreamId id, source::Restart /*why*/) {
  EndOfRecording(id);
  auto found = feeds_.find(id);
  if (found != feeds_.end()) found->second.stream->Restart();
}

void Pipeline::OnClose(source::StreamId id) {
  auto found = feeds_.find(id);
  if (found == feeds_.end()) return CloseSaved(id);
  OnRestart(id, source::Restart::kWriterEnded);
  losses_before_.Add(LossesOf(*found->second.stream));
  feeds_.erase(found);
}

Losses Pipeline::LossesOf(const rules::Stream& stream) const {
  Losses losses;
  for (size_t i = 0; i < program_->spans.size(); ++i) {
    losses.abandoned[program_->spans[i].name] += stream.abandoned_spans(i);
  }
  for (size_t i = 0; i < program_->lookups.size(); ++i) {
    const rules::LookupPlan& lookup = program_->lookups[i];
    if (lookup.names.empty()) losses.forgotten[lookup.name] += stream.lookup(i).forgotten();
  }
  for (size_t i = 0; i < program_->decoders.size(); ++i) {
    for (size_t part : program_->decoders[i].parts) {
      const correlation::DecoderPart& shown = program_->decoders[i].kind->parts[part];
      if (shown.opens) losses.abandoned[std::string(shown.name)] += stream.decoder(i).abandoned(part);
      losses.forgotten[std::string(shown.name)] += stream.decoder(i).forgotten(part);
    }
  }
  return losses;
}

std::string Pipeline::TakePathWithoutTime() {
  for (auto& [id, feed] : feeds_) {
    if (!feed.told_about_time && feed.stream->lacks_time()) {
      feed.told_about_time = true;
      return feed.path;
    }
  }
  return {};
}

const rules::Stream* Pipeline::stream(source::StreamId id) const {
  auto feed = feeds_.find(id);
  return feed == feeds_.end() ? nullptr : feed->second.stream.get();
}

SeriesCount Pipeline::CountSeries() const {
  SeriesCount count;
  for (const metrics::Family& family : families_) {
    std::shared_ptr<const metrics::Labels> other = family.OtherBase();
    count.apart += family.series_count() - (other == nullptr ? 0 : 1);
    if (other != nullptr) count.folded[family.spec().name].insert(*other);
  }
  return count;
}

size_t Pipeline::ExpireIdle(Clock::Time now) {
  if (!program_->limits.expire_after) return 0;
  size_t removed = 0;
  bool is_any_idle = false;
  for (const metrics::Labels& labels : activity_.TakeIdle(now, *program_->limits.expire_after)) {
    is_any_idle = true;
    for (metrics::Family& family : families_) removed += family.Remove(labels);
    event_counts_.Remove(labels);
    for (auto& [id, feed] : feeds_) {
      if (*feed.stream->labels() == labels) feed.activity = nullptr;
    }
  }
  if (is_any_idle) {
    for (auto& [id, feed] : feeds_) feed.stream->ForgetSeries();
    for (auto& [id, feed] : feeds_) {
      if (feed.activity != nullptr) feed.stream->RenewSeries();
    }
  }
  expired_ += removed;
  return removed;
}

void Pipeline::ForgetGone() {
  std::set<metrics::Labels> needed;
  const metrics::Labels* last = nullptr;  // series of one source lie together as a rule
  for (const metrics::Family& family : families_) {
    for (size_t i = 0; i < family.series_count(); ++i) {
      const metrics::Labels* base = family.labels()[i].base.get();
      if (base != last) needed.insert(*base);
      last = base;
    }
  }
  event_counts_.ForEachLabels([&](const metrics::Labels& labels) { needed.insert(labels); });
  for (const auto& [id, feed] : feeds_) needed.insert(*feed.stream->labels());
  activity_.Keep(needed);
}

void Pipeline::Revive(Feed& feed) {
  feed.counts = &event_counts_.For(feed.stream->labels());
  feed.activity = &activity_.For(*feed.stream->labels());
  feed.stream->RenewSeries();
}

std::vector<SeenEvent> Pipeline::SeenEvents() const {
  std::vector<SeenEvent> events;
  for (auto& [id, event] : event_counts_.Seen()) {
    events.push_back(std::move(event));
    events.back().used = event_counts_.IsDeclared(id) && program_->plan_of[id] != rules::kNone;
  }
  return events;
}

metrics::Snapshot Pipeline::TakeSnapshot() {
  metrics::Snapshot snapshot;
  AppendSeries(snapshot);  // first, since what is in flight may make series
  snapshot.plain = ToFamilies(TakeOwnCounts());
  return snapshot;
}

// What is open is counted when somebody looks, so that no way of ending (abandoned, too old, QEMU gone) can be missed.
// Label sets over a family's limit were counted when their span began; those of a decoder's disks are counted by what
// else shows them.
void Pipeline::CountInFlight() {
  bool counts = false;
  for (metrics::Family& family : families_) {
    if (!family.spec().is_in_flight) continue;
    family.SetAll(0);
    counts = true;
  }
  if (!counts) return;
  Overflowed before = overflowed();
  for (auto& [id, feed] : feeds_) {
    if (feed.activity != nullptr) feed.stream->CountInFlight();  // the series of a source that expired are gone
  }
  set_overflowed(before);
}

Pipeline::Overflowed Pipeline::overflowed() const {
  Overflowed counts;
  for (const metrics::Family& family : families_) counts.families.push_back(family.overflowed());
  counts.events = event_counts_.overflowed();
  return counts;
}

void Pipeline::set_overflowed(const Overflowed& before) {
  for (size_t i = 0; i < families_.size(); ++i) families_[i].set_overflowed(before.families[i]);
  event_counts_.set_overflowed(before.events);
}

void Pipeline::AppendSeries(metrics::Snapshot& snapshot) {
  CountInFlight();
  for (const metrics::Family& family : families_) snapshot.families.push_back(family.TakeSnapshot());
  snapshot.counts.push_back(event_counts_.TakeSnapshot());
}

void Pipeline::AppendFamilies(const Wanted& wanted, std::vector<metrics::FamilySnapshot>& families) const {
  for (const metrics::Family& family : families_) {
    if (wanted(family.spec().name)) families.push_back(family.TakeSnapshot());
  }
}

OwnCounts Pipeline::TakeOwnCounts() const {
  OwnCounts counts;
  counts.lines = lines_;
  counts.bytes = bytes_;
  counts.series = CountSeries();
  counts.expired = expired_;
  counts.unparsed = unparsed_;
  for (const metrics::Family& family : families_) counts.overflowed[family.spec().name] = family.overflowed();
  counts.overflowed["qemu_trace_events_total"] = event_counts_.overflowed();
  if (last_stamp_.prefix.kind != trace::PrefixKind::kNone) {
    counts.last_event_us = trace::ReadTime({last_stamp_.text.data(), last_stamp_.text.size()}, last_stamp_.prefix);
  }
  CountSpans(counts);
  return counts;
}

// Of spans, lookups and decoders, summed over all sources. All are there from the start.
void Pipeline::CountSpans(OwnCounts& counts) const {
  for (const rules::SpanPlan& span : program_->spans) counts.open_spans[span.name];
  for (const rules::DecoderPlan& decoder : program_->decoders) {
    for (size_t part : decoder.parts) {
      const correlation::DecoderPart& shown = decoder.kind->parts[part];
      if (shown.opens) counts.open_spans[std::string(shown.name)];
      counts.losses.forgotten[std::string(shown.name)];
    }
  }
  for (const auto& [span, count] : counts.open_spans) counts.losses.abandoned[span];
  for (const rules::LookupPlan& lookup : program_->lookups) {
    if (lookup.names.empty()) counts.losses.forgotten[lookup.name];
  }
  counts.losses.Add(losses_before_);
  for (const auto& [id, feed] : feeds_) {
    counts.losses.Add(LossesOf(*feed.stream));
    for (size_t i = 0; i < program_->spans.size(); ++i) {
      counts.open_spans[program_->spans[i].name] += feed.stream->open_spans(i);
    }
    for (size_t i = 0; i < program_->decoders.size(); ++i) {
      for (size_t part : program_->decoders[i].parts) {
        const correlation::DecoderPart& shown = program_->decoders[i].kind->parts[part];
        if (shown.opens) counts.open_spans[std::string(shown.name)] += feed.stream->decoder(i).open(part);
      }
    }
  }
}

}  // namespace qte::pipeline
