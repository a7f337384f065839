// The catalog: every trace event whose declaration is known, with all formats it had in the versions of QEMU at hand.
//
// In: texts in the grammar of trace-events-all, QEMU's own files first, the bundled one last. Out: events by name. An
// event may have several variants; readers try them in the order in which they were added. Built once when the config
// is read, constant afterwards.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "trace/declaration.h"
#include "trace/format.h"

namespace qte::trace {

struct Variant {
  Declaration declaration;
  FormatReader reader;  // with nothing selected
};

struct EventDeclaration {
  std::string name;
  std::vector<Variant> variants;       // at least one
  std::vector<std::string> arguments;  // names over all variants, in order of first appearance

  // Index into `arguments`, or nullopt.
  std::optional<size_t> FindArgument(std::string_view name) const;
  // False if the argument is text in every variant that has it.
  bool IsNumeric(std::string_view name) const;
};

class Catalog {
 public:
  // A declaration that cannot be read; its lines will count as undeclared.
  struct Problem {
    int line = 0;
    std::string message;
  };

  // Adds every declaration of `text`, and returns those that cannot be read. A variant that is there already is left
  // out.
  std::vector<Problem> Add(std::string_view text);

  const EventDeclaration* Find(std::string_view name) const;
  const std::vector<EventDeclaration>& events() const { return events_; }
  std::vector<std::string_view> Names() const;
  size_t declarations() const { return declarations_; }

 private:
  std::optional<Problem> AddLine(std::string_view line, int number);

  std::vector<EventDeclaration> events_;
  std::unordered_map<std::string, size_t> by_name_;
  size_t declarations_ = 0;
};

// Glob over event names: '*' any run, '?' any character.
bool GlobMatches(std::string_view pattern, std::string_view name);
// True if `pattern` holds a character that makes it a glob.
bool IsGlob(std::string_view pattern);

}  // namespace qte::trace
