// Checks a config against the known events: every name must exist and have a suitable type.
//
// Each check reports all problems with their places and suggestions. It returns true if there are none.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "rules/vocabulary.h"

namespace qte::rules {

// Which events can be used: lookups and spans need QEMU's own events, metrics also take derived ones.
enum class EventUse { kQemuOnly, kAny };

// An argument of every span's event, for gauges: the number of open spans.
inline constexpr std::string_view kInFlight = "in_flight";

class Checker {
 public:
  // `has_all_names` is false if part of the config could not be read. Unknown events are then not reported, because the
  // unread part may define them.
  Checker(Vocabulary& vocabulary, bool has_all_names) : vocabulary_(vocabulary), has_all_names_(has_all_names) {}

  void Report(const config::Place& place, std::string message) { diagnostics_.push_back({place, std::move(message)}); }
  const std::vector<config::Diagnostic>& diagnostics() const { return diagnostics_; }

  // The event, or null if it is unknown or must not be used here.
  EventBuilder* FindEvent(const config::Text& name, EventUse use);
  // The events of names and globs, without duplicates.
  std::vector<EventBuilder*> FindEvents(const std::vector<config::Text>& names);
  // Checks that at least one of the events has the argument.
  bool CheckArgument(const config::Text& argument, const std::vector<EventBuilder*>& events);
  bool CheckMetric(const config::Metric& metric, const std::vector<EventBuilder*>& events);
  // Checks a gauge of open spans: all its other arguments must come from one of the span's start events.
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
