// Compiles lookups, spans and decoders, and the events derived by them.
#include <algorithm>

#include "joins/key.h"
#include "rules/compiler_impl.h"
#include "rules/definition.h"

namespace qte::rules {
namespace {

constexpr std::string_view kDuration = "duration";

// A declaration as one text, to detect whether a reload has changed it.
std::string Definition(const std::vector<std::vector<config::Text>>& parts) {
  std::string text;
  for (const std::vector<config::Text>& part : parts) {
    for (const config::Text& word : part) text += word.value + ',';
    text += ';';
  }
  return text;
}

bool FollowEachOther(const std::vector<Slot>& slots) {
  for (size_t i = 0; i < slots.size(); ++i) {
    if (slots[i] == kNoSlot || slots[i] != slots[0] + i) return false;
  }
  return !slots.empty();
}

}  // namespace

// Adds derived events before anything refers to them. The event of a span has the arguments of its start and end
// events.
void Compiler::DeclareDerivedEvents() {
  for (const decoders::DecoderKind& kind : decoders::BuiltinDecoders()) {
    for (const decoders::DecoderOutput& output : kind.outputs) {
      std::vector<std::string> arguments(output.arguments.begin(), output.arguments.end());
      std::vector<std::string> texts(output.texts.begin(), output.texts.end());
      vocabulary_.AddDerived(std::string(output.event), arguments, texts);
    }
  }
  for (const config::Span& span : config_.spans) {
    std::vector<std::string> arguments = {std::string(kDuration), std::string(kInFlight)};
    std::vector<std::string> texts;
    for (const auto* events : {&span.start, &span.end}) {
      for (const config::Text& name : *events) {
        const trace::EventDeclaration* event = catalog_.Find(name.value);
        if (event == nullptr) continue;  // reported when the span is compiled
        for (const std::string& argument : event->arguments) {
          if (std::find(arguments.begin(), arguments.end(), argument) != arguments.end()) continue;
          arguments.push_back(argument);
          if (!event->IsNumeric(argument)) texts.push_back(argument);
        }
      }
    }
    if (arguments.size() > kMaxSlots) arguments.resize(kMaxSlots);
    if (!vocabulary_.AddDerived(span.name.value, arguments, texts)) {
      checker_.Report(span.name.place, "span \"" + span.name.value + "\" has the name of an event; choose another");
    }
  }
}

std::vector<Slot> Compiler::Slots(EventBuilder& event, const std::vector<config::Text>& arguments) {
  std::vector<Slot> slots;
  for (const config::Text& argument : arguments) slots.push_back(event.SlotOf(argument.value));
  return slots;
}

void Compiler::CompileLookup(const config::Lookup& lookup) {
  auto index = static_cast<uint32_t>(program_->lookups.size());
  program_->lookups.push_back(
      {lookup.name.value, Definition({{lookup.name}, {lookup.event}, lookup.key, {lookup.value}})});
  if (!lookup.names.empty()) return CompileNames(lookup, program_->lookups.back());
  EventBuilder* event = checker_.FindEvent(lookup.event, EventUse::kQemuOnly);
  if (event == nullptr) return;
  bool good = checker_.CheckArgument(lookup.value, {event});
  for (const config::Text& key : lookup.key) good = checker_.CheckArgument(key, {event}) && good;
  if (good) event->plan().lookups.push_back({index, Slots(*event, lookup.key), event->SlotOf(lookup.value.value)});
}

// A numeric key matches the number in any notation, and also a text argument with the same characters.
void Compiler::CompileNames(const config::Lookup& lookup, LookupPlan& plan) {
  joins::KeyBuilder builder;
  auto add = [&](const trace::Value& value, const std::string& name) {
    builder.Clear();
    builder.Add(value);
    return plan.names.emplace(builder.key(), name).second;
  };
  for (const auto& [key, name] : lookup.names) {
    Constant constant = ParseConstant(key.value);
    bool is_new = add(trace::Value::Text(key.value), name) && (!constant.is_number || add(constant.number, name));
    if (!is_new) checker_.Report(key.place, "\"" + key.value + "\" has a name already in lookup \"" + plan.name + "\"");
  }
}

void Compiler::CompileSpan(const config::Span& span) {
  EventBuilder* derived = vocabulary_.Find(span.name.value);
  if (derived == nullptr) return;  // the name was not free, which is already reported
  SpanPlan plan;
  plan.name = span.name.value;
  plan.timeout_us = span.timeout.value_or(kDefaultSpanTimeout).count();
  // Arguments of the derived event that rules use come from the start event if it has them, otherwise from the end
  // event.
  const std::vector<std::string>& names = derived->plan().slot_names;
  auto start_has = [&](const std::string& name) {
    return std::any_of(span.start.begin(), span.start.end(), [&](const config::Text& start) {
      const trace::EventDeclaration* event = catalog_.Find(start.value);
      return event != nullptr && event->FindArgument(name);
    });
  };
  for (const std::string& name : names) {
    using From = SpanPlan::Source::From;
    if (name == kDuration) {
      plan.slots.push_back({From::kDuration, 0});
    } else if (start_has(name)) {
      plan.slots.push_back({From::kStart, plan.saved++});
    } else {
      plan.slots.push_back({From::kEnd, 0});
    }
  }
  plan.in_flight = std::move(in_flight_[span.name.value]);
  plan.definition = Definition({{span.name}, span.start, span.end, span.key});
  for (const std::string& name : names) plan.definition += ' ' + name;
  for (const config::Text& name : span.start) CompileSpanEvent(span, name.value, true, plan);
  for (const config::Text& name : span.end) CompileSpanEvent(span, name.value, false, plan);
  program_->spans.push_back(std::move(plan));
}

void Compiler::CompileSpanEvent(const config::Span& span, const std::string& name, bool is_start, SpanPlan& plan) {
  const std::vector<config::Text>& names = is_start ? span.start : span.end;
  auto place = std::find_if(names.begin(), names.end(), [&](const config::Text& text) { return text.value == name; });
  EventBuilder* event = checker_.FindEvent(*place, EventUse::kQemuOnly);
  if (event == nullptr) return;
  bool good = true;
  for (const config::Text& key : span.key) good = checker_.CheckArgument(key, {event}) && good;
  if (!good) return;
  SpanFeed feed;
  feed.span = static_cast<uint32_t>(program_->spans.size());
  feed.is_start = is_start;
  feed.key = Slots(*event, span.key);
  const std::vector<std::string>& wanted = vocabulary_.Find(span.name.value)->plan().slot_names;
  using From = SpanPlan::Source::From;
  for (size_t i = 0; i < wanted.size(); ++i) {
    bool from_here = plan.slots[i].from == (is_start ? From::kStart : From::kEnd);
    if (!from_here) continue;
    Slot slot = event->FindSlot(wanted[i]);
    feed.saved.push_back(slot);
  }
  event->plan().needs_time = true;
  event->plan().spans.push_back(std::move(feed));
}

decoders::OutputSet Compiler::UsedOutputs(const decoders::DecoderKind& kind) {
  decoders::OutputSet used = 0;
  for (size_t i = 0; i < kind.outputs.size(); ++i) {
    EventBuilder* event = vocabulary_.Find(kind.outputs[i].event);
    if (event != nullptr && event->derived() && event->used()) used |= decoders::OutputSet{1} << i;
  }
  return used;
}

// A decoder runs if a rule uses one of its events. It then reads the inputs that these events need.
void Compiler::CompileDecoders() {
  for (const decoders::DecoderKind& kind : decoders::BuiltinDecoders()) {
    decoders::OutputSet used = UsedOutputs(kind);
    if (used == 0) continue;
    bool opens = false;
    auto index = static_cast<uint32_t>(program_->decoders.size());
    DecoderPlan& plan = program_->decoders.emplace_back();
    plan.kind = &kind;
    for (size_t part = 0; part < kind.parts.size(); ++part) {
      if ((kind.parts[part].outputs & used) == 0) continue;
      plan.parts.push_back(part);
      opens = opens || kind.parts[part].opens;
    }
    for (size_t which = 0; which < kind.inputs.size(); ++which) {
      if ((kind.inputs[which].outputs & used) == 0) continue;
      EventBuilder* event = vocabulary_.Find(kind.inputs[which].event);
      if (event == nullptr) continue;  // not in this catalog; the decoder works without it
      DecoderFeed feed{index, which, {}};
      for (std::string_view argument : kind.inputs[which].arguments) {
        feed.arguments.push_back(event->FindSlot(argument));
      }
      feed.is_in_order = FollowEachOther(feed.arguments);
      event->plan().needs_time = event->plan().needs_time || opens;
      event->plan().needs_thread = true;
      event->plan().decoders.push_back(std::move(feed));
    }
  }
}

// The arguments that a probe reads get slots even if no rule needs them.
void Compiler::MakeProbeSlots() {
  EventBuilder* open = vocabulary_.Find(kOpenEvent);
  EventBuilder* read = vocabulary_.Find(kReadEvent);
  if (open == nullptr || !open->used()) return;
  ProbePlan& probe = program_->probe;
  probe.open_node = open->FindSlot("bs");
  if (read == nullptr || !read->used()) return;
  probe.open_file = open->FindSlot("filename");
  probe.read_backend = read->FindSlot("blk");
  probe.read_node = read->FindSlot("bs");
  probe.read_offset = read->FindSlot("offset");
  probe.read_bytes = read->FindSlot("bytes");
}

void Compiler::LinkProbe() {
  ProbePlan& probe = program_->probe;
  auto plan_of = [this](std::string_view event) {
    uint32_t id = program_->names.Find(event);
    return id == trace::NameTable::kNone ? kNone : program_->plan_of[id];
  };
  if (probe.open_node == kNoSlot) return;
  probe.open = plan_of(kOpenEvent);
  program_->plans[probe.open].is_watched = true;
  bool is_whole = probe.open_file != kNoSlot && probe.read_backend != kNoSlot &&
                  probe.read_node != kNoSlot && probe.read_offset != kNoSlot && probe.read_bytes != kNoSlot;
  if (!is_whole) return;
  probe.read = plan_of(kReadEvent);
  program_->plans[probe.read].is_watched = true;
}

}  // namespace qte::rules
