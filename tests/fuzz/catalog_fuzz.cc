// The catalog: any text is a list of declarations and of problems, and what compiles reads any line.
//
// Input: a text in the grammar of trace-events-all, more or less.
#include "trace/catalog.h"

#include <algorithm>
#include <array>

#include "fuzz.h"

using namespace qte;
using fuzz::Require;

namespace {

size_t Variants(const trace::Catalog& catalog) {
  size_t count = 0;
  for (const trace::EventDeclaration& event : catalog.events()) count += event.variants.size();
  return count;
}

void CheckEvent(const trace::EventDeclaration& event, std::string_view line) {
  fuzz::Padded padded(line, '\n', '\n');
  std::string_view text = padded.text();
  Require(!event.variants.empty(), "an event has a variant");
  for (const trace::Variant& variant : event.variants) {
    Require(variant.declaration.name == event.name, "a variant has its event's name");
    Require(variant.declaration.arguments.size() <= trace::kMaxArguments, "arguments are few");
    for (const trace::Argument& argument : variant.declaration.arguments) {
      Require(event.FindArgument(argument.name).has_value(), "an argument of a variant is one of the event");
    }
    std::array<trace::Value, trace::kMaxArguments> values;
    bool reads = variant.reader.Read(text, values.data());
    Require(!reads || variant.reader.FirstMismatch(text) == text.size(), "FirstMismatch agrees with Read");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Alone alone(fuzz::View(data, size));
  std::string_view text = alone.text();
  trace::Catalog catalog;
  std::vector<trace::Catalog::Problem> problems = catalog.Add(text);
  int lines = 1 + static_cast<int>(std::count(text.begin(), text.end(), '\n'));
  for (const trace::Catalog::Problem& problem : problems) {
    Require(problem.line >= 1 && problem.line <= lines, "a problem is in a line that is there");
    Require(!problem.message.empty(), "a problem has words");
  }
  std::string_view rest = text;
  for (const trace::EventDeclaration& event : catalog.events()) {
    Require(catalog.Find(event.name) == &event, "an event is found by its name");
    CheckEvent(event, fuzz::TakeLine(rest));
    CheckEvent(event, text.substr(0, 64));
  }
  size_t variants = Variants(catalog);
  Require(catalog.Add(text).size() == problems.size(), "problems are the same twice");
  Require(Variants(catalog) == variants, "a variant that is there is not added");
  return 0;
}
