// The small parts of a rule, compiled one by one: templates, constants, conditions.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/program.h"

namespace qte::rules {

// Gives the slot of an argument by name, of which a text or also a number is wanted; kNoSlot where the event does not
// have it.
using SlotFinder = std::function<Slot(std::string_view, ArgumentUse)>;

// Compiles a template whose arguments the event has.
Template CompileTemplate(std::string_view text, const SlotFinder& slot_of);

// Compiles conditions. One on an argument that the event lacks has kNoSlot: it never holds, and must not be evaluated.
std::vector<ConditionPlan> CompileConditions(const std::vector<config::Condition>& conditions,
                                             const SlotFinder& slot_of);

// Compiles a rule's labels. An alternative whose arguments the event lacks is left out.
LabelSetPlan CompileLabels(const std::vector<config::Label>& labels, const std::vector<LookupPlan>& lookups,
                           const SlotFinder& slot_of);

// A scalar of the config as text and, where it reads as one, as a number: decimal, 0x hexadecimal, or real.
Constant ParseConstant(std::string_view text);

// -1, 0 or 1 as `value` is below, equal to or above the constant, compared as numbers; integers exactly.
int Compare(const trace::Value& value, const trace::Value& constant);

bool Holds(const ConditionPlan& condition, const trace::Value& value);
bool HoldsAll(const std::vector<ConditionPlan>& conditions, const Values& values);

// Orders rules so that those with the same conditions follow each other, and marks them.
void PutSameConditionsTogether(std::vector<RulePlan>& rules);

}  // namespace qte::rules
