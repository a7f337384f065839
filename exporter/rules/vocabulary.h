// The events a config may speak of: QEMU's own from the catalog, and the derived ones of decoders and spans; and the
// plan that is being built for each that is used.
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

// An event under construction: its arguments by name, and a plan once something uses it.
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

  // The slot of an argument that is there, made on first use.
  Slot SlotOf(std::string_view argument, ArgumentUse use = ArgumentUse::kNumber);
  // The same, or kNoSlot for one that the event does not have.
  Slot FindSlot(std::string_view argument, ArgumentUse use = ArgumentUse::kNumber) {
    return HasArgument(argument) ? SlotOf(argument, use) : kNoSlot;
  }
  EventPlan& plan() {
    used_ = true;
    return plan_;
  }
  bool used() const { return used_; }
  // Makes the readers; the builder is done.
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

  // Makes a derived event known. False if the name is taken.
  bool AddDerived(std::string name, std::vector<std::string> arguments, std::vector<std::string> texts);

  // The event of this name, or null.
  EventBuilder* Find(std::string_view name);
  // All of QEMU's events that match a glob; derived events are named one by one.
  std::vector<EventBuilder*> FindGlob(std::string_view pattern);
  // `unknown event "x"; did you mean "y"?`, or where to find more declarations.
  std::string UnknownEvent(std::string_view name) const;
  // Every event something uses, QEMU's before derived ones.
  std::vector<EventBuilder*> Used();

 private:
  EventBuilder& Builder(const trace::EventDeclaration& declaration);

  const trace::Catalog& catalog_;
  std::deque<EventBuilder> builders_;
  std::map<std::string, EventBuilder*, std::less<>> by_name_;
};

}  // namespace qte::rules
