#include "qmp/conversation.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"

namespace qte::qmp {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

// QEMU reads no more commands than this ahead of its answers.
constexpr size_t kAtOnce = 8;
// What is kept of QEMU's error texts, which go to the log and the status.
constexpr size_t kMostErrorBytes = 200;

std::string ErrorOf(const json& message) {
  const json& error = message["error"];
  auto found = error.is_object() ? error.find("desc") : error.end();
  bool has_text = error.is_object() && found != error.end() && found->is_string();
  std::string text = has_text ? found->get<std::string>() : error.dump();
  MakeValidUtf8(text, kMostErrorBytes);
  return text;
}

std::vector<std::string>::iterator Find(std::vector<std::string>& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text);
}

}  // namespace

Conversation::Conversation(const std::string& path, Errand errand, Switches& switches)
    : connection_(path),
      errand_(std::move(errand)),
      switches_(switches),
      due_(Clock::now() + errand_.limits.greeting) {}

void Conversation::Step() {
  connection_.Read([this](const json& message) { Handle(message); });
  connection_.Send({});
  if (is_done() || Clock::now() < due_) return;
  if (phase_ == Phase::kGreeting) {
    GiveUp(Reason::kNoGreeting,
           "QEMU does not greet: it serves another client, or hangs; give it a -qmp socket for the exporter alone");
  } else {
    GiveUp(Reason::kTimeout, "QEMU does not answer");
  }
}

void Conversation::Handle(const json& message) {
  if (phase_ == Phase::kGreeting) return HandleGreeting(message);
  bool is_answer = message.contains("return") || message.contains("error");
  // An answer without an id is one to what QEMU could not read. Events, and answers to another client, are skipped.
  const json id = last_id_ + 1;
  if (!is_answer || sent_.empty() || message.value("id", id) != id) return;
  Request request = std::move(sent_.front());
  sent_.pop_front();
  ++last_id_;
  due_ = std::min(ends_, Clock::now() + errand_.limits.answer);
  bool is_refused = !message.contains("return");
  HandleAnswer(request, {is_refused ? nullptr : &message["return"], is_refused ? ErrorOf(message) : std::string()});
  GoOn();
}

void Conversation::HandleGreeting(const json& message) {
  if (!message.contains("QMP")) return GiveUp(Reason::kProtocol, "not a QMP socket: there is no greeting");
  errand_.on_greeting(fd());
  ends_ = Clock::now() + errand_.limits.all;
  due_ = std::min(ends_, Clock::now() + errand_.limits.answer);
  GoOn();
}

void Conversation::HandleAnswer(const Request& request, const Answer& answer) {
  switch (request.kind) {
    case Kind::kReady:
      if (answer.value == nullptr) GiveUp(Reason::kRefused, "QEMU refuses qmp_capabilities: " + answer.error);
      return;
    case Kind::kState:
      return NoteState(request.subject, answer);
    case Kind::kOn:
    case Kind::kOff:
      return NoteSwitched(request, answer);
    case Kind::kStatus:
      may_probe_ = answer.value != nullptr && MayProbe(*answer.value);
      return;
    case Kind::kDrives:
      // A disk without a name is not a failure.
      if (answer.value == nullptr) return;
      for (const Probe& probe : errand_.choose_probes(DrivesOf(*answer.value))) lines_.push_back(probe.CommandLine());
      return;
    case Kind::kProbe:
      return;
  }
}

// QEMU refuses to tell of an event that it does not know, and calls one that was compiled out unavailable.
void Conversation::NoteState(std::string_view event, const Answer& answer) {
  const std::string name(event);
  json state;
  if (answer.value != nullptr && answer.value->is_array()) {
    for (const json& entry : *answer.value) {
      if (entry.is_object() && entry.value("name", json()) == json(name)) state = entry.value("state", json());
    }
  }
  bool is_on = state == json("enabled");
  bool is_off = state == json("disabled");
  switches_.on.erase(name);
  switches_.missing.erase(name);
  if (is_on) switches_.on.insert(name);
  if (is_off) queue_.push_back({Kind::kOn, event});
  if (!is_on && !is_off) switches_.missing.insert(name);
}

void Conversation::NoteSwitched(const Request& request, const Answer& answer) {
  const std::string name(request.subject);
  const bool is_on = request.kind == Kind::kOn;
  if (answer.value != nullptr) {
    ++(is_on ? switched_on_ : switched_off_);
    if (is_on) switches_.on.insert(name);
  } else {
    GiveUp(Reason::kRefused, "QEMU refuses to switch " + name + (is_on ? " on: " : " off: ") + answer.error);
  }
  bool is_ours = is_on ? answer.value != nullptr || !request.is_new : answer.value == nullptr;
  auto found = Find(switches_.ours, name);
  if (!is_ours && found != switches_.ours.end()) switches_.ours.erase(found);
}

void Conversation::GoOn() {
  while (queue_.empty() && sent_.empty() && !is_done() && !failure()) {
    Begin(static_cast<Phase>(static_cast<int>(phase_) + 1));
  }
  if (!failure()) SendNext();
}

void Conversation::Begin(Phase phase) {
  phase_ = phase;
  const Needs& needs = *errand_.needs;
  switch (phase) {
    case Phase::kGreeting:
      return;
    case Phase::kReady:
      queue_.push_back({Kind::kReady});
      return;
    case Phase::kNaming:
      return Ask(Kind::kState, needs.naming);
    case Phase::kStatus:
      if (errand_.choose_probes && !needs.naming.empty()) queue_.push_back({Kind::kStatus});
      return;
    case Phase::kDrives:
      if (may_probe_) queue_.push_back({Kind::kDrives});
      return;
    case Phase::kProbes:
      return Ask(Kind::kProbe, lines_);
    case Phase::kRest:
      return Ask(Kind::kState, needs.rest);
    case Phase::kOff:
      return AskToSwitchOff();
    case Phase::kDone:
      return Finish();
  }
}

void Conversation::Ask(Kind kind, const std::vector<std::string>& subjects) {
  for (const std::string& subject : subjects) queue_.push_back({kind, subject});
}

// The last first: what begins a request was switched on after what ends it, so few requests are left open.
void Conversation::AskToSwitchOff() {
  const Needs& needs = *errand_.needs;
  needed_.insert(needs.naming.begin(), needs.naming.end());
  needed_.insert(needs.rest.begin(), needs.rest.end());
  std::copy_if(switches_.ours.rbegin(), switches_.ours.rend(), std::back_inserter(leaving_),
               [&](const std::string& event) { return !needed_.contains(event); });
  Ask(Kind::kOff, leaving_);
}

void Conversation::SendNext() {
  std::string text;
  // Switched on one by one: after a refusal, QEMU has got no other command that makes an event ours.
  while (!queue_.empty() && sent_.size() < (queue_.front().kind == Kind::kOn ? 1 : kAtOnce)) {
    Request request = queue_.front();
    queue_.pop_front();
    // Ours from before it is sent: if QEMU does it and the answer is late, it must not be taken for another client's.
    if (request.kind == Kind::kOn && Find(switches_.ours, request.subject) == switches_.ours.end()) {
      request.is_new = true;
      switches_.ours.emplace_back(request.subject);
    }
    sent_.push_back(request);
    json message = MessageOf(request);
    message["id"] = last_id_ + sent_.size();
    text += message.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  }
  if (!text.empty()) connection_.Send(text);
}

json Conversation::MessageOf(const Request& request) {
  switch (request.kind) {
    case Kind::kReady:
      return {{"execute", "qmp_capabilities"}};
    case Kind::kState:
      return {{"execute", "trace-event-get-state"}, {"arguments", {{"name", request.subject}}}};
    case Kind::kOn:
    case Kind::kOff:
      return {{"execute", "trace-event-set-state"},
              {"arguments",
               {{"name", request.subject}, {"enable", request.kind == Kind::kOn}, {"ignore-unavailable", true}}}};
    case Kind::kStatus:
      return {{"execute", "query-status"}};
    case Kind::kDrives:
      return {{"execute", "query-block"}};
    case Kind::kProbe:
      break;
  }
  return {{"execute", "human-monitor-command"}, {"arguments", {{"command-line", request.subject}}}};
}

void Conversation::Finish() {
  auto is_unneeded = [&](const std::string& event) { return !needed_.contains(event); };
  std::erase_if(switches_.on, is_unneeded);
  std::erase_if(switches_.missing, is_unneeded);
  if (needed_.empty() || switches_.missing.size() < needed_.size()) return;
  GiveUp(Reason::kRefused, "this QEMU has none of the trace events that the config needs");
}

}  // namespace qte::qmp
