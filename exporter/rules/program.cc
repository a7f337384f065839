#include "rules/program.h"

#include <algorithm>
#include <set>

namespace qte::rules {

bool Program::IsNeeded(const EventPlan& plan) const {
  bool is_optional = plan.rules.empty() && plan.lookups.empty() && plan.spans.empty() && !plan.decoders.empty() &&
                     std::all_of(plan.decoders.begin(), plan.decoders.end(), [this](const DecoderFeed& feed) {
                       return decoders[feed.decoder].kind->inputs[feed.which].is_optional;
                     });
  return !is_optional;
}

std::vector<std::string> Program::NeededEvents() const {
  std::set<std::string> needed;
  for (uint32_t id = 0; id < plan_of.size(); ++id) {
    if (plan_of[id] != kNone && IsNeeded(plans[plan_of[id]])) needed.emplace(names.NameOf(id));
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
