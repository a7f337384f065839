#include "rules/process.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "decoders/disk/block_names.h"
#include "rules/parts.h"

namespace qte::rules {
namespace {

using trace::Value;

// Converts a text that consists of a number only.
bool ReadNumber(Value& value) {
  double number = 0;
  auto [end, error] = std::from_chars(value.data, value.data + value.size, number);
  if (error != std::errc() || end != value.data + value.size) return false;
  value = Value::Real(number, value.text());
  return true;
}

// Moves the state of every old plan that is unchanged among the new ones.
template <class Plan, class State, class Same>
void AdoptSame(const std::vector<Plan>& old_plans, std::vector<State>& old_states, const std::vector<Plan>& plans,
               std::vector<State>& states, Same&& same) {
  for (size_t to = 0; to < plans.size(); ++to) {
    for (size_t from = 0; from < old_plans.size(); ++from) {
      if (same(old_plans[from], plans[to])) states[to] = std::move(old_states[from]);
    }
  }
}

decoders::Drive DriveOf(const DriveProbe& probe) {
  return {.backend = {},
          .node = 0,
          .file = probe.file,
          .format = probe.format,
          .name = probe.name,
          .qdev = probe.qdev,
          .serial = probe.serial,
          .is_read_only = probe.is_read_only};
}

}  // namespace

Process::Process(std::shared_ptr<const Program> program, metrics::Families& families, Scratch& scratch)
    : program_(std::move(program)),
      families_(families),
      lookups_(*program_),
      label_sets_(*program_, lookups_, families_),
      scratch_(&scratch) {
  for (const SpanPlan& span : program_->spans) {
    spans_.emplace_back(joins::SpanLimits{program_->limits.max_open_spans, span.timeout_us});
  }
  decoders_.resize(program_->decoders.size());
  fed_.resize(program_->decoders.size());
  FeedDecoders();
  MakeForeseeableSeries();
}

// Receives events in place of a decoder until the first event creates the decoder. Later events then need no check.
class Process::FirstEvent final : public decoders::Decoder {
 public:
  void OnEvent(const decoders::Input& input, decoders::Sink& sink) override {
    auto& process = static_cast<Process&>(sink);
    process.DecoderAt(process.emitting_).OnEvent(input, sink);
  }
  void Reset() override {}
  nlohmann::json Save() const override { return nullptr; }
  void Restore(const nlohmann::json&) override {}
};

void Process::FeedDecoders() {
  static FirstEvent first;
  for (size_t i = 0; i < fed_.size(); ++i) fed_[i] = decoders_[i] != nullptr ? decoders_[i].get() : &first;
}

decoders::Decoder& Process::DecoderAt(size_t index) {
  if (decoders_[index] == nullptr) fed_[index] = (decoders_[index] = MakeDecoder(index)).get();
  return *decoders_[index];
}

std::unique_ptr<decoders::Decoder> Process::MakeDecoder(size_t index) const {
  decoders::DecoderLimits limits;
  limits.max_open = program_->limits.max_open_spans;
  limits.max_names = program_->limits.max_lookup_entries;
  return program_->decoders[index].kind->make(limits);
}

void Process::RenewSeries() {
  ForgetSeries();
  MakeForeseeableSeries();
}

// Creates series whose labels do not depend on any event, so that they exist at 0 from the start.
void Process::MakeForeseeableSeries() {
  auto make = [this](const RulePlan& rule) { label_sets_.MakeForeseeable(rule); };
  for (const EventPlan& plan : program_->plans) std::for_each(plan.rules.begin(), plan.rules.end(), make);
  for (const SpanPlan& span : program_->spans) std::for_each(span.in_flight.begin(), span.in_flight.end(), make);
  for (const MatchPlan& match : program_->matches) make(match.rule);
}

bool Process::Read(const EventPlan& plan, std::string_view arguments, Values& values) {
  for (const EventPlan::Reader& reader : plan.readers) {
    if (!reader.format.Read(arguments, values.data())) continue;
    for (Slot slot : reader.absent) values[slot].kind = trace::ValueKind::kMissing;
    return true;
  }
  return false;
}

Process::Origin Process::OriginOf(const EventPlan& plan, std::string_view line, const trace::Prefix& prefix) {
  Origin origin;
  if (plan.needs_time) {
    origin.time_us = trace::ReadTime(line, prefix);
    lacks_time_ = lacks_time_ || origin.time_us == joins::kNoTime;
  }
  if (plan.needs_thread) origin.thread = trace::ReadThread(line, prefix);
  return origin;
}

Outcome Process::OnEvent(uint32_t index, std::string_view line, const trace::Prefix& prefix,
                        std::string_view arguments) {
  const EventPlan& plan = program_->plans[index];
  Values& values = scratch_->values;
  if (!Read(plan, arguments, values)) return Outcome::kFormatMismatch;
  outcome_ = Outcome::kDone;
  if (!plan.only_rules) {
    scratch_->batch.at = arguments.data();
    if (plan.is_watched) {
      if (index == program_->probe.open) NoteImage(line, prefix);
      if (!probes_.empty() && index == program_->probe.read && TakeProbe()) return Outcome::kDone;
    }
    Origin origin = OriginOf(plan, line, prefix);
    for (const LookupFeed& feed : plan.lookups) lookups_.Learn(feed, values);
    for (const SpanFeed& feed : plan.spans) FeedSpan(feed, values, origin.time_us);
    for (const DecoderFeed& feed : plan.decoders) FeedDecoder(feed, values, origin);
    if (plan.rules.empty()) return outcome_;
  }
  label_sets_.Begin(arguments);
  RunRules(plan.rules, values);
  return outcome_;
}

void Process::NoteImage(std::string_view line, const trace::Prefix& prefix) {
  last_node_ = scratch_->values[program_->probe.open_node].bits;
  if (first_node_ == 0) first_node_ = last_node_;
  if (uint64_t thread = trace::ReadThread(line, prefix); thread != decoders::kNoThread) main_thread_ = thread;
}

Process::Sign Process::SignOf(uint32_t index, const EventLine& event, bool is_first) {
  constexpr int kHeapBits = 32;
  const uint64_t thread = trace::ReadThread(event.line, event.prefix);
  const bool knows_threads = thread != decoders::kNoThread && main_thread_ != decoders::kNoThread;
  if (index == kNone || index != program_->probe.open) {
    return knows_threads && thread == main_thread_ ? Sign::kSame : Sign::kUnclear;
  }
  if (knows_threads) return thread == main_thread_ ? Sign::kSame : Sign::kAnother;
  if (!Read(program_->plans[index], event.arguments, scratch_->values)) return Sign::kUnclear;
  const uint64_t node = scratch_->values[program_->probe.open_node].bits;
  if (last_node_ != 0 && ((node ^ last_node_) >> kHeapBits) != 0) return Sign::kAnother;
  // Without address randomization, another process has its first image at the same address.
  return is_first && (first_node_ == 0 || node == first_node_) ? Sign::kAnother : Sign::kUnclear;
}

bool Process::LacksDrive(const DriveProbe& drive) const {
  const ProbePlan& probe = program_->probe;
  if (probe.read == kNone) return false;
  const EventPlan& open = program_->plans[probe.open];
  return std::any_of(open.lookups.begin(), open.lookups.end(),
                     [&](const LookupFeed& feed) {
                       return !drive.file.empty() && feed.value == probe.open_file && !lookups_.tables()[feed.lookup].HasValue(drive.file);
                     }) ||
         std::any_of(decoders_.begin(), decoders_.end(), [&](const auto& decoder) {
           size_t index = static_cast<size_t>(&decoder - decoders_.data());
           return (decoder ? *decoder : *MakeDecoder(index)).LacksDrive(DriveOf(drive));
         });
}

// scratch_->values must be those of a read.
bool Process::TakeProbe() {
  const ProbePlan& plan = program_->probe;
  if (scratch_->values[plan.read_bytes].bits != 0) return false;
  auto probe = std::find_if(probes_.begin(), probes_.end(), [&](const DriveProbe& p) {
    return static_cast<uint64_t>(p.offset) == scratch_->values[plan.read_offset].bits;
  });
  if (probe == probes_.end()) return false;
  Values told;
  told[plan.open_node] = scratch_->values[plan.read_node];
  told[plan.open_file] = Value::Text(probe->file);
  for (const LookupFeed& feed : program_->plans[plan.open].lookups) lookups_.Learn(feed, told);
  decoders::Drive drive = DriveOf(*probe);
  drive.backend = scratch_->values[plan.read_backend];
  drive.node = scratch_->values[plan.read_node].bits;
  for (size_t i = 0; i < decoders_.size(); ++i) DecoderAt(i).OnDrive(drive);
  probes_.erase(probe);
  return true;
}

void Process::FeedSpan(const SpanFeed& feed, const Values& values, int64_t time_us) {
  std::string_view key = BuildKey(key_, feed.key, values);
  auto value_at = [&](Slot slot) { return slot == kNoSlot ? Value() : values[slot]; };
  if (feed.is_start) {
    for (size_t i = 0; i < feed.saved.size(); ++i) scratch_->spans[i] = value_at(feed.saved[i]);
    std::span<const Value> saved = std::span(scratch_->spans).first(feed.saved.size());
    spans_[feed.span].Start(key, time_us, saved);
    // Create its series now, even if the span is closed before the next scrape.
    const SpanPlan& started = program_->spans[feed.span];
    if (!started.in_flight.empty()) ForEachInFlight(started, saved, [](metrics::Family&, metrics::SeriesId, double) {});
    return;
  }
  const SpanPlan& plan = program_->spans[feed.span];
  Value duration;
  if (!spans_[feed.span].End(key, time_us, std::span(scratch_->spans).first(plan.saved), duration)) return;
  if (plan.plan == kNone) return;
  size_t from_end = 0;
  for (size_t slot = 0; slot < plan.slots.size(); ++slot) {
    switch (plan.slots[slot].from) {
      case SpanPlan::Source::From::kDuration:
        scratch_->derived[slot] = duration;
        break;
      case SpanPlan::Source::From::kStart:
        scratch_->derived[slot] = scratch_->spans[plan.slots[slot].index];
        break;
      case SpanPlan::Source::From::kEnd:
        scratch_->derived[slot] = value_at(feed.saved[from_end++]);
        break;
    }
  }
  RunDerived(plan.plan);
}

// Calls visit(family, series) for each series in which an open span counts.
template <class Visit>
void Process::ForEachInFlight(const SpanPlan& plan, std::span<const Value> saved, Visit&& visit) {
  for (size_t slot = 0; slot < plan.slots.size(); ++slot) {
    bool is_known = plan.slots[slot].from == SpanPlan::Source::From::kStart && plan.slots[slot].index < saved.size();
    scratch_->derived[slot] = is_known ? saved[plan.slots[slot].index] : Value();
  }
  label_sets_.Begin({});
  for (const RulePlan& rule : plan.in_flight) {
    if (!HoldsAll(rule.where, scratch_->derived)) continue;
    metrics::SeriesId series = label_sets_.SeriesOf(rule, scratch_->derived);  // may make the family
    visit(families_[rule.family], series, rule.scale);
  }
}

void Process::CountInFlight() {
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

void Process::AskDecoders(Asked what) {
  asked_ = what;
  for (uint32_t i = 0; i < decoders_.size(); ++i) {
    emitting_ = i;
    if (decoders_[i] != nullptr && program_->decoders[i].counts_in_flight) decoders_[i]->CountInFlight(*this);
  }
  asked_ = Asked::kNothing;
}

void Process::AddInFlight(const RulePlan& rule, const Values& values) {
  if (!HoldsAll(rule.where, values)) return;
  if (asked_ == Asked::kSeries && program_->families[rule.family].is_of_moment) return;
  double amount = asked_ == Asked::kSeries ? 0 : rule.value == kNoSlot ? 1 : values[rule.value].AsDouble();
  metrics::SeriesId series = label_sets_.SeriesOf(rule, values);  // may make the family
  families_[rule.family].Add(series, amount * rule.scale);
}

void Process::FeedDecoder(const DecoderFeed& feed, const Values& values, const Origin& origin) {
  std::span<const Value> arguments(values);
  if (feed.is_in_order) {
    arguments = arguments.subspan(feed.arguments.front(), feed.arguments.size());
  } else {
    for (size_t i = 0; i < feed.arguments.size(); ++i) {
      scratch_->spans[i] = feed.arguments[i] == kNoSlot ? Value() : values[feed.arguments[i]];
    }
    arguments = std::span(scratch_->spans).first(feed.arguments.size());
  }
  emitting_ = feed.decoder;
  fed_[feed.decoder]->OnEvent({feed.which, arguments, origin.time_us, origin.thread}, *this);
}

void Process::Emit(size_t which, std::span<const Value> args) {
  const DecoderPlan::Output& output = program_->decoders[emitting_].outputs[which];
  if (output.plan == kNone) return;
  for (size_t slot = 0; slot < output.arguments.size(); ++slot) scratch_->derived[slot] = args[output.arguments[slot]];
  if (asked_ == Asked::kNothing) return RunDerived(output.plan);
  label_sets_.Begin({});
  for (const RulePlan& rule : program_->plans[output.plan].rules) AddInFlight(rule, scratch_->derived);
}

// Runs the rules of a derived event, whose values may point to any memory.
void Process::RunDerived(uint32_t plan) {
  label_sets_.Begin({});
  RunRules(program_->plans[plan].rules, scratch_->derived);
}

// The texts of the groups are the values from slot 0.
Outcome Process::MatchText(std::string_view text) {
  outcome_ = Outcome::kNotTaken;
  program_->match_filter.Find(text, matching_);
  if (matching_.empty()) return outcome_;  // fast path: finding the groups costs more than the rest of the line
  label_sets_.Begin(text);
  re2::StringPiece groups[kMaxSlots + 1];
  for (int index : matching_) {
    const MatchPlan& match = program_->matches[static_cast<size_t>(index)];
    int count = match.regex->NumberOfCapturingGroups() + 1;
    re2::StringPiece piece(text.data(), text.size());
    if (!match.regex->Match(piece, 0, text.size(), re2::RE2::UNANCHORED, groups, count)) continue;
    if (outcome_ == Outcome::kNotTaken) outcome_ = Outcome::kDone;
    for (int i = 1; i < count; ++i) {
      Value value;
      if (groups[i].data() != nullptr) value = Value::Text({groups[i].data(), groups[i].size()});
      scratch_->values[static_cast<size_t>(i) - 1] = value;
    }
    if (match.rule.value != kNoSlot && !ReadNumber(scratch_->values[match.rule.value])) {
      outcome_ = Outcome::kNotANumber;
      continue;
    }
    RunRules({&match.rule, 1}, scratch_->values);
  }
  return outcome_;
}

void Process::RunRules(std::span<const RulePlan> rules, const Values& values) {
  bool holds = true;
  for (const RulePlan& rule : rules) {
    if (!rule.shares_where) holds = rule.where.empty() || HoldsAll(rule.where, values);
    if (holds) RunRule(rule, values);
  }
}

// Runs a rule whose conditions hold.
void Process::RunRule(const RulePlan& rule, const Values& values) {
  double amount = rule.scale;
  if (rule.value != kNoSlot) {
    if (!values[rule.value].is_number()) return;
    amount *= values[rule.value].AsDouble();
    // A single NaN would make the sum NaN forever.
    if (!std::isfinite(amount)) {
      outcome_ = Outcome::kNotANumber;
      return;
    }
    if (rule.type == metrics::Type::kCounter && amount < 0) {
      outcome_ = Outcome::kNegativeValue;
      return;
    }
  }
  metrics::SeriesId series = label_sets_.SeriesOf(rule, values);
  metrics::Family& family = families_[rule.family];
  switch (rule.type) {
    case metrics::Type::kCounter:
      family.Add(series, amount);
      break;
    case metrics::Type::kGauge:
      family.Set(series, amount);
      break;
    case metrics::Type::kHistogram:
      if (family.Observe(series, amount)) [[unlikely]] family.Keep(series, ExemplarOf(amount));
      break;
  }
}

// Makes an exemplar for a value of the current line. A line that began in an earlier batch was copied elsewhere, so its
// offset is unknown.
metrics::Exemplar Process::ExemplarOf(double value) const {
  metrics::Exemplar exemplar;
  exemplar.value = value;
  const Batch& batch = scratch_->batch;
  auto place_of = [&](const char* at) { return reinterpret_cast<uintptr_t>(at) - reinterpret_cast<uintptr_t>(batch.bytes.data()); };
  size_t place = place_of(label_sets_.line().data());
  if (place >= batch.bytes.size()) place = place_of(batch.at);
  if (place >= batch.bytes.size()) place = place_of(batch.wrapped);
  if (place >= batch.bytes.size()) return exemplar;
  const size_t newline = batch.bytes.rfind('\n', place);
  const size_t begin = newline == std::string_view::npos ? 0 : newline + 1;
  const std::string_view line = batch.bytes.substr(begin, batch.bytes.find('\n', begin) - begin);
  constexpr double kPerSecond = 1e6;
  const int64_t time_us = trace::ReadTime(line, trace::FindPrefix(line));
  if (time_us != joins::kNoTime) exemplar.time = static_cast<double>(time_us) / kPerSecond;
  exemplar.log = batch.log;
  exemplar.offset = batch.offset + begin;
  return exemplar;
}

// First creates the series of all disks, so that a disk that came and went since the last scrape also has its series.
void Process::Restart() {
  AskDecoders(Asked::kSeries);
  lookups_.Clear();
  for (joins::SpanTable& span : spans_) span.Clear();
  for (auto& decoder : decoders_) {
    if (decoder != nullptr) decoder->Reset();
  }
  main_thread_ = decoders::kNoThread;
  first_node_ = last_node_ = 0;
}

void Process::Adopt(Process&& old) {
  const Program& before = *old.program_;
  auto same_definition = [](const auto& a, const auto& b) { return a.definition == b.definition; };
  auto same_kind = [](const DecoderPlan& a, const DecoderPlan& b) { return a.kind == b.kind; };
  AdoptSame(before.lookups, old.lookups_.tables(), program_->lookups, lookups_.tables(), same_definition);
  AdoptSame(before.spans, old.spans_, program_->spans, spans_, same_definition);
  AdoptSame(before.decoders, old.decoders_, program_->decoders, decoders_, same_kind);
  FeedDecoders();
  probes_ = std::move(old.probes_);
  main_thread_ = old.main_thread_;
  first_node_ = old.first_node_;
  last_node_ = old.last_node_;
  lacks_time_ = old.lacks_time_;
}

}  // namespace qte::rules
