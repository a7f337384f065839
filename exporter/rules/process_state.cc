// A QEMU process's part of a checkpoint:
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

template <class State>
State& Deref(State& state) {
  return state;
}
template <class State>
State& Deref(std::unique_ptr<State>& state) {
  return *state;
}
template <class State>
const State& Deref(const std::unique_ptr<State>& state) {
  return *state;
}

template <class Plan, class State>
json SaveAll(const std::vector<Plan>& plans, const std::vector<State>& states) {
  json list = json::array();
  for (size_t i = 0; i < plans.size(); ++i) list.push_back({KeyOf(plans[i]), Deref(states[i]).Save()});
  return list;
}

template <class Plan, class State>
void RestoreAll(const std::vector<Plan>& plans, std::vector<State>& states, const json& saved) {
  for (const json& entry : saved) {
    const auto& key = entry.at(0).get_ref<const std::string&>();
    for (size_t i = 0; i < plans.size(); ++i) {
      if (KeyOf(plans[i]) == key) Deref(states[i]).Restore(entry.at(1));
    }
  }
}

}  // namespace

json Process::Save() const {
  return {{"lookups", SaveAll(program_->lookups, lookups_.tables())},
          {"spans", SaveAll(program_->spans, spans_)},
          {"decoders", SaveAll(program_->decoders, decoders_)},
          {"main_thread", main_thread_},
          {"first_node", first_node_},
          {"last_node", last_node_}};
}

void Process::Restore(const json& state) {
  RestoreAll(program_->lookups, lookups_.tables(), state.at("lookups"));
  RestoreAll(program_->spans, spans_, state.at("spans"));
  RestoreAll(program_->decoders, decoders_, state.at("decoders"));
  state.at("main_thread").get_to(main_thread_);
  state.at("first_node").get_to(first_node_);
  state.at("last_node").get_to(last_node_);
}

}  // namespace qte::rules
