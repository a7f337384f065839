#include "rules/compiler.h"

#include <algorithm>
#include <set>

#include "correlation/key.h"
#include "rules/checker.h"
#include "rules/parts.h"
#include "rules/vocabulary.h"

namespace qte::rules {
namespace {

using config::Diagnostic;

constexpr int64_t kDefaultSpanTimeoutUs = 600'000'000;
constexpr std::string_view kDuration = "duration";

// What names disks; see block_names.h.
constexpr std::string_view kOpenEvent = "bdrv_open_common";
constexpr std::string_view kAttachEvent = "blk_root_attach";
constexpr std::string_view kDetachEvent = "blk_root_detach";
constexpr std::string_view kReadEvent = "blk_co_preadv";

metrics::Type TypeOf(config::MetricType type) {
  switch (type) {
    case config::MetricType::kGauge:
      return metrics::Type::kGauge;
    case config::MetricType::kHistogram:
      return metrics::Type::kHistogram;
    case config::MetricType::kCounter:
      break;
  }
  return metrics::Type::kCounter;
}

// A declaration as one text, for telling whether it is the same as before a reload.
std::string Definition(const std::vector<std::vector<config::Text>>& parts) {
  std::string text;
  for (const std::vector<config::Text>& part : parts) {
    for (const config::Text& word : part) text += word.value + ',';
    text += ';';
  }
  return text;
}

bool FollowEachOther(const std::vector<Slot>& slots) {
  for (size_t i = 0; i < slots.size(); ++i) {
    if (slots[i] == kNoSlot || slots[i] != slots[0] + i) return false;
  }
  return !slots.empty();
}

// Whether this is what a decoder tells of what is in flight.
bool IsInFlight(std::string_view event) {
  for (const correlation::DecoderKind& kind : correlation::BuiltinDecoders()) {
    for (const correlation::DecoderOutput& output : kind.outputs) {
      if (output.event == event) return output.is_in_flight;
    }
  }
  return false;
}

class Compiler {
 public:
  Compiler(const config::Config& config, const trace::Catalog& catalog)
      : config_(config), catalog_(catalog), vocabulary_(catalog), checker_(vocabulary_) {}

  Compiled Run() {
    program_->limits = config_.limits;
    DeclareDerivedEvents();
    for (const config::Lookup& lookup : config_.lookups) CompileLookup(lookup);
    for (const config::Metric& metric : config_.metrics) CompileMetric(metric);
    for (const config::Span& span : config_.spans) CompileSpan(span);
    CompileDecoders();
    MakeProbeSlots();
    if (!checker_.diagnostics().empty()) return {nullptr, checker_.diagnostics()};
    Link();
    return {program_, {}};
  }

 private:
  void DeclareDerivedEvents();
  void CompileLookup(const config::Lookup& lookup);
  void CompileNames(const config::Lookup& lookup, LookupPlan& plan);
  void CompileSpan(const config::Span& span);
  void CompileSpanEvent(const config::Span& span, const std::string& name, bool is_start, SpanPlan& plan);
  correlation::OutputSet UsedOutputs(const correlation::DecoderKind& kind);
  void CompileDecoders();
  void MakeProbeSlots();
  void LinkProbe();
  void CompileMetric(const config::Metric& metric);
  void CompileInFlight(const config::Metric& metric, uint32_t family, const std::vector<EventBuilder*>& events);
  bool CheckCountedInFlight(const config::Metric& metric, uint32_t family, const std::vector<EventBuilder*>& events);
  void CompileMatch(const config::Metric& metric, uint32_t family);
  void Link();

  RulePlan CompileRule(const config::Metric& metric, uint32_t family, const SlotFinder& slot_of);
  void JoinLabelSet(LabelSetPlan set, const std::vector<RulePlan>& others, RulePlan& rule);
  std::vector<Slot> Slots(EventBuilder& event, const std::vector<config::Text>& arguments);

  const config::Config& config_;
  const trace::Catalog& catalog_;
  Vocabulary vocabulary_;
  Checker checker_;
  std::map<std::string, std::vector<RulePlan>> in_flight_;  // by span
  std::shared_ptr<Program> program_ = std::make_shared<Program>();
};

// Derived events are known before anything refers to them. A span's arguments are those of its start and its end.
void Compiler::DeclareDerivedEvents() {
  for (const correlation::DecoderKind& kind : correlation::BuiltinDecoders()) {
    for (const correlation::DecoderOutput& output : kind.outputs) {
      std::vector<std::string> arguments(output.arguments.begin(), output.arguments.end());
      vocabulary_.AddDerived(std::string(output.event), arguments,
                             {"device", "direction", "keyboard", "interface", "status"});
    }
  }
  for (const config::Span& span : config_.spans) {
    std::vector<std::string> arguments = {std::string(kDuration), std::string(kInFlight)};
    std::vector<std::string> texts;
    for (const auto* events : {&span.start, &span.end}) {
      for (const config::Text& name : *events) {
        const trace::EventDeclaration* event = catalog_.Find(name.value);
        if (event == nullptr) continue;  // reported where the span is compiled
        for (const std::string& argument : event->arguments) {
          if (std::find(arguments.begin(), arguments.end(), argument) != arguments.end()) continue;
          arguments.push_back(argument);
          if (!event->IsNumeric(argument)) texts.push_back(argument);
        }
      }
    }
    if (arguments.size() > kMaxSlots) arguments.resize(kMaxSlots);
    if (!vocabulary_.AddDerived(span.name.value, arguments, texts)) {
      checker_.Report(span.name.place, "span \"" + span.name.value + "\" has the name of an event; choose another");
    }
  }
}

void Compiler::CompileMetric(const config::Metric& metric) {
  metrics::FamilySpec spec{metric.name.value, metric.help, TypeOf(metric.type), {}, metric.bounds};
  for (const config::Label& label : metric.labels) spec.label_names.push_back(label.name.value);
  auto family = static_cast<uint32_t>(program_->families.size());
  program_->families.push_back(std::move(spec));
  if (metric.match) return CompileMatch(metric, family);
  std::vector<EventBuilder*> events = checker_.FindEvents(metric.events);
  if (!checker_.CheckMetric(metric, events)) return;
  if (metric.value && metric.value->value == kInFlight) return CompileInFlight(metric, family, events);
  if (!CheckCountedInFlight(metric, family, events)) return;
  for (EventBuilder* event : events) {
    // A condition on an argument that this event of several lacks never holds, so there is nothing to do here.
    bool applies = std::all_of(metric.where.begin(), metric.where.end(), [&](const config::Condition& condition) {
      return event->HasArgument(condition.argument.value);
    });
    if (!applies || (metric.value && !event->HasArgument(metric.value->value))) continue;
    auto slot_of = [event](std::string_view argument) {
      return event->HasArgument(argument) ? event->SlotOf(argument) : kNoSlot;
    };
    RulePlan rule = CompileRule(metric, family, slot_of);
    JoinLabelSet(CompileLabels(metric.labels, program_->lookups, slot_of), event->plan().rules, rule);
    event->plan().rules.push_back(std::move(rule));
  }
}

// A gauge of what is open needs what is known while it is.
void Compiler::CompileInFlight(const config::Metric& metric, uint32_t family,
                               const std::vector<EventBuilder*>& events) {
  program_->families[family].is_in_flight = true;
  for (EventBuilder* event : events) {
    auto span = std::find_if(config_.spans.begin(), config_.spans.end(),
                             [&](const config::Span& s) { return s.name.value == event->name(); });
    if (span == config_.spans.end()) {
      checker_.Report(metric.value->place, "in_flight is of spans, and " + event->name() + " is none");
      continue;
    }
    std::vector<const trace::EventDeclaration*> starts;
    for (const config::Text& start : span->start) starts.push_back(catalog_.Find(start.value));
    if (!checker_.CheckInFlight(metric, event->name(), starts)) continue;
    auto slot_of = [event](std::string_view argument) {
      return event->HasArgument(argument) ? event->SlotOf(argument) : kNoSlot;
    };
    event->plan();  // used, be it that no label shows anything
    RulePlan rule = CompileRule(metric, family, slot_of);
    std::vector<RulePlan>& others = in_flight_[event->name()];
    JoinLabelSet(CompileLabels(metric.labels, program_->lookups, slot_of), others, rule);
    others.push_back(std::move(rule));
  }
}

// What a decoder has in flight is counted when somebody looks, so it is a gauge's, and a gauge's alone. False if it is
// used otherwise.
bool Compiler::CheckCountedInFlight(const config::Metric& metric, uint32_t family,
                                    const std::vector<EventBuilder*>& events) {
  for (const EventBuilder* event : events) {
    if (!event->derived() || !IsInFlight(event->name())) continue;
    const config::Place& place = metric.events.front().place;
    if (metric.type != config::MetricType::kGauge) {
      checker_.Report(place, event->name() + " goes up and down, so it needs `type: gauge`");
      return false;
    }
    if (events.size() > 1) {
      checker_.Report(place, event->name() + " is counted when somebody looks; a gauge of it takes no other event");
      return false;
    }
    program_->families[family].is_in_flight = true;
  }
  return true;
}

// Rules of one event that have the same labels share a label set.
void Compiler::JoinLabelSet(LabelSetPlan set, const std::vector<RulePlan>& others, RulePlan& rule) {
  auto same = std::find_if(others.begin(), others.end(), [&](const RulePlan& other) {
    return program_->label_sets[other.label_set].labels == set.labels;
  });
  if (same == others.end()) {
    rule.label_set = static_cast<uint32_t>(program_->label_sets.size());
    program_->label_sets.push_back(std::move(set));
  } else {
    rule.label_set = same->label_set;
  }
  rule.column = static_cast<uint32_t>(program_->label_sets[rule.label_set].rules++);
}

RulePlan Compiler::CompileRule(const config::Metric& metric, uint32_t family, const SlotFinder& slot_of) {
  RulePlan rule;
  rule.family = family;
  rule.type = TypeOf(metric.type);
  rule.scale = metric.scale;
  if (metric.value && metric.value->value != kInFlight) rule.value = slot_of(metric.value->value);
  for (const config::Condition& condition : metric.where) {
    ConditionPlan plan;
    plan.kind = condition.kind;
    plan.argument = condition.argument.value;
    plan.slot = slot_of(plan.argument);
    for (const config::Text& value : condition.values) plan.values.push_back(ParseConstant(value.value));
    if (condition.min) plan.min = ParseConstant(condition.min->value);
    if (condition.max) plan.max = ParseConstant(condition.max->value);
    rule.where.push_back(std::move(plan));
  }
  return rule;
}

void Compiler::CompileMatch(const config::Metric& metric, uint32_t family) {
  re2::RE2::Options options(re2::RE2::Latin1);
  options.set_log_errors(false);
  MatchPlan plan;
  plan.regex = std::make_unique<const re2::RE2>(metric.match->value, options);
  if (!plan.regex->ok() || plan.regex->NumberOfCapturingGroups() >= static_cast<int>(kMaxSlots)) {
    checker_.Report(metric.match->place, plan.regex->ok() ? "too many groups" : "bad regex: " + plan.regex->error());
    return;
  }
  // Group n is slot n - 1; config/ has checked that the names are groups.
  const std::map<std::string, int>& groups = plan.regex->NamedCapturingGroups();
  auto slot_of = [&](std::string_view name) {
    auto group = groups.find(std::string(name));
    return group == groups.end() ? kNoSlot : static_cast<Slot>(group->second - 1);
  };
  plan.rule = CompileRule(metric, family, slot_of);
  JoinLabelSet(CompileLabels(metric.labels, program_->lookups, slot_of), {}, plan.rule);
  program_->matches.push_back(std::move(plan));
}

std::vector<Slot> Compiler::Slots(EventBuilder& event, const std::vector<config::Text>& arguments) {
  std::vector<Slot> slots;
  for (const config::Text& argument : arguments) slots.push_back(event.SlotOf(argument.value));
  return slots;
}

void Compiler::CompileLookup(const config::Lookup& lookup) {
  auto index = static_cast<uint32_t>(program_->lookups.size());
  program_->lookups.push_back(
      {lookup.name.value, Definition({{lookup.name}, {lookup.event}, lookup.key, {lookup.value}})});
  if (!lookup.names.empty()) return CompileNames(lookup, program_->lookups.back());
  EventBuilder* event = checker_.FindEvent(lookup.event, EventUse::kQemuOnly);
  if (event == nullptr) return;
  bool good = checker_.CheckArgument(lookup.value, {event});
  for (const config::Text& key : lookup.key) good = checker_.CheckArgument(key, {event}) && good;
  if (good) event->plan().lookups.push_back({index, Slots(*event, lookup.key), event->SlotOf(lookup.value.value)});
}

// A key that is a number stands for the number, however it is printed, and for the text, where an argument is one.
void Compiler::CompileNames(const config::Lookup& lookup, LookupPlan& plan) {
  correlation::KeyBuilder builder;
  auto add = [&](const trace::Value& value, const std::string& name) {
    builder.Clear();
    builder.Add(value);
    return plan.names.emplace(builder.key(), name).second;
  };
  for (const auto& [key, name] : lookup.names) {
    Constant constant = ParseConstant(key.value);
    bool is_new = add(trace::Value::Text(key.value), name) && (!constant.is_number || add(constant.number, name));
    if (!is_new) checker_.Report(key.place, "\"" + key.value + "\" has a name already in lookup \"" + plan.name + "\"");
  }
}

void Compiler::CompileSpan(const config::Span& span) {
  EventBuilder* derived = vocabulary_.Find(span.name.value);
  if (derived == nullptr) return;  // its name was taken, and reported
  SpanPlan plan;
  plan.name = span.name.value;
  plan.timeout_us = span.timeout ? span.timeout->count() : kDefaultSpanTimeoutUs;
  // What rules use of the derived event: from the start where it has it, else from the end.
  const std::vector<std::string>& names = derived->plan().slot_names;
  auto start_has = [&](const std::string& name) {
    return std::any_of(span.start.begin(), span.start.end(), [&](const config::Text& start) {
      const trace::EventDeclaration* event = catalog_.Find(start.value);
      return event != nullptr && event->FindArgument(name);
    });
  };
  for (const std::string& name : names) {
    using From = SpanPlan::Source::From;
    if (name == kDuration) {
      plan.slots.push_back({From::kDuration, 0});
    } else if (start_has(name)) {
      plan.slots.push_back({From::kStart, plan.saved++});
    } else {
      plan.slots.push_back({From::kEnd, 0});
    }
  }
  plan.in_flight = std::move(in_flight_[span.name.value]);
  plan.definition = Definition({{span.name}, span.start, span.end, span.key});
  for (const std::string& name : names) plan.definition += ' ' + name;
  for (const config::Text& name : span.start) CompileSpanEvent(span, name.value, true, plan);
  for (const config::Text& name : span.end) CompileSpanEvent(span, name.value, false, plan);
  program_->spans.push_back(std::move(plan));
}

void Compiler::CompileSpanEvent(const config::Span& span, const std::string& name, bool is_start, SpanPlan& plan) {
  const std::vector<config::Text>& names = is_start ? span.start : span.end;
  auto place = std::find_if(names.begin(), names.end(), [&](const config::Text& text) { return text.value == name; });
  EventBuilder* event = checker_.FindEvent(*place, EventUse::kQemuOnly);
  if (event == nullptr) return;
  bool good = true;
  for (const config::Text& key : span.key) good = checker_.CheckArgument(key, {event}) && good;
  if (!good) return;
  SpanFeed feed;
  feed.span = static_cast<uint32_t>(program_->spans.size());
  feed.is_start = is_start;
  feed.key = Slots(*event, span.key);
  const std::vector<std::string>& wanted = vocabulary_.Find(span.name.value)->plan().slot_names;
  using From = SpanPlan::Source::From;
  for (size_t i = 0; i < wanted.size(); ++i) {
    bool from_here = plan.slots[i].from == (is_start ? From::kStart : From::kEnd);
    if (!from_here) continue;
    Slot slot = event->HasArgument(wanted[i]) ? event->SlotOf(wanted[i]) : kNoSlot;
    feed.saved.push_back(slot);
  }
  event->plan().needs_time = true;
  event->plan().spans.push_back(std::move(feed));
}

correlation::OutputSet Compiler::UsedOutputs(const correlation::DecoderKind& kind) {
  correlation::OutputSet used = 0;
  for (size_t i = 0; i < kind.outputs.size(); ++i) {
    EventBuilder* event = vocabulary_.Find(kind.outputs[i].event);
    if (event != nullptr && event->derived() && event->used()) used |= correlation::OutputSet{1} << i;
  }
  return used;
}

// A decoder runs if some rule uses one of its events, and reads what it needs for that.
void Compiler::CompileDecoders() {
  for (const correlation::DecoderKind& kind : correlation::BuiltinDecoders()) {
    correlation::OutputSet used = UsedOutputs(kind);
    if (used == 0) continue;
    bool opens = false;
    auto index = static_cast<uint32_t>(program_->decoders.size());
    DecoderPlan& plan = program_->decoders.emplace_back();
    plan.kind = &kind;
    for (size_t part = 0; part < kind.parts.size(); ++part) {
      if ((kind.parts[part].outputs & used) == 0) continue;
      plan.parts.push_back(part);
      opens = opens || kind.parts[part].opens;
    }
    for (size_t which = 0; which < kind.inputs.size(); ++which) {
      if ((kind.inputs[which].outputs & used) == 0) continue;
      EventBuilder* event = vocabulary_.Find(kind.inputs[which].event);
      if (event == nullptr) continue;  // not in this catalog; the decoder copes with what it gets
      DecoderFeed feed{index, which, {}};
      for (std::string_view argument : kind.inputs[which].arguments) {
        feed.arguments.push_back(event->HasArgument(argument) ? event->SlotOf(argument) : kNoSlot);
      }
      feed.is_in_order = FollowEachOther(feed.arguments);
      event->plan().needs_time = event->plan().needs_time || opens;
      event->plan().needs_thread = true;
      event->plan().decoders.push_back(std::move(feed));
    }
  }
}

// What a probe reads has slots, be it that no rule needs them.
void Compiler::MakeProbeSlots() {
  EventBuilder* open = vocabulary_.Find(kOpenEvent);
  EventBuilder* read = vocabulary_.Find(kReadEvent);
  if (open == nullptr || read == nullptr || !open->used() || !read->used()) return;
  auto slot_of = [](EventBuilder& event, std::string_view argument) {
    return event.HasArgument(argument) ? event.SlotOf(argument) : kNoSlot;
  };
  ProbePlan& probe = program_->probe;
  probe.open_node = slot_of(*open, "bs");
  probe.open_file = slot_of(*open, "filename");
  probe.read_backend = slot_of(*read, "blk");
  probe.read_node = slot_of(*read, "bs");
  probe.read_offset = slot_of(*read, "offset");
  probe.read_bytes = slot_of(*read, "bytes");
  EventBuilder* attach = vocabulary_.Find(kAttachEvent);
  if (attach == nullptr || !attach->used()) return;
  probe.attach_backend = slot_of(*attach, "blk");
  probe.attach_node = slot_of(*attach, "bs");
}

void Compiler::LinkProbe() {
  ProbePlan& probe = program_->probe;
  auto plan_of = [this](std::string_view event) {
    uint32_t id = program_->names.Find(event);
    return id == trace::NameTable::kNone ? kNone : program_->plan_of[id];
  };
  bool is_whole = probe.open_node != kNoSlot && probe.open_file != kNoSlot && probe.read_backend != kNoSlot &&
                  probe.read_node != kNoSlot && probe.read_offset != kNoSlot && probe.read_bytes != kNoSlot;
  if (!is_whole) return;
  probe.read = plan_of(kReadEvent);
  probe.open = plan_of(kOpenEvent);
  if (probe.attach_backend != kNoSlot && probe.attach_node != kNoSlot) probe.attach = plan_of(kAttachEvent);
}

// Gives ids to events and plans.
void Compiler::Link() {
  for (const trace::EventDeclaration& event : catalog_.events()) program_->names.Add(event.name);
  program_->plan_of.assign(program_->names.size(), kNone);
  std::map<std::string, uint32_t, std::less<>> derived;
  for (EventBuilder* event : vocabulary_.Used()) {
    auto index = static_cast<uint32_t>(program_->plans.size());
    if (event->derived()) {
      derived[event->name()] = index;
    } else {
      program_->plan_of[program_->names.Find(event->name())] = index;
    }
    program_->plans.push_back(event->Finish());
  }
  for (SpanPlan& span : program_->spans) {
    if (auto found = derived.find(span.name); found != derived.end()) span.plan = found->second;
  }
  for (DecoderPlan& decoder : program_->decoders) {
    for (const correlation::DecoderOutput& output : decoder.kind->outputs) {
      auto found = derived.find(output.event);
      DecoderPlan::Output& plan = decoder.outputs.emplace_back();
      if (found == derived.end()) continue;
      plan.plan = found->second;
      decoder.counts_in_flight = decoder.counts_in_flight || output.is_in_flight;
      for (const std::string& name : program_->plans[plan.plan].slot_names) {
        auto argument = std::find(output.arguments.begin(), output.arguments.end(), name);
        plan.arguments.push_back(static_cast<size_t>(argument - output.arguments.begin()));
      }
    }
  }
  std::vector<std::string> patterns;
  for (const MatchPlan& match : program_->matches) patterns.push_back(match.regex->pattern());
  program_->match_filter = MatchFilter(patterns);
  LinkProbe();
}

}  // namespace

Compiled Compile(const config::Config& config, const trace::Catalog& catalog) {
  Compiled compiled = Compiler(config, catalog).Run();
  std::stable_sort(compiled.diagnostics.begin(), compiled.diagnostics.end(),
                   [](const Diagnostic& a, const Diagnostic& b) {
                     return std::pair(a.place.line, a.place.column) < std::pair(b.place.line, b.place.column);
                   });
  return compiled;
}

std::vector<std::string> Program::NeededEvents() const {
  std::set<std::string> needed;
  for (uint32_t id = 0; id < plan_of.size(); ++id) {
    if (plan_of[id] != kNone) needed.emplace(names.NameOf(id));
  }
  return {needed.begin(), needed.end()};
}

EventOrder Program::OrderOfNeededEvents() const {
  auto begins = [this](const EventPlan& plan) {
    return std::any_of(plan.spans.begin(), plan.spans.end(), [](const SpanFeed& feed) { return feed.is_start; }) ||
           std::any_of(plan.decoders.begin(), plan.decoders.end(), [this](const DecoderFeed& feed) {
             return decoders[feed.decoder].kind->inputs[feed.which].begins;
           });
  };
  EventOrder order;
  std::vector<std::string> beginning;
  for (const std::string& name : NeededEvents()) {
    bool names_disks = probe.read != kNone &&
                       (name == kOpenEvent || name == kAttachEvent || name == kDetachEvent || name == kReadEvent);
    bool is_last = begins(plans[plan_of[this->names.Find(name)]]);
    (names_disks ? order.naming : is_last ? beginning : order.rest).push_back(name);
  }
  order.rest.insert(order.rest.end(), beginning.begin(), beginning.end());
  return order;
}

bool Program::NeedsTime() const {
  return std::any_of(plans.begin(), plans.end(), [](const EventPlan& plan) { return plan.needs_time; });
}

}  // namespace qte::rules
