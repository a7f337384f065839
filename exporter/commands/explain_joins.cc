#include "commands/explain_joins.h"

#include <fmt/format.h>

#include <ostream>
#include <set>

#include "joins/elapsed.h"
#include "joins/key.h"
#include "rules/parts.h"

namespace qte::commands {
namespace {

using joins::kNoTime;

std::string Held(size_t count, const char* one, const char* several) {
  return fmt::format("   ({} {})", count, count == 1 ? one : several);
}

}  // namespace

JoinsOfLine::JoinsOfLine(const rules::Program& program, const rules::EventPlan& plan, const Arguments& arguments,
                         int64_t time_us)
    : program_(program), plan_(plan), arguments_(arguments), time_us_(time_us) {}

void JoinsOfLine::Look(const rules::Process& before) {
  open_.clear();
  std::vector<trace::Value> kept;
  for (const rules::SpanFeed& feed : plan_.spans) {
    std::optional<int64_t> start = before.span(feed.span).Look(Key(feed.key), kept);
    auto& open = open_.emplace_back();
    if (start) open = {*start, KeptByStart(feed.span, kept)};
  }
}

void JoinsOfLine::Print(const rules::Process& after, std::ostream& out) const {
  for (const rules::LookupFeed& feed : plan_.lookups) PrintLearned(feed, after, out);
  for (size_t i = 0; i < plan_.spans.size(); ++i) {
    plan_.spans[i].is_start ? PrintStart(i, after, out) : PrintEnd(i, after, out);
  }
  for (const rules::DecoderFeed& feed : plan_.decoders) {
    const rules::DecoderPlan& plan = program_.decoders[feed.decoder];
    const decoders::Decoder& decoder = *after.decoder(feed.decoder);  // exists, because the line is one of its events
    for (size_t part : plan.parts) {
      const decoders::DecoderPart& fed = plan.kind->parts[part];
      if ((fed.outputs & plan.kind->inputs[feed.which].outputs) == 0) continue;
      out << "feeds     decoder " << fed.name
          << Held(decoder.open(part), "request open", "requests open") << '\n';
    }
    std::vector<trace::Value> values;
    for (rules::Slot slot : feed.arguments) values.push_back(ValueOf(slot));
    for (const std::string& known : decoder.Explain({feed.which, values})) {
      out << "knows     " << known << '\n';
    }
  }
  PrintLabels(after, out);
  PrintEmptyLabels(out);
}

trace::Value JoinsOfLine::ValueOf(rules::Slot slot) const {
  if (slot == rules::kNoSlot) return {};
  auto argument = arguments_.find(plan_.slot_names[slot]);
  return argument == arguments_.end() ? trace::Value() : argument->second;
}

std::string JoinsOfLine::Key(const std::vector<rules::Slot>& slots) const {
  joins::KeyBuilder key;
  for (rules::Slot slot : slots) key.Add(ValueOf(slot));
  return std::string(key.key());
}

// "vq=0x1 elem=0x2"
std::string JoinsOfLine::Show(const std::vector<rules::Slot>& slots) const {
  std::string text;
  for (rules::Slot slot : slots) {
    if (slot == rules::kNoSlot) continue;
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", plan_.slot_names[slot], ValueOf(slot).text());
  }
  return text;
}

// The argument names come from the event that starts the span.
std::string JoinsOfLine::KeptByStart(uint32_t span, const std::vector<trace::Value>& values) const {
  std::string text;
  for (const rules::EventPlan& plan : program_.plans) {
    for (const rules::SpanFeed& feed : plan.spans) {
      if (feed.span != span || !feed.is_start || !text.empty()) continue;
      for (size_t i = 0; i < feed.saved.size() && i < values.size(); ++i) {
        if (feed.saved[i] == rules::kNoSlot) continue;
        text += fmt::format(" {}={}", plan.slot_names[feed.saved[i]], values[i].text());
      }
    }
  }
  return text;
}

void JoinsOfLine::PrintLearned(const rules::LookupFeed& feed, const rules::Process& after, std::ostream& out) const {
  const joins::LookupTable& table = after.lookup(feed.lookup);
  const std::string* name = table.Find(Key(feed.key));
  out << "learns    lookup " << program_.lookups[feed.lookup].name << ": " << Show(feed.key)
      << (name == nullptr ? " has no name" : " is " + *name) << Held(table.size(), "name held", "names held") << '\n';
}

// Several rules of one event can use the same lookup with the same arguments, so print it once.
void JoinsOfLine::PrintLabels(const rules::Process& after, std::ostream& out) const {
  std::set<std::string> lines;
  for (const rules::RulePlan& rule : plan_.rules) {
    for (const rules::LabelPlan& label : program_.label_sets[rule.label_set].labels) {
      if (label.lookup == rules::kNone) continue;
      const rules::LookupPlan& lookup = program_.lookups[label.lookup];
      const std::string* name = after.NameOf(label.lookup, Key(label.key));
      size_t held = lookup.names.empty() ? after.lookup(label.lookup).size() : lookup.names.size();
      lines.insert(fmt::format("looks up  {}: {}{}{}", lookup.name, Show(label.key),
                               name == nullptr ? " is not known, so the label shows that" : " is " + *name,
                               Held(held, "name held", "names held")));
    }
  }
  for (const std::string& line : lines) out << line << '\n';
}

// Prints labels that a condition leaves empty, because the exposition does not show them.
void JoinsOfLine::PrintEmptyLabels(std::ostream& out) const {
  std::set<std::string> lines;
  for (const rules::RulePlan& rule : plan_.rules) {
    const std::vector<rules::LabelPlan>& labels = program_.label_sets[rule.label_set].labels;
    for (size_t i = 0; i < labels.size(); ++i) {
      for (const rules::ConditionPlan& condition : labels[i].where) {
        if (rules::Holds(condition, ValueOf(condition.slot))) continue;
        lines.insert(fmt::format("empty     label {}: its condition on {} does not hold",
                                 program_.families[rule.family].label_names[i], condition.argument));
      }
    }
  }
  for (const std::string& line : lines) out << line << '\n';
}

void JoinsOfLine::PrintStart(size_t feed, const rules::Process& after, std::ostream& out) const {
  const rules::SpanFeed& start = plan_.spans[feed];
  const joins::SpanTable& table = after.span(start.span);
  out << "opens     span " << program_.spans[start.span].name << ": " << Show(start.key);
  if (open_[feed]) out << ", instead of one that was open and is abandoned";
  std::string kept = Show(start.saved);
  if (!kept.empty()) out << ", keeps " << kept;
  out << Held(table.open(), "open", "open") << '\n';
}

void JoinsOfLine::PrintEnd(size_t feed, const rules::Process& after, std::ostream& out) const {
  const rules::SpanFeed& end = plan_.spans[feed];
  out << "ends      span " << program_.spans[end.span].name << ": " << Show(end.key);
  if (!open_[feed]) {
    out << " is not open: its start was not seen, or it was abandoned";
  } else {
    trace::Value duration = joins::DurationOf(open_[feed]->start_us, time_us_);
    if (duration.has_value()) out << fmt::format(", open for {:.6f} s", duration.real);
    if (!open_[feed]->kept.empty()) out << ", kept" << open_[feed]->kept;
  }
  out << Held(after.span(end.span).open(), "open", "open") << '\n';
}

}  // namespace qte::commands
