#include "pipeline/pipeline.h"

#include <algorithm>
#include <cstring>

#include "base/scan.h"
#include "trace/prefix.h"

namespace qte::pipeline {
namespace {

// Names of undeclared events that are counted one by one, as the metrics' reference says.
constexpr size_t kMaxUndeclaredEvents = 10'000;

}  // namespace

std::string_view NameOf(Unparsed reason) {
  switch (reason) {
    case Unparsed::kNotAnEvent:
      return "not_an_event";
    case Unparsed::kUndeclaredEvent:
      return "undeclared_event";
    case Unparsed::kFormatMismatch:
      return "format_mismatch";
    case Unparsed::kLineTooLong:
      return "line_too_long";
    case Unparsed::kPartialLine:
      return "partial_line";
    case Unparsed::kNegativeValue:
      return "negative_value";
  }
  return "";
}

Pipeline::Pipeline(std::shared_ptr<const rules::Program> program, SourceLabels labels)
    : program_(std::move(program)),
      labels_(std::move(labels)),
      event_counts_(program_->names, {kMaxUndeclaredEvents, program_->limits.max_series_per_metric}) {
  families_.reserve(program_->families.size());
  for (const metrics::FamilySpec& spec : program_->families) {
    families_.emplace_back(spec, program_->limits.max_series_per_metric);
  }
}

void Pipeline::MakeStream(Feed& feed, metrics::Labels labels) {
  auto shared = std::make_shared<const metrics::Labels>(std::move(labels));
  feed.counts = &event_counts_.For(shared);
  feed.activity = &activity_.For(*shared);
  feed.stream = std::make_unique<rules::Stream>(program_, std::move(shared), families_);
}

void Pipeline::OnOpen(source::StreamId id, size_t source, const std::string& path) {
  Feed feed{path, source::LineSplitter(program_->limits.max_line_bytes), nullptr};
  MakeStream(feed, labels_.For(source, path));
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
  trace::Prefix prefix = trace::FindPrefix(line);
  std::string_view text = line.substr(prefix.size);
  size_t name_size = FindByte(text, ' ');
  std::string_view name = text.substr(0, name_size);
  uint32_t event = program_->names.Find(name);
  if (event == trace::NameTable::kNone) return OnUnknownName(feed, line, text, name);
  ++events_;
  Remember(line, prefix);
  if (feed.counts->Increment(event) == 1 && !event_counts_.HasSample(event)) event_counts_.SetSample(event, line);
  uint32_t plan = program_->plan_of[event];
  if (plan == rules::kNone) return;
  std::string_view arguments = text.substr(std::min(name_size + 1, text.size()));
  switch (feed.stream->OnEvent(plan, line, prefix, arguments)) {
    case rules::Outcome::kDone:
      break;
    case rules::Outcome::kFormatMismatch:
      Reject(Unparsed::kFormatMismatch);
      break;
    case rules::Outcome::kNegativeValue:
      Reject(Unparsed::kNegativeValue);
      break;
  }
}

void Pipeline::OnUnknownName(Feed& feed, std::string_view line, std::string_view text, std::string_view name) {
  // A name that was seen before need not be looked at again.
  uint32_t event = event_counts_.FindUndeclared(name);
  if (event == trace::NameTable::kNone && LooksLikeEventName(name)) event = event_counts_.UndeclaredId(name);
  bool is_event = event != trace::NameTable::kNone;
  if (is_event) {
    ++events_;
    if (feed.counts->Increment(event) == 1 && !event_counts_.HasSample(event)) event_counts_.SetSample(event, line);
  }
  bool taken = feed.stream->OnText(text);
  if (is_event) {
    Reject(Unparsed::kUndeclaredEvent);
  } else if (!taken) {
    Reject(Unparsed::kNotAnEvent);
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
  if (found == feeds_.end()) return;
  OnRestart(id, source::Restart::kWriterEnded);
  losses_before_.Add(LossesOf(*found->second.stream));
  feeds_.erase(found);
}

Pipeline::Losses Pipeline::LossesOf(const rules::Stream& stream) const {
  Losses losses;
  for (size_t i = 0; i < program_->spans.size(); ++i) {
    losses.abandoned[program_->spans[i].name] += stream.abandoned_spans(i);
  }
  for (size_t i = 0; i < program_->lookups.size(); ++i) {
    losses.forgotten[program_->lookups[i].name] += stream.lookup(i).forgotten();
  }
  for (size_t i = 0; i < program_->decoders.size(); ++i) {
    const correlation::DecoderKind& kind = *program_->decoders[i].kind;
    if (!kind.span.empty()) losses.abandoned[std::string(kind.span)] += stream.decoder(i).abandoned();
    losses.forgotten[std::string(kind.name)] += stream.decoder(i).forgotten();
  }
  return losses;
}

void Pipeline::Losses::Add(const Losses& other) {
  for (const auto& [span, count] : other.abandoned) abandoned[span] += count;
  for (const auto& [lookup, count] : other.forgotten) forgotten[lookup] += count;
}

void Pipeline::Losses::Subtract(const Losses& other) {
  for (const auto& [span, count] : other.abandoned) abandoned[span] -= std::min(abandoned[span], count);
  for (const auto& [lookup, count] : other.forgotten) forgotten[lookup] -= std::min(forgotten[lookup], count);
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

size_t Pipeline::series_count() const {
  size_t count = 0;
  for (const metrics::Family& family : families_) count += family.series_count();
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

void Pipeline::Adopt(Pipeline&& old, const std::map<source::StreamId, size_t>& sources) {
  for (metrics::Family& family : families_) {
    for (const metrics::Family& before : old.families_) {
      if (!metrics::Compatible(before.spec(), family.spec())) continue;
      family.Restore(before.TakeSnapshot());
      family.set_overflowed(before.overflowed());
    }
  }
  event_counts_.Adopt(old.event_counts_);
  lines_ = old.lines_;
  events_ = old.events_;
  bytes_ = old.bytes_;
  unparsed_ = old.unparsed_;
  last_stamp_ = old.last_stamp_;
  losses_before_ = std::move(old.losses_before_);
  expired_ = old.expired_;
  for (auto& [id, feed] : old.feeds_) {
    std::unique_ptr<rules::Stream> stream = std::move(feed.stream);
    auto source = sources.find(id);
    MakeStream(feed, source == sources.end() ? *stream->labels() : labels_.For(source->second, feed.path));
    feed.stream->Adopt(std::move(*stream));
    feeds_.emplace(id, std::move(feed));
  }
  old.feeds_.clear();
}

}  // namespace qte::pipeline
