#include "rules/compiler.h"

#include <algorithm>

#include "rules/compiler_impl.h"
#include "rules/definition.h"

namespace qte::rules {
namespace {

using config::Diagnostic;

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

// The output of a decoder that shows requests in flight; null for other events.
const decoders::DecoderOutput* InFlightOutput(std::string_view event) {
  for (const decoders::DecoderKind& kind : decoders::BuiltinDecoders()) {
    for (const decoders::DecoderOutput& output : kind.outputs) {
      if (output.event == event) return output.is_in_flight ? &output : nullptr;
    }
  }
  return nullptr;
}

}  // namespace

Compiled Compiler::Run() {
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

void Compiler::CompileMetric(const config::Metric& metric) {
  metrics::FamilySpec spec{metric.name.value, metric.help, TypeOf(metric.type), {}, metric.bounds};
  if (metric.native) {
    const config::NativeHistogram& native = *metric.native;
    spec.native = {native.schema, static_cast<uint32_t>(native.max_buckets), native.zero_threshold,
                   static_cast<uint32_t>(native.reset_after.count())};
  }
  std::vector<EventBuilder*> events = checker_.FindEvents(metric.events);
  spec.definition = DefinitionOf(metric, config_, events);
  for (const config::Label& label : metric.labels) spec.label_names.push_back(label.name.value);
  auto family = static_cast<uint32_t>(program_->families.size());
  program_->families.push_back(std::move(spec));
  if (metric.match) return CompileMatch(metric, family);
  if (!checker_.CheckMetric(metric, events)) return;
  // Some of QEMU's own events also have an argument of this name. It is an ordinary argument.
  bool asks_for_open = metric.value && metric.value->value == kInFlight;
  bool has_span = std::any_of(events.begin(), events.end(), [](const EventBuilder* event) {
    return event->derived() && event->HasArgument(kInFlight);
  });
  if (asks_for_open && has_span) return CompileInFlight(metric, family, events);
  if (!CheckCountedInFlight(metric, family, events)) return;
  for (EventBuilder* event : events) {
    // If the metric has several events and this one lacks an argument of a condition, the condition never holds.
    bool applies = std::all_of(metric.where.begin(), metric.where.end(), [&](const config::Condition& condition) {
      return event->HasArgument(condition.argument.value);
    });
    if (!applies || (metric.value && !event->HasArgument(metric.value->value))) continue;
    auto slot_of = [event](std::string_view argument, ArgumentUse use) { return event->FindSlot(argument, use); };
    RulePlan rule = CompileRule(metric, family, slot_of);
    JoinLabelSet(CompileLabels(metric.labels, program_->lookups, slot_of), event->plan().rules, rule);
    event->plan().rules.push_back(std::move(rule));
  }
}

// Compiles a gauge of open spans. It can use only arguments that are known while a span is open.
void Compiler::CompileInFlight(const config::Metric& metric, uint32_t family,
                               const std::vector<EventBuilder*>& events) {
  program_->families[family].is_in_flight = true;
  for (EventBuilder* event : events) {
    auto span = std::find_if(config_.spans.begin(), config_.spans.end(),
                             [&](const config::Span& s) { return s.name.value == event->name(); });
    if (span == config_.spans.end()) {
      checker_.Report(metric.value->place, "in_flight belongs to spans, but " + event->name() + " is not a span");
      continue;
    }
    std::vector<const trace::EventDeclaration*> starts;
    for (const config::Text& start : span->start) starts.push_back(catalog_.Find(start.value));
    if (!checker_.CheckInFlight(metric, event->name(), starts)) continue;
    auto slot_of = [event](std::string_view argument, ArgumentUse use) {
      return argument == kInFlight ? kNoSlot : event->FindSlot(argument, use);  // counted, not read as a value
    };
    event->plan();  // marks the event as used, even if no label shows an argument
    RulePlan rule = CompileRule(metric, family, slot_of);
    std::vector<RulePlan>& others = in_flight_[event->name()];
    JoinLabelSet(CompileLabels(metric.labels, program_->lookups, slot_of), others, rule);
    others.push_back(std::move(rule));
  }
}

// A decoder's requests in flight are counted at each scrape, so only a gauge can show them. Reports other uses and
// returns false.
bool Compiler::CheckCountedInFlight(const config::Metric& metric, uint32_t family,
                                    const std::vector<EventBuilder*>& events) {
  for (const EventBuilder* event : events) {
    const decoders::DecoderOutput* output = event->derived() ? InFlightOutput(event->name()) : nullptr;
    if (output == nullptr) continue;
    const config::Place& place = metric.events.front().place;
    if (metric.type != config::MetricType::kGauge) {
      checker_.Report(place, event->name() + " goes up and down, so it needs `type: gauge`");
      return false;
    }
    if (events.size() > 1) {
      checker_.Report(place, event->name() + " is counted at each scrape; its gauge must have no other event");
      return false;
    }
    program_->families[family].is_in_flight = true;
    program_->families[family].is_of_moment = output->is_of_moment;
  }
  return true;
}

// Rules of one event with the same labels share a label set.
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
  LabelSetPlan& joined = program_->label_sets[rule.label_set];
  rule.column = static_cast<uint32_t>(joined.rules++);
  joined.is_of_moment = program_->families[rule.family].is_of_moment;
}

RulePlan Compiler::CompileRule(const config::Metric& metric, uint32_t family, const SlotFinder& slot_of) {
  RulePlan rule;
  rule.family = family;
  rule.type = TypeOf(metric.type);
  rule.scale = metric.scale;
  if (metric.value) rule.value = slot_of(metric.value->value, ArgumentUse::kNumber);
  rule.where = CompileConditions(metric.where, slot_of);
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
  // Group n is slot n - 1. The config parser has checked that the names are groups.
  const std::map<std::string, int>& groups = plan.regex->NamedCapturingGroups();
  auto slot_of = [&](std::string_view name, ArgumentUse) {
    auto group = groups.find(std::string(name));
    return group == groups.end() ? kNoSlot : static_cast<Slot>(group->second - 1);
  };
  plan.rule = CompileRule(metric, family, slot_of);
  JoinLabelSet(CompileLabels(metric.labels, program_->lookups, slot_of), {}, plan.rule);
  program_->matches.push_back(std::move(plan));
}

// Assigns ids to events and plans.
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
    for (const decoders::DecoderOutput& output : decoder.kind->outputs) {
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
  for (EventPlan& plan : program_->plans) {
    plan.only_rules = plan.lookups.empty() && plan.spans.empty() && plan.decoders.empty() && !plan.needs_time &&
                      !plan.needs_thread && !plan.is_watched;
  }
}

Compiled Compile(const config::Config& config, const trace::Catalog& catalog) {
  Compiled compiled = Compiler(config, catalog).Run();
  std::stable_sort(compiled.diagnostics.begin(), compiled.diagnostics.end(),
                   [](const Diagnostic& a, const Diagnostic& b) {
                     return std::pair(a.place.line, a.place.column) < std::pair(b.place.line, b.place.column);
                   });
  return compiled;
}

}  // namespace qte::rules
