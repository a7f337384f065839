#include "qmp/switches.h"

#include <algorithm>
#include <utility>

namespace qte::qmp {

using nlohmann::json;

std::optional<Failure> Switches::SwitchOn(Connection& connection, const std::vector<std::string>& events) {
  std::vector<json> questions;
  for (const std::string& event : events) questions.push_back({{"name", event}});
  std::optional<std::vector<Connection::Answer>> answers = connection.ExecuteEach("trace-event-get-state", questions);
  if (!answers) return connection.failure();
  for (size_t i = 0; i < events.size(); ++i) {
    const std::string& event = events[i];
    State state = StateIn((*answers)[i], event);
    on_.erase(event);
    missing_.erase(event);
    if (state == State::kMissing) {
      missing_.insert(event);
      continue;
    }
    if (state == State::kOff) {
      if (std::optional<Failure> failure = SwitchOneOn(connection, event)) return failure;
    }
    on_.insert(event);
  }
  return std::nullopt;
}

// Ours from before it is asked for: where QEMU did it and the answer is late, it must not be taken for somebody else's.
std::optional<Failure> Switches::SwitchOneOn(Connection& connection, const std::string& event) {
  bool is_new = std::find(ours_.begin(), ours_.end(), event) == ours_.end();
  if (is_new) ours_.push_back(event);
  std::optional<Failure> failure = Set(connection, event, true);
  if (failure && failure->reason == Reason::kRefused && is_new) ours_.pop_back();
  return failure;
}

std::optional<Failure> Switches::SwitchOffBut(Connection& connection, const std::set<std::string>& needed) {
  for (size_t i = ours_.size(); i-- > 0;) {
    if (needed.contains(ours_[i])) continue;
    if (std::optional<Failure> failure = Set(connection, ours_[i], false)) return failure;
    ours_.erase(ours_.begin() + static_cast<ptrdiff_t>(i));
  }
  std::erase_if(on_, [&](const std::string& event) { return !needed.contains(event); });
  std::erase_if(missing_, [&](const std::string& event) { return !needed.contains(event); });
  return std::nullopt;
}

// QEMU refuses to tell of an event that it does not know, and calls one that was compiled out unavailable.
Switches::State Switches::StateIn(const Connection::Answer& answer, const std::string& event) {
  State state = State::kMissing;
  if (!answer.value || !answer.value->is_array()) return state;
  for (const json& entry : *answer.value) {
    if (!entry.is_object() || entry.value("name", json()) != json(event)) continue;
    json told = entry.value("state", json());
    if (told == json("enabled")) state = State::kOn;
    if (told == json("disabled")) state = State::kOff;
  }
  return state;
}

std::optional<Failure> Switches::Set(Connection& connection, const std::string& event, bool on) {
  json arguments = {{"name", event}, {"enable", on}, {"ignore-unavailable", true}};
  std::optional<Connection::Answer> answer = connection.Execute("trace-event-set-state", std::move(arguments));
  if (!answer) return connection.failure();
  if (answer->value) return std::nullopt;
  return Failure{Reason::kRefused, "QEMU refuses to switch " + event + (on ? " on: " : " off: ") + answer->error};
}

}  // namespace qte::qmp
