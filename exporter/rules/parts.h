// Compiles the small parts of a rule: templates, constants, conditions.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/program.h"

namespace qte::rules {

// Finds the slot of an argument by name; kNoSlot if the event lacks it.
using SlotFinder = std::function<Slot(std::string_view, ArgumentUse)>;

// Compiles a template. The event must have all its arguments.
Template CompileTemplate(std::string_view text, const SlotFinder& slot_of);

// Compiles conditions. A condition on an argument that the event lacks has kNoSlot. It never holds and must not be
// evaluated.
std::vector<ConditionPlan> CompileConditions(const std::vector<config::Condition>& conditions,
                                             const SlotFinder& slot_of);

// Compiles a rule's labels. Omits alternatives with arguments that the event lacks.
LabelSetPlan CompileLabels(const std::vector<config::Label>& labels, const std::vector<LookupPlan>& lookups,
                           const SlotFinder& slot_of);

// A scalar of the config as text and, if possible, as a number: decimal, 0x hexadecimal, or real.
Constant ParseConstant(std::string_view text);

// Compares numbers: -1, 0 or 1 if `value` is below, equal to or above the constant. Integers are compared exactly.
int Compare(const trace::Value& value, const trace::Value& constant);

bool Holds(const ConditionPlan& condition, const trace::Value& value);
bool HoldsAll(const std::vector<ConditionPlan>& conditions, const Values& values);

// Orders rules so that those with the same conditions follow each other, and marks them.
void PutSameConditionsTogether(std::vector<RulePlan>& rules);

}  // namespace qte::rules
