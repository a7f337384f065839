// The part of a checkpoint for one QEMU process:
//
//   {"lookups": [[definition, state], ...], "spans": [[definition, state], ...], "decoders": [[kind, state], ...],
//    "main_thread", "first_node", "last_node"}
#include <nlohmann/json.hpp>

#include "rules/process.h"

namespace qte::rules {
namespace {

using nlohmann::json;

const std::string& KeyOf(const LookupPlan& plan) {
  return plan.definition;
}
const std::string& KeyOf(const SpanPlan& plan) {
  return plan.definition;
}
std::string_view KeyOf(const DecoderPlan& plan) {
  return plan.kind->name;
}

// `state_at(i)` is a pointer to the state of plan i; null if there is nothing to save.
template <class Plan, class StateAt>
json SaveAll(const std::vector<Plan>& plans, StateAt&& state_at) {
  json list = json::array();
  for (size_t i = 0; i < plans.size(); ++i) {
    if (const auto* state = state_at(i)) list.push_back({KeyOf(plans[i]), state->Save()});
  }
  return list;
}

// `state_at(i)` is the state of plan i.
template <class Plan, class StateAt>
void RestoreAll(const std::vector<Plan>& plans, const json& saved, StateAt&& state_at) {
  for (const json& entry : saved) {
    const auto& key = entry.at(0).get_ref<const std::string&>();
    for (size_t i = 0; i < plans.size(); ++i) {
      if (KeyOf(plans[i]) == key) state_at(i).Restore(entry.at(1));
    }
  }
}

}  // namespace

json Process::Save() const {
  return {{"lookups", SaveAll(program_->lookups, [this](size_t i) { return &lookup(i); })},
          {"spans", SaveAll(program_->spans, [this](size_t i) { return &spans_[i]; })},
          {"decoders", SaveAll(program_->decoders, [this](size_t i) { return decoder(i); })},
          {"main_thread", main_thread_},
          {"first_node", first_node_},
          {"last_node", last_node_}};
}

void Process::Restore(const json& state) {
  RestoreAll(program_->lookups, state.at("lookups"), [this](size_t i) -> auto& { return lookups_.tables()[i]; });
  RestoreAll(program_->spans, state.at("spans"), [this](size_t i) -> auto& { return spans_[i]; });
  RestoreAll(program_->decoders, state.at("decoders"), [this](size_t i) -> auto& { return DecoderAt(i); });
  state.at("main_thread").get_to(main_thread_);
  state.at("first_node").get_to(first_node_);
  state.at("last_node").get_to(last_node_);
}

}  // namespace qte::rules
