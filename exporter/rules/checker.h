// The checks of a config against the events at hand: what it names has to be there, and of a type that fits.
//
// Each check reports all that it finds, with its place and a suggestion, and says whether it found nothing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "rules/vocabulary.h"

namespace qte::rules {

// Who may use an event: lookups and spans join what QEMU prints, metrics take derived events as well.
enum class EventUse { kQemuOnly, kAny };

// An argument that the event of every span has, for gauges: how many are open.
inline constexpr std::string_view kInFlight = "in_flight";

class Checker {
 public:
  // Unknown events are not reported if the config lacks names: a span that could not be read may be what was meant.
  Checker(Vocabulary& vocabulary, bool has_all_names) : vocabulary_(vocabulary), has_all_names_(has_all_names) {}

  void Report(const config::Place& place, std::string message) { diagnostics_.push_back({place, std::move(message)}); }
  const std::vector<config::Diagnostic>& diagnostics() const { return diagnostics_; }

  // The event, or null where it is unknown or may not be used so.
  EventBuilder* FindEvent(const config::Text& name, EventUse use);
  // The events of names and globs, each once.
  std::vector<EventBuilder*> FindEvents(const std::vector<config::Text>& names);
  // At least one of the events has to have the argument.
  bool CheckArgument(const config::Text& argument, const std::vector<EventBuilder*>& events);
  bool CheckMetric(const config::Metric& metric, const std::vector<EventBuilder*>& events);
  // A gauge of what is in flight: everything else it uses is told by one of the span's start events.
  bool CheckInFlight(const config::Metric& metric, const std::string& span,
                     const std::vector<const trace::EventDeclaration*>& starts);

 private:
  bool CheckTemplate(const config::Text& text, const std::vector<EventBuilder*>& events);
  bool CheckNotInFlight(const config::Metric& metric, const std::vector<EventBuilder*>& events);
  bool CheckWhere(const config::Condition& condition, const std::vector<EventBuilder*>& events);

  void ReportUnknownEvent(const config::Text& name);

  Vocabulary& vocabulary_;
  const bool has_all_names_;
  std::vector<config::Diagnostic> diagnostics_;
};

}  // namespace qte::rules
