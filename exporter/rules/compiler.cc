#include "rules/compiler.h"

#include <algorithm>
#include <set>

#include "config/template.h"
#include "rules/checker.h"
#include "rules/parts.h"
#include "rules/vocabulary.h"

namespace qte::rules {
namespace {

using config::Diagnostic;

constexpr int64_t kDefaultSpanTimeoutUs = 600'000'000;
constexpr std::string_view kDuration = "duration";

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
    if (!checker_.diagnostics().empty()) return {nullptr, checker_.diagnostics()};
    Link();
    return {program_, {}};
  }

 private:
  void DeclareDerivedEvents();
  void CompileLookup(const config::Lookup& lookup);
  void CompileSpan(const config::Span& span);
  void CompileSpanEvent(const config::Span& span, const std::string& name, bool is_start, SpanPlan& plan);
  void CompileDecoders();
  void CompileMetric(const config::Metric& metric);
  void CompileMatch(const config::Metric& metric, uint32_t family);
  void Link();

  RulePlan CompileRule(const config::Metric& metric, uint32_t family, const SlotFinder& slot_of);
  LabelPlan CompileLabel(const config::LabelValue& label, const SlotFinder& slot_of);
  std::vector<Slot> Slots(EventBuilder& event, const std::vector<config::Text>& arguments);

  const config::Config& config_;
  const trace::Catalog& catalog_;
  Vocabulary vocabulary_;
  Checker checker_;
  std::shared_ptr<Program> program_ = std::make_shared<Program>();
};

// Derived events are known before anything refers to them. A span's arguments are those of its start and its end.
void Compiler::DeclareDerivedEvents() {
  for (const correlation::DecoderKind& kind : correlation::BuiltinDecoders()) {
    for (const correlation::DecoderOutput& output : kind.outputs) {
      std::vector<std::string> arguments(output.arguments.begin(), output.arguments.end());
      vocabulary_.AddDerived(std::string(output.event), arguments, {"device", "direction", "keyboard"});
    }
  }
  for (const config::Span& span : config_.spans) {
    std::vector<std::string> arguments = {std::string(kDuration)};
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
  for (EventBuilder* event : events) {
    // A condition on an argument that this event of several lacks never holds, so there is nothing to do here.
    bool applies = std::all_of(metric.where.begin(), metric.where.end(), [&](const config::Condition& condition) {
      return event->HasArgument(condition.argument.value);
    });
    if (!applies || (metric.value && !event->HasArgument(metric.value->value))) continue;
    auto slot_of = [event](std::string_view argument) {
      return event->HasArgument(argument) ? event->SlotOf(argument) : kNoSlot;
    };
    event->plan().rules.push_back(CompileRule(metric, family, slot_of));
  }
}

RulePlan Compiler::CompileRule(const config::Metric& metric, uint32_t family, const SlotFinder& slot_of) {
  RulePlan rule;
  rule.family = family;
  rule.cache = static_cast<uint32_t>(program_->caches++);
  rule.type = TypeOf(metric.type);
  rule.scale = metric.scale;
  if (metric.value) rule.value = slot_of(metric.value->value);
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
  for (const config::Label& label : metric.labels) rule.labels.push_back(CompileLabel(label.value, slot_of));
  return rule;
}

LabelPlan Compiler::CompileLabel(const config::LabelValue& label, const SlotFinder& slot_of) {
  LabelPlan plan;
  if (label.lookup) {
    auto found = std::find_if(program_->lookups.begin(), program_->lookups.end(),
                              [&](const LookupPlan& lookup) { return lookup.name == label.lookup->value; });
    plan.lookup = static_cast<uint32_t>(found - program_->lookups.begin());
    for (const config::Text& key : label.key) plan.key.push_back(slot_of(key.value));
    return plan;
  }
  for (const config::Text& text : label.texts) {
    Result<std::vector<std::string>> arguments = config::ArgumentsOfTemplate(text.value);
    bool has_all = std::all_of(arguments->begin(), arguments->end(),
                               [&](const std::string& argument) { return slot_of(argument) != kNoSlot; });
    if (has_all) plan.alternatives.push_back(CompileTemplate(text.value, slot_of));
  }
  return plan;
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
  plan.rule = CompileRule(metric, family, [&](std::string_view name) {
    auto group = groups.find(std::string(name));
    return group == groups.end() ? kNoSlot : static_cast<Slot>(group->second - 1);
  });
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
  EventBuilder* event = checker_.FindEvent(lookup.event, EventUse::kQemuOnly);
  if (event == nullptr) return;
  bool good = checker_.CheckArgument(lookup.value, {event});
  for (const config::Text& key : lookup.key) good = checker_.CheckArgument(key, {event}) && good;
  if (good) event->plan().lookups.push_back({index, Slots(*event, lookup.key), event->SlotOf(lookup.value.value)});
}

void Compiler::CompileSpan(const config::Span& span) {
  EventBuilder* derived = vocabulary_.Find(span.name.value);
  if (derived == nullptr) return;  // its name was taken, and reported
  SpanPlan plan;
  plan.name = span.name.value;
  plan.timeout_us = span.timeout ? span.timeout->count() : kDefaultSpanTimeoutUs;
  // What rules use of the derived event: from the start where it has it, else from the end.
  const std::vector<std::string>& names = derived->plan().slot_names;
  const trace::EventDeclaration* start = span.start.empty() ? nullptr : catalog_.Find(span.start[0].value);
  for (const std::string& name : names) {
    using From = SpanPlan::Source::From;
    if (name == kDuration) {
      plan.slots.push_back({From::kDuration, 0});
    } else if (start != nullptr && start->FindArgument(name)) {
      plan.slots.push_back({From::kStart, plan.saved++});
    } else {
      plan.slots.push_back({From::kEnd, 0});
    }
  }
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

// A decoder runs if some rule uses one of its events.
void Compiler::CompileDecoders() {
  for (const correlation::DecoderKind& kind : correlation::BuiltinDecoders()) {
    bool used = std::any_of(kind.outputs.begin(), kind.outputs.end(), [&](const correlation::DecoderOutput& output) {
      EventBuilder* event = vocabulary_.Find(output.event);
      return event != nullptr && event->derived() && event->used();
    });
    if (!used) continue;
    auto index = static_cast<uint32_t>(program_->decoders.size());
    program_->decoders.push_back({&kind, {}});
    for (size_t which = 0; which < kind.inputs.size(); ++which) {
      EventBuilder* event = vocabulary_.Find(kind.inputs[which].event);
      if (event == nullptr) continue;  // not in this catalog; the decoder copes with what it gets
      DecoderFeed feed{index, which, {}};
      for (std::string_view argument : kind.inputs[which].arguments) {
        feed.arguments.push_back(event->HasArgument(argument) ? event->SlotOf(argument) : kNoSlot);
      }
      event->plan().needs_time = event->plan().needs_time || !kind.span.empty();
      event->plan().needs_thread = true;
      event->plan().decoders.push_back(std::move(feed));
    }
  }
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
      for (const std::string& name : program_->plans[plan.plan].slot_names) {
        auto argument = std::find(output.arguments.begin(), output.arguments.end(), name);
        plan.arguments.push_back(static_cast<size_t>(argument - output.arguments.begin()));
      }
    }
  }
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

bool Program::NeedsTime() const {
  return std::any_of(plans.begin(), plans.end(), [](const EventPlan& plan) { return plan.needs_time; });
}

}  // namespace qte::rules
