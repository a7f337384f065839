// The parts of Compile(): compiler.cc compiles rules; compiler_joins.cc compiles lookups, spans and decoders.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rules/checker.h"
#include "rules/compiler.h"
#include "rules/parts.h"
#include "rules/program.h"
#include "rules/vocabulary.h"

namespace qte::rules {

class Compiler {
 public:
  Compiler(const config::Config& config, const trace::Catalog& catalog)
      : config_(config), catalog_(catalog), vocabulary_(catalog), checker_(vocabulary_, config.has_all_names) {}

  Compiled Run();

 private:
  void DeclareDerivedEvents();
  void CompileLookup(const config::Lookup& lookup);
  void CompileNames(const config::Lookup& lookup, LookupPlan& plan);
  void CompileSpan(const config::Span& span);
  void CompileSpanEvent(const config::Span& span, const std::string& name, bool is_start, SpanPlan& plan);
  decoders::OutputSet UsedOutputs(const decoders::DecoderKind& kind);
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

}  // namespace qte::rules
