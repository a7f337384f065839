#include "rules/vocabulary.h"

#include <algorithm>
#include <cassert>
#include <map>

#include "base/suggest.h"
#include "rules/parts.h"

namespace qte::rules {
namespace {

bool Contains(const std::vector<std::string>& list, std::string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

}  // namespace

EventBuilder::EventBuilder(const trace::EventDeclaration& declaration)
    : name_(declaration.name), declaration_(&declaration), arguments_(declaration.arguments) {}

EventBuilder::EventBuilder(std::string name, std::vector<std::string> arguments, std::vector<std::string> texts)
    : name_(std::move(name)), arguments_(std::move(arguments)), texts_(std::move(texts)) {}

bool EventBuilder::HasArgument(std::string_view argument) const {
  return Contains(arguments_, argument);
}

bool EventBuilder::IsNumeric(std::string_view argument) const {
  return declaration_ != nullptr ? declaration_->IsNumeric(argument) : !Contains(texts_, argument);
}

Slot EventBuilder::SlotOf(std::string_view argument, ArgumentUse use) {
  assert(HasArgument(argument));
  std::vector<std::string>& names = plan().slot_names;
  auto found = std::find(names.begin(), names.end(), argument);
  auto slot = static_cast<Slot>(found - names.begin());
  if (found == names.end()) {
    names.emplace_back(argument);
    uses_.push_back(use);
  }
  uses_[slot] = std::max(uses_[slot], use);
  assert(names.size() <= kMaxSlots);
  return slot;
}

// Several variants can have the same format, for example if a later QEMU has corrected an argument's name. The variant
// with most of the needed arguments then reads the lines.
EventPlan EventBuilder::Finish() {
  PutSameConditionsTogether(plan_.rules);
  plan_.name = name_;
  if (declaration_ == nullptr) return std::move(plan_);
  std::map<std::string_view, size_t> by_format;
  for (const trace::Variant& variant : declaration_->variants) {
    EventPlan::Reader reader{variant.reader, {}};
    const std::vector<trace::Argument>& arguments = variant.declaration.arguments;
    std::vector<trace::FormatReader::Selected> selected(arguments.size());
    for (size_t slot = 0; slot < plan_.slot_names.size(); ++slot) {
      auto found = std::find_if(arguments.begin(), arguments.end(),
                                [&](const trace::Argument& a) { return a.name == plan_.slot_names[slot]; });
      auto index = static_cast<size_t>(found - arguments.begin());
      if (found == arguments.end() || !variant.reader.Prints(index)) {
        reader.absent.push_back(static_cast<Slot>(slot));
      } else {
        selected[index] = {static_cast<Slot>(slot), uses_[slot]};
      }
    }
    reader.format.SelectArguments(selected);
    auto [place, is_new] = by_format.try_emplace(variant.declaration.format, plan_.readers.size());
    if (is_new) {
      plan_.readers.push_back(std::move(reader));
    } else if (EventPlan::Reader& other = plan_.readers[place->second]; reader.absent.size() < other.absent.size()) {
      other = std::move(reader);
    }
  }
  return std::move(plan_);
}

bool Vocabulary::AddDerived(std::string name, std::vector<std::string> arguments, std::vector<std::string> texts) {
  if (catalog_.Find(name) != nullptr || by_name_.contains(name)) return false;
  builders_.emplace_back(name, std::move(arguments), std::move(texts));
  by_name_.emplace(std::move(name), &builders_.back());
  return true;
}

EventBuilder& Vocabulary::Builder(const trace::EventDeclaration& declaration) {
  auto [place, added] = by_name_.try_emplace(declaration.name, nullptr);
  if (added) place->second = &builders_.emplace_back(declaration);
  return *place->second;
}

EventBuilder* Vocabulary::Find(std::string_view name) {
  auto found = by_name_.find(name);
  if (found != by_name_.end()) return found->second;
  const trace::EventDeclaration* declaration = catalog_.Find(name);
  return declaration == nullptr ? nullptr : &Builder(*declaration);
}

std::vector<EventBuilder*> Vocabulary::FindGlob(std::string_view pattern) {
  std::vector<EventBuilder*> found;
  for (const trace::EventDeclaration& declaration : catalog_.events()) {
    if (trace::GlobMatches(pattern, declaration.name)) found.push_back(&Builder(declaration));
  }
  return found;
}

std::string Vocabulary::UnknownEvent(std::string_view name) const {
  std::vector<std::string_view> names = catalog_.Names();
  for (const auto& [known, builder] : by_name_) {
    if (builder->derived()) names.push_back(known);
  }
  std::string what = trace::IsGlob(name) ? "no known event matches \"" : "unknown event \"";
  std::string message = what + std::string(name) + "\"";
  std::string suggestion = DidYouMean(name, names);
  if (!suggestion.empty()) return message + suggestion;
  return message + "; declare it under trace_events (QEMU installs its own as /usr/share/qemu/trace-events-all)";
}

std::vector<EventBuilder*> Vocabulary::Used() {
  std::vector<EventBuilder*> used;
  for (bool derived : {false, true}) {
    for (EventBuilder& builder : builders_) {
      if (builder.used() && builder.derived() == derived) used.push_back(&builder);
    }
  }
  return used;
}

}  // namespace qte::rules
