// The events that a config can use: QEMU's own events from the catalog, and the derived events of decoders and spans.
// It also holds the plan under construction for each used event.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/program.h"
#include "trace/catalog.h"

namespace qte::rules {

// An event under construction: its arguments by name, and a plan once the event is used.
class EventBuilder {
 public:
  explicit EventBuilder(const trace::EventDeclaration& declaration);
  // A derived event. Arguments not in `texts` can be numbers.
  EventBuilder(std::string name, std::vector<std::string> arguments, std::vector<std::string> texts);

  const std::string& name() const { return name_; }
  const std::vector<std::string>& arguments() const { return arguments_; }
  bool derived() const { return declaration_ == nullptr; }
  bool HasArgument(std::string_view argument) const;
  bool IsNumeric(std::string_view argument) const;

  // The slot of an existing argument, created on first use.
  Slot SlotOf(std::string_view argument, ArgumentUse use = ArgumentUse::kNumber);
  // The same, or kNoSlot if the event lacks the argument.
  Slot FindSlot(std::string_view argument, ArgumentUse use = ArgumentUse::kNumber) {
    return HasArgument(argument) ? SlotOf(argument, use) : kNoSlot;
  }
  EventPlan& plan() {
    used_ = true;
    return plan_;
  }
  bool used() const { return used_; }
  // Makes the readers and the plan. The builder must not be used afterwards.
  EventPlan Finish();

 private:
  std::string name_;
  const trace::EventDeclaration* declaration_ = nullptr;
  std::vector<std::string> arguments_;
  std::vector<std::string> texts_;
  EventPlan plan_;
  std::vector<ArgumentUse> uses_;  // of its slots
  bool used_ = false;
};

class Vocabulary {
 public:
  explicit Vocabulary(const trace::Catalog& catalog) : catalog_(catalog) {}

  // Adds a derived event. Returns false if the name exists already.
  bool AddDerived(std::string name, std::vector<std::string> arguments, std::vector<std::string> texts);

  // The event with this name, or null.
  EventBuilder* Find(std::string_view name);
  // All of QEMU's events that match a glob. Globs do not match derived events.
  std::vector<EventBuilder*> FindGlob(std::string_view pattern);
  // `unknown event "x"; did you mean "y"?`, or a hint where to find more declarations.
  std::string UnknownEvent(std::string_view name) const;
  // All used events, QEMU's own before derived ones.
  std::vector<EventBuilder*> Used();

 private:
  EventBuilder& Builder(const trace::EventDeclaration& declaration);

  const trace::Catalog& catalog_;
  std::deque<EventBuilder> builders_;
  std::map<std::string, EventBuilder*, std::less<>> by_name_;
};

}  // namespace qte::rules
