// Shows how the event of an explained line changes lookups and spans, and what they contain.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "rules/program.h"
#include "rules/process.h"
#include "trace/value.h"

namespace qte::commands {

// The arguments of a line by their names.
using Arguments = std::map<std::string, trace::Value, std::less<>>;

// Look records the state of a process before it reads the line. Print compares it with the state after the line.
class JoinsOfLine {
 public:
  // `plan` is the plan of the line's event. `time_us` is INT64_MIN if the line has no time. Keeps references.
  JoinsOfLine(const rules::Program& program, const rules::EventPlan& plan, const Arguments& arguments, int64_t time_us);

  void Look(const rules::Process& before);
  void Print(const rules::Process& after, std::ostream& out) const;

 private:
  struct OpenSpan {
    int64_t start_us = 0;
    std::string kept;
  };

  trace::Value ValueOf(rules::Slot slot) const;
  std::string Key(const std::vector<rules::Slot>& slots) const;
  std::string Show(const std::vector<rules::Slot>& slots) const;
  std::string KeptByStart(uint32_t span, const std::vector<trace::Value>& values) const;
  void PrintLearned(const rules::LookupFeed& feed, const rules::Process& after, std::ostream& out) const;
  void PrintEmptyLabels(std::ostream& out) const;
  void PrintLabels(const rules::Process& after, std::ostream& out) const;
  void PrintStart(size_t feed, const rules::Process& after, std::ostream& out) const;
  void PrintEnd(size_t feed, const rules::Process& after, std::ostream& out) const;

  const rules::Program& program_;
  const rules::EventPlan& plan_;
  const Arguments& arguments_;
  int64_t time_us_;
  std::vector<std::optional<OpenSpan>> open_;  // for each span feed of the event: the span that was open before
};

}  // namespace qte::commands
