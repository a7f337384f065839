#include "commands/event_uses.h"

#include <algorithm>

namespace qte::commands {
namespace {

using rules::Program;

void AddOfPlan(const Program& program, uint32_t plan, std::set<std::string>& metrics);

void AddOfLookup(const Program& program, uint32_t lookup, std::set<std::string>& metrics) {
  for (const rules::EventPlan& plan : program.plans) {
    for (const rules::RulePlan& rule : plan.rules) {
      if (rule.label_set == rules::kNone) continue;
      const auto& labels = program.label_sets[rule.label_set].labels;
      const bool uses_it = std::any_of(labels.begin(), labels.end(),
                                       [=](const rules::LabelPlan& label) { return label.lookup == lookup; });
      if (uses_it) metrics.insert(program.families[rule.family].name);
    }
  }
}

void AddOfDecoder(const Program& program, const rules::DecoderFeed& feed, std::set<std::string>& metrics) {
  const rules::DecoderPlan& decoder = program.decoders[feed.decoder];
  const decoders::OutputSet needs = decoder.kind->inputs[feed.which].outputs;
  for (size_t i = 0; i < decoder.outputs.size(); ++i) {
    if ((needs >> i & 1) != 0) AddOfPlan(program, decoder.outputs[i].plan, metrics);
  }
}

void AddOfPlan(const Program& program, uint32_t index, std::set<std::string>& metrics) {
  if (index == rules::kNone) return;
  const rules::EventPlan& plan = program.plans[index];
  for (const rules::RulePlan& rule : plan.rules) metrics.insert(program.families[rule.family].name);
  for (const rules::LookupFeed& feed : plan.lookups) AddOfLookup(program, feed.lookup, metrics);
  for (const rules::SpanFeed& feed : plan.spans) {
    const rules::SpanPlan& span = program.spans[feed.span];
    AddOfPlan(program, span.plan, metrics);
    for (const rules::RulePlan& rule : span.in_flight) metrics.insert(program.families[rule.family].name);
  }
  for (const rules::DecoderFeed& feed : plan.decoders) AddOfDecoder(program, feed, metrics);
}

}  // namespace

std::set<std::string> MetricsFedBy(const Program& program, std::string_view event) {
  std::set<std::string> metrics;
  const uint32_t id = program.names.Find(event);
  if (id < program.plan_of.size()) AddOfPlan(program, program.plan_of[id], metrics);
  return metrics;
}

}  // namespace qte::commands
