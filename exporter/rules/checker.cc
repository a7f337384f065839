#include "rules/checker.h"

#include <algorithm>

#include "base/suggest.h"
#include "config/template.h"
#include "rules/parts.h"

namespace qte::rules {
namespace {

// The arguments that a metric's conditions and labels use; its templates are well-formed.
std::vector<config::Text> ArgumentsOf(const config::Metric& metric) {
  std::vector<config::Text> used;
  for (const config::Condition& condition : metric.where) used.push_back(condition.argument);
  for (const config::Label& label : metric.labels) {
    for (const config::Text& text : label.value.texts) {
      Result<std::vector<std::string>> arguments = config::ArgumentsOfTemplate(text.value);
      for (const std::string& argument : *arguments) used.push_back({argument, text.place});
    }
    for (const config::Condition& condition : label.value.where) used.push_back(condition.argument);
    used.insert(used.end(), label.value.key.begin(), label.value.key.end());
  }
  return used;
}

}  // namespace

void Checker::ReportUnknownEvent(const config::Text& name) {
  if (has_all_names_) Report(name.place, vocabulary_.UnknownEvent(name.value));
}

EventBuilder* Checker::FindEvent(const config::Text& name, EventUse use) {
  EventBuilder* event = vocabulary_.Find(name.value);
  if (event == nullptr) {
    ReportUnknownEvent(name);
  } else if (use == EventUse::kQemuOnly && event->derived()) {
    Report(name.place, "\"" + name.value + "\" is a derived event; lookups and spans take QEMU's own events");
    return nullptr;
  }
  return event;
}

std::vector<EventBuilder*> Checker::FindEvents(const std::vector<config::Text>& names) {
  std::vector<EventBuilder*> events;
  for (const config::Text& name : names) {
    std::vector<EventBuilder*> found;
    if (trace::IsGlob(name.value)) {
      found = vocabulary_.FindGlob(name.value);
      if (found.empty()) ReportUnknownEvent(name);
    } else if (EventBuilder* event = FindEvent(name, EventUse::kAny)) {
      found.push_back(event);
    }
    for (EventBuilder* event : found) {
      if (std::find(events.begin(), events.end(), event) == events.end()) events.push_back(event);
    }
  }
  return events;
}

// Checks that at least one of the events has the argument.
bool Checker::CheckArgument(const config::Text& argument, const std::vector<EventBuilder*>& events) {
  if (events.empty()) return false;  // the events themselves are invalid, and already reported
  for (const EventBuilder* event : events) {
    if (event->HasArgument(argument.value)) return true;
  }
  std::vector<std::string_view> known;
  for (const EventBuilder* event : events) {
    for (const std::string& name : event->arguments()) known.emplace_back(name);
  }
  std::string of = events.size() == 1 ? events[0]->name() : "these " + std::to_string(events.size()) + " events";
  std::string message = "unknown argument \"" + argument.value + "\" of " + of;
  std::string suggestion = DidYouMean(argument.value, known);
  if (suggestion.empty() && events.size() == 1) {
    suggestion = known.empty() ? "; it has none" : "; it has";
    for (size_t i = 0; i < known.size(); ++i) suggestion += (i == 0 ? " " : ", ") + std::string(known[i]);
  }
  Report(argument.place, message + suggestion);
  return false;
}

bool Checker::CheckTemplate(const config::Text& text, const std::vector<EventBuilder*>& events) {
  Result<std::vector<std::string>> arguments = config::ArgumentsOfTemplate(text.value);
  bool all_known = true;
  for (const std::string& argument : *arguments) {
    if (!CheckArgument({argument, text.place}, events)) all_known = false;
  }
  return all_known;
}

bool Checker::CheckWhere(const config::Condition& condition, const std::vector<EventBuilder*>& events) {
  if (!CheckArgument(condition.argument, events)) return false;
  for (const std::optional<config::Text>* bound : {&condition.min, &condition.max}) {
    if (bound->has_value() && !ParseConstant((*bound)->value).is_number) {
      Report((*bound)->place, "\"" + (*bound)->value + "\" is not a number; min and max need numbers");
      return false;
    }
  }
  return true;
}

bool Checker::CheckMetric(const config::Metric& metric, const std::vector<EventBuilder*>& events) {
  bool good = !events.empty();
  for (const config::Condition& condition : metric.where) good = CheckWhere(condition, events) && good;
  for (const config::Label& label : metric.labels) {
    for (const config::Text& text : label.value.texts) good = CheckTemplate(text, events) && good;
    for (const config::Condition& condition : label.value.where) good = CheckWhere(condition, events) && good;
    for (const config::Text& key : label.value.key) good = CheckArgument(key, events) && good;
  }
  good = good && CheckNotInFlight(metric, events);
  if (metric.value && (good = CheckArgument(*metric.value, events) && good)) {
    bool numeric = std::any_of(events.begin(), events.end(), [&](const EventBuilder* event) {
      return event->HasArgument(metric.value->value) && event->IsNumeric(metric.value->value);
    });
    if (!numeric) Report(metric.value->place, "argument \"" + metric.value->value + "\" is text; value needs a number");
    good = good && numeric;
  }
  return good;
}

// Checks a metric that uses a span's event like any other event.
bool Checker::CheckNotInFlight(const config::Metric& metric, const std::vector<EventBuilder*>& events) {
  bool is_span = std::any_of(events.begin(), events.end(), [](const EventBuilder* event) {
    return event->derived() && event->HasArgument(kInFlight);
  });
  if (!is_span) return true;
  bool good = true;
  for (const config::Text& argument : ArgumentsOf(metric)) {
    if (argument.value != kInFlight) continue;
    Report(argument.place, argument.value + " can only be the value of a gauge");
    good = false;
  }
  return good;
}

bool Checker::CheckInFlight(const config::Metric& metric, const std::string& span,
                            const std::vector<const trace::EventDeclaration*>& starts) {
  if (metric.type != config::MetricType::kGauge) {
    Report(metric.value->place, "in_flight goes up and down, so it needs `type: gauge`");
    return false;
  }
  bool good = true;
  for (const config::Text& argument : ArgumentsOf(metric)) {
    if (std::any_of(starts.begin(), starts.end(), [&](const trace::EventDeclaration* start) {
          return start != nullptr && start->FindArgument(argument.value);
        })) {
      continue;
    }
    Report(argument.place, "argument \"" + argument.value + "\" is not known while a span " + span +
                               " is open; in_flight takes arguments of its start alone");
    good = false;
  }
  return good;
}

}  // namespace qte::rules
