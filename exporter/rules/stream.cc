#include "rules/stream.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/utf8.h"
#include "correlation/block_names.h"
#include "rules/parts.h"

namespace qte::rules {
namespace {

using trace::Value;
using trace::ValueKind;

// Longer label values are cut: a label is a name, and series keep theirs for good.
constexpr size_t kMaxLabelBytes = 1024;

// A cache may hold more raw argument texts than a metric has series, since several can make one label.
constexpr size_t kCacheEntriesPerSeries = 4;

// A value's bytes for finding its series: its text, or the bits of a derived number that has none. Null where missing.
std::string_view InputOf(const Value& value) {
  if (!value.has_value()) return {};
  if (value.data != nullptr) return value.text();
  return {reinterpret_cast<const char*>(&value.bits), sizeof value.bits};
}

// Whether `next` begins where `text` ends, or after a few bytes more, as between two arguments of one line.
bool IsJustBehind(std::string_view text, std::string_view next) {
  constexpr uintptr_t kMostBetween = 4;
  return reinterpret_cast<uintptr_t>(next.data()) - reinterpret_cast<uintptr_t>(text.data() + text.size()) <=
         kMostBetween;
}

void AppendText(const Value& value, std::string& out) {
  if (value.data != nullptr) {
    out.append(value.text());
    return;
  }
  char digits[32];
  std::to_chars_result end{digits, std::errc()};
  if (value.kind == ValueKind::kReal) {
    end = std::to_chars(digits, std::end(digits), value.real);
  } else if (value.negative) {
    end = std::to_chars(digits, std::end(digits), static_cast<int64_t>(value.bits));
  } else if (value.kind == ValueKind::kInteger) {
    end = std::to_chars(digits, std::end(digits), value.bits);
  }
  out.append(digits, end.ptr);
}

bool HasAll(const Template& candidate, const auto& values) {
  return std::all_of(candidate.pieces.begin(), candidate.pieces.end(), [&](const Template::Piece& piece) {
    return piece.slot == kNoSlot || values[piece.slot].has_value();
  });
}

// Moves the state of every old plan that stands unchanged among the new ones.
template <class Plan, class State, class Same>
void AdoptSame(const std::vector<Plan>& old_plans, std::vector<State>& old_states, const std::vector<Plan>& plans,
               std::vector<State>& states, Same&& same) {
  for (size_t to = 0; to < plans.size(); ++to) {
    for (size_t from = 0; from < old_plans.size(); ++from) {
      if (same(old_plans[from], plans[to])) states[to] = std::move(old_states[from]);
    }
  }
}

}  // namespace

Stream::Stream(std::shared_ptr<const Program> program, std::shared_ptr<const metrics::Labels> labels,
               std::vector<metrics::Family>& families)
    : program_(std::move(program)),
      labels_(std::move(labels)),
      families_(families),
      lookups_(program_->lookups.size(), correlation::LookupTable(program_->limits.max_lookup_entries)) {
  for (const LabelSetPlan& set : program_->label_sets) label_sets_.push_back({SeriesCache(set.rules)});
  for (const SpanPlan& span : program_->spans) {
    spans_.emplace_back(correlation::SpanLimits{program_->limits.max_open_spans, span.timeout_us});
  }
  correlation::DecoderLimits limits;
  limits.max_open = program_->limits.max_open_spans;
  limits.max_names = program_->limits.max_lookup_entries;
  for (const DecoderPlan& decoder : program_->decoders) decoders_.push_back(decoder.kind->make(limits));
  MakeForeseeableSeries();
}

void Stream::ForgetSeries() {
  for (LabelSet& set : label_sets_) set.cache.Clear();
  ++event_;
}

void Stream::RenewSeries() {
  ForgetSeries();
  MakeForeseeableSeries();
}

// A series whose labels do not depend on any event exists at 0 from the start.
void Stream::MakeForeseeableSeries() {
  auto make = [this](const RulePlan& rule) {
    if (program_->label_sets[rule.label_set].labels.empty()) families_[rule.family].FindOrAdd(labels_, {});
  };
  for (const EventPlan& plan : program_->plans) std::for_each(plan.rules.begin(), plan.rules.end(), make);
  for (const SpanPlan& span : program_->spans) std::for_each(span.in_flight.begin(), span.in_flight.end(), make);
  for (const MatchPlan& match : program_->matches) make(match.rule);
}

bool Stream::Read(const EventPlan& plan, std::string_view arguments, Values& values) {
  for (const EventPlan::Reader& reader : plan.readers) {
    if (!reader.format.Read(arguments, values.data())) continue;
    for (Slot slot : reader.absent) values[slot].kind = ValueKind::kMissing;
    return true;
  }
  return false;
}

Stream::Moment Stream::MomentOf(const EventPlan& plan, std::string_view line, const trace::Prefix& prefix) {
  Moment moment;
  if (plan.needs_time) {
    moment.time_us = trace::ReadTime(line, prefix);
    lacks_time_ = lacks_time_ || moment.time_us == correlation::kNoTime;
  }
  if (plan.needs_thread) moment.thread = trace::ReadThread(line, prefix);
  return moment;
}

Outcome Stream::OnEvent(uint32_t index, std::string_view line, const trace::Prefix& prefix,
                        std::string_view arguments) {
  const EventPlan& plan = program_->plans[index];
  if (!Read(plan, arguments, values_)) return Outcome::kFormatMismatch;
  if (!probes_.empty() && index == program_->probe.read && TakeProbe()) return Outcome::kDone;
  Moment moment = MomentOf(plan, line, prefix);
  negative_value_ = false;
  for (const LookupFeed& feed : plan.lookups) Learn(feed, values_);
  for (const SpanFeed& feed : plan.spans) FeedSpan(feed, values_, moment.time_us);
  for (const DecoderFeed& feed : plan.decoders) FeedDecoder(feed, values_, moment);
  RunRules(plan.rules, values_);
  return negative_value_ ? Outcome::kNegativeValue : Outcome::kDone;
}

bool Stream::LacksName(std::string_view file) const {
  const ProbePlan& probe = program_->probe;
  if (probe.read == kNone) return false;
  const EventPlan& open = program_->plans[probe.open];
  return std::any_of(open.lookups.begin(), open.lookups.end(),
                     [&](const LookupFeed& feed) {
                       return feed.value == probe.open_file && !lookups_[feed.lookup].HasValue(file);
                     }) ||
         std::any_of(decoders_.begin(), decoders_.end(), [&](const auto& decoder) {
           return decoder->names() != nullptr && !decoder->names()->HasFile(file);
         });
}

// values_ are those of a read.
bool Stream::TakeProbe() {
  const ProbePlan& plan = program_->probe;
  if (values_[plan.read_bytes].bits != 0) return false;
  auto probe = std::find_if(probes_.begin(), probes_.end(), [&](const DriveProbe& p) {
    return static_cast<uint64_t>(p.offset) == values_[plan.read_offset].bits;
  });
  if (probe == probes_.end()) return false;
  Values told;
  told[plan.open_node] = values_[plan.read_node];
  told[plan.open_file] = Value::Text(probe->file);
  Values attached;
  if (plan.attach != kNone) {
    attached[plan.attach_backend] = values_[plan.read_backend];
    attached[plan.attach_node] = values_[plan.read_node];
    Teach(plan.attach, attached, 0);
  }
  Teach(plan.open, told, values_[plan.read_node].bits);
  probes_.erase(probe);
  return true;
}

// Hands an event over to what learns from it, as if it had been logged; but not to a decoder that has a name for `node`
// already.
void Stream::Teach(uint32_t index, const Values& values, uint64_t node) {
  const EventPlan& plan = program_->plans[index];
  for (const LookupFeed& feed : plan.lookups) Learn(feed, values);
  for (const DecoderFeed& feed : plan.decoders) {
    const correlation::BlockNames* names = decoders_[feed.decoder]->names();
    if (names != nullptr && !names->IsNamed(node)) FeedDecoder(feed, values, {});
  }
}

std::string_view Stream::KeyOf(const std::vector<Slot>& slots, const Values& values) {
  key_.Clear();
  for (Slot slot : slots) key_.Add(slot == kNoSlot ? Value() : values[slot]);
  return key_.key();
}

void Stream::Learn(const LookupFeed& feed, const Values& values) {
  const Value& value = values[feed.value];
  if (value.has_value()) lookups_[feed.lookup].Learn(KeyOf(feed.key, values), value.text());
}

void Stream::FeedSpan(const SpanFeed& feed, const Values& values, int64_t time_us) {
  std::string_view key = KeyOf(feed.key, values);
  auto value_at = [&](Slot slot) { return slot == kNoSlot ? Value() : values[slot]; };
  if (feed.is_start) {
    for (size_t i = 0; i < feed.saved.size(); ++i) span_values_[i] = value_at(feed.saved[i]);
    std::span<const Value> saved = std::span(span_values_).first(feed.saved.size());
    spans_[feed.span].Start(key, time_us, saved);
    // Its series exist from now on, be it closed before anybody looks.
    const SpanPlan& started = program_->spans[feed.span];
    if (!started.in_flight.empty()) ForEachInFlight(started, saved, [](metrics::Family&, metrics::SeriesId, double) {});
    return;
  }
  const SpanPlan& plan = program_->spans[feed.span];
  Value duration;
  if (!spans_[feed.span].End(key, time_us, std::span(span_values_).first(plan.saved), duration)) return;
  if (plan.plan == kNone) return;
  size_t from_end = 0;
  for (size_t slot = 0; slot < plan.slots.size(); ++slot) {
    switch (plan.slots[slot].from) {
      case SpanPlan::Source::From::kDuration:
        derived_values_[slot] = duration;
        break;
      case SpanPlan::Source::From::kStart:
        derived_values_[slot] = span_values_[plan.slots[slot].index];
        break;
      case SpanPlan::Source::From::kEnd:
        derived_values_[slot] = value_at(feed.saved[from_end++]);
        break;
    }
  }
  RunRules(program_->plans[plan.plan].rules, derived_values_);
}

// Calls visit(family, series) for what an open span counts in.
template <class Visit>
void Stream::ForEachInFlight(const SpanPlan& plan, std::span<const Value> saved, Visit&& visit) {
  for (size_t slot = 0; slot < plan.slots.size(); ++slot) {
    bool is_known = plan.slots[slot].from == SpanPlan::Source::From::kStart && plan.slots[slot].index < saved.size();
    derived_values_[slot] = is_known ? saved[plan.slots[slot].index] : Value();
  }
  ++event_;
  for (const RulePlan& rule : plan.in_flight) {
    bool holds = std::all_of(rule.where.begin(), rule.where.end(), [this](const ConditionPlan& condition) {
      return Holds(condition, derived_values_[condition.slot]);
    });
    if (holds) visit(families_[rule.family], SeriesOf(rule, derived_values_), rule.scale);
  }
}

void Stream::CountInFlight() {
  for (size_t i = 0; i < spans_.size(); ++i) {
    const SpanPlan& plan = program_->spans[i];
    if (plan.in_flight.empty()) continue;
    spans_[i].ForEachOpen([&](std::span<const Value> saved) {
      ForEachInFlight(plan, saved, [](metrics::Family& family, metrics::SeriesId series, double amount) {
        family.Add(series, amount);
      });
    });
  }
  AskDecoders(Asked::kCounts);
}

void Stream::AskDecoders(Asked what) {
  asked_ = what;
  for (uint32_t i = 0; i < decoders_.size(); ++i) {
    emitting_ = i;
    if (program_->decoders[i].counts_in_flight) decoders_[i]->CountInFlight(*this);
  }
  asked_ = Asked::kNothing;
}

void Stream::AddInFlight(const RulePlan& rule, const Values& values) {
  bool holds = std::all_of(rule.where.begin(), rule.where.end(),
                           [&](const ConditionPlan& condition) { return Holds(condition, values[condition.slot]); });
  if (!holds) return;
  double amount = asked_ == Asked::kSeries ? 0 : rule.value == kNoSlot ? 1 : values[rule.value].AsDouble();
  families_[rule.family].Add(SeriesOf(rule, values), amount * rule.scale);
}

void Stream::FeedDecoder(const DecoderFeed& feed, const Values& values, const Moment& moment) {
  std::span<const Value> arguments(values);
  if (feed.is_in_order) {
    arguments = arguments.subspan(feed.arguments.front(), feed.arguments.size());
  } else {
    for (size_t i = 0; i < feed.arguments.size(); ++i) {
      span_values_[i] = feed.arguments[i] == kNoSlot ? Value() : values[feed.arguments[i]];
    }
    arguments = std::span(span_values_).first(feed.arguments.size());
  }
  emitting_ = feed.decoder;
  decoders_[feed.decoder]->OnEvent({feed.which, arguments, moment.time_us, moment.thread}, *this);
}

void Stream::Emit(size_t which, std::span<const Value> args) {
  const DecoderPlan::Output& output = program_->decoders[emitting_].outputs[which];
  if (output.plan == kNone) return;
  for (size_t slot = 0; slot < output.arguments.size(); ++slot) derived_values_[slot] = args[output.arguments[slot]];
  const std::vector<RulePlan>& rules = program_->plans[output.plan].rules;
  if (asked_ == Asked::kNothing) return RunRules(rules, derived_values_);
  ++event_;
  for (const RulePlan& rule : rules) AddInFlight(rule, derived_values_);
}

bool Stream::MatchText(std::string_view text) {
  bool taken = false;
  program_->match_filter.Find(text, matching_);
  if (matching_.empty()) return taken;  // the groups cost more than the line
  re2::StringPiece groups[kMaxSlots + 1];
  for (int index : matching_) {
    const MatchPlan& match = program_->matches[static_cast<size_t>(index)];
    int count = match.regex->NumberOfCapturingGroups() + 1;
    re2::StringPiece piece(text.data(), text.size());
    if (!match.regex->Match(piece, 0, text.size(), re2::RE2::UNANCHORED, groups, count)) continue;
    taken = true;
    for (int i = 1; i < count; ++i) {
      Value value;
      if (groups[i].data() != nullptr) value = Value::Text({groups[i].data(), groups[i].size()});
      values_[static_cast<size_t>(i) - 1] = value;
    }
    if (match.rule.value != kNoSlot) {
      Value& value = values_[match.rule.value];
      double number = 0;
      auto parsed = std::from_chars(value.data, value.data + value.size, number);
      if (parsed.ec != std::errc() || parsed.ptr != value.data + value.size) continue;
      value = Value::Real(number, value.text());
    }
    RunRules({&match.rule, 1}, values_);
  }
  return taken;
}

void Stream::RunRules(std::span<const RulePlan> rules, const Values& values) {
  ++event_;
  for (const RulePlan& rule : rules) RunRule(rule, values);
}

void Stream::RunRule(const RulePlan& rule, const Values& values) {
  for (const ConditionPlan& condition : rule.where) {
    if (!Holds(condition, values[condition.slot])) return;
  }
  double amount = 1;
  if (rule.value != kNoSlot) {
    if (!values[rule.value].is_number()) return;
    amount = values[rule.value].AsDouble() * rule.scale;
  } else {
    amount = rule.scale;
  }
  if (rule.type == metrics::Type::kCounter && amount < 0) {
    negative_value_ = true;
    return;
  }
  metrics::SeriesId series = SeriesOf(rule, values);
  metrics::Family& family = families_[rule.family];
  switch (rule.type) {
    case metrics::Type::kCounter:
      family.Add(series, amount);
      break;
    case metrics::Type::kGauge:
      family.Set(series, amount);
      break;
    case metrics::Type::kHistogram:
      family.Observe(series, amount);
      break;
  }
}

metrics::SeriesId Stream::SeriesOf(const RulePlan& rule, const Values& values) {
  LabelSet& set = label_sets_[rule.label_set];
  if (set.event != event_) {
    set.entry = EntryOf(program_->label_sets[rule.label_set], set.cache, values);
    set.event = event_;
  }
  if (set.entry == SeriesCache::kNoEntry) return MakeSeries(rule, values);
  metrics::SeriesId known = set.cache.SeriesOf(set.entry, rule.column);
  if (known != SeriesCache::kUnknown) return known;
  metrics::SeriesId made = MakeSeries(rule, values);
  // What folds into "_other_" is asked for each time, so that it is counted each time.
  if (!families_[rule.family].IsOther(made)) set.cache.SeriesOf(set.entry, rule.column) = made;
  return made;
}

uint32_t Stream::EntryOf(const LabelSetPlan& plan, SeriesCache& cache, const Values& values) {
  size_t max_entries = program_->limits.max_series_per_metric * kCacheEntriesPerSeries;
  bool is_constant = plan.inputs.empty() && !plan.has_lookups;
  if (is_constant) return cache.empty() ? cache.Insert(kHashSeed, {}, max_entries) : 0;
  if (plan.inputs.size() == 1 && !plan.has_lookups) {
    inputs_.assign(1, InputOf(values[plan.inputs.front()]));
  } else {
    CollectInputs(plan, values);
  }
  uint64_t hash = SeriesCache::Hash(inputs_);
  uint32_t entry = cache.Find(hash, inputs_);
  return entry != SeriesCache::kNoEntry ? entry : cache.Insert(hash, inputs_, max_entries);
}

// Arguments that stand side by side in the line, as most do that make one label, become one text with what is between
// them. The sizes of all are one more, so that no two label sets have the same texts.
void Stream::CollectInputs(const LabelSetPlan& plan, const Values& values) {
  inputs_.clear();
  size_t count = 0;
  for (Slot slot : plan.inputs) {
    std::string_view input = InputOf(values[slot]);
    input_sizes_[count++] = SeriesCache::SizeMark(input);
    if (!inputs_.empty() && IsJustBehind(inputs_.back(), input)) {
      std::string_view& last = inputs_.back();
      last = {last.data(), static_cast<size_t>(input.data() + input.size() - last.data())};
    } else if (!input.empty()) {
      inputs_.push_back(input);
    }
  }
  inputs_.emplace_back(reinterpret_cast<const char*>(input_sizes_.data()), count * sizeof(uint32_t));
  if (!plan.has_lookups) return;
  for (const LabelPlan& label : plan.labels) {
    if (label.lookup == kNone) continue;
    const std::string* name = LookUp(label, values);
    inputs_.push_back(name == nullptr ? std::string_view() : *name);
    if (name != nullptr) continue;
    for (Slot slot : label.key) inputs_.push_back(InputOf(values[slot]));
  }
}

metrics::SeriesId Stream::MakeSeries(const RulePlan& rule, const Values& values) {
  const std::vector<LabelPlan>& labels = program_->label_sets[rule.label_set].labels;
  rendered_.resize(std::max(rendered_.size(), labels.size()));
  rendered_views_.clear();
  for (size_t i = 0; i < labels.size(); ++i) {
    rendered_[i].clear();
    RenderLabel(labels[i], values, rendered_[i]);
    MakeValidUtf8(rendered_[i], kMaxLabelBytes);
    rendered_views_.push_back(rendered_[i]);
  }
  return families_[rule.family].FindOrAdd(labels_, rendered_views_);
}

const std::string* Stream::LookUp(const LabelPlan& label, const Values& values) {
  return NameOf(label.lookup, KeyOf(label.key, values));
}

const std::string* Stream::NameOf(size_t lookup, std::string_view key) const {
  const auto& names = program_->lookups[lookup].names;
  if (names.empty()) return lookups_[lookup].Find(key);
  auto name = names.find(key);
  return name == names.end() ? nullptr : &name->second;
}

// A lookup that has not learned the key shows the key itself.
void Stream::RenderLabel(const LabelPlan& label, const Values& values, std::string& out) {
  if (label.lookup != kNone) {
    if (const std::string* name = LookUp(label, values)) {
      out = *name;
      return;
    }
    for (Slot slot : label.key) {
      if (!out.empty()) out += ',';
      AppendText(values[slot], out);
    }
    return;
  }
  for (const Template& alternative : label.alternatives) {
    if (!HasAll(alternative, values)) continue;
    for (const Template::Piece& piece : alternative.pieces) {
      out += piece.literal;
      if (piece.slot != kNoSlot) AppendText(values[piece.slot], out);
    }
    return;
  }
}

// A disk that came and went since somebody looked has its series all the same.
void Stream::Restart() {
  AskDecoders(Asked::kSeries);
  for (correlation::LookupTable& lookup : lookups_) lookup.Clear();
  for (correlation::SpanTable& span : spans_) span.Clear();
  for (auto& decoder : decoders_) decoder->Reset();
}

void Stream::Adopt(Stream&& old) {
  const Program& before = *old.program_;
  auto same_definition = [](const auto& a, const auto& b) { return a.definition == b.definition; };
  auto same_kind = [](const DecoderPlan& a, const DecoderPlan& b) { return a.kind == b.kind; };
  AdoptSame(before.lookups, old.lookups_, program_->lookups, lookups_, same_definition);
  AdoptSame(before.spans, old.spans_, program_->spans, spans_, same_definition);
  AdoptSame(before.decoders, old.decoders_, program_->decoders, decoders_, same_kind);
}

}  // namespace qte::rules
