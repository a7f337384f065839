#include "trace/catalog.h"

#include <algorithm>

namespace qte::trace {
namespace {

bool IsText(const Argument& argument) {
  return argument.type.find("char") != std::string::npos;
}

bool SameVariant(const Declaration& a, const Declaration& b) {
  return a.format == b.format &&
         std::equal(a.arguments.begin(), a.arguments.end(), b.arguments.begin(), b.arguments.end(),
                    [](const Argument& x, const Argument& y) { return x.name == y.name && x.type == y.type; });
}

}  // namespace

std::optional<size_t> EventDeclaration::FindArgument(std::string_view wanted) const {
  auto found = std::find(arguments.begin(), arguments.end(), wanted);
  if (found == arguments.end()) return std::nullopt;
  return static_cast<size_t>(found - arguments.begin());
}

bool EventDeclaration::IsNumeric(std::string_view wanted) const {
  return std::any_of(variants.begin(), variants.end(), [&](const Variant& variant) {
    const std::vector<Argument>& list = variant.declaration.arguments;
    return std::any_of(list.begin(), list.end(),
                       [&](const Argument& argument) { return argument.name == wanted && !IsText(argument); });
  });
}

std::vector<Catalog::Problem> Catalog::Add(std::string_view text) {
  std::vector<Problem> problems;
  for (int number = 1; !text.empty(); ++number) {
    size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    size_t first = line.find_first_not_of(" \t\r");
    if (first == std::string_view::npos || line[first] == '#') continue;
    if (std::optional<Problem> problem = AddLine(line, number)) problems.push_back(std::move(*problem));
  }
  return problems;
}

std::optional<Catalog::Problem> Catalog::AddLine(std::string_view line, int number) {
  Result<Declaration> declaration = ParseDeclaration(line);
  if (!declaration) return Problem{number, declaration.error()};
  Result<FormatReader> reader = FormatReader::Compile(*declaration);
  if (!reader) return Problem{number, declaration->name + ": " + reader.error()};
  ++declarations_;
  auto [place, added] = by_name_.try_emplace(declaration->name, events_.size());
  if (added) events_.push_back({declaration->name, {}, {}});
  EventDeclaration& event = events_[place->second];
  for (const Variant& variant : event.variants) {
    if (SameVariant(variant.declaration, *declaration)) return std::nullopt;
  }
  for (const Argument& argument : declaration->arguments) {
    if (!event.FindArgument(argument.name)) event.arguments.push_back(argument.name);
  }
  event.variants.push_back({std::move(*declaration), std::move(*reader)});
  return std::nullopt;
}

const EventDeclaration* Catalog::Find(std::string_view name) const {
  auto found = by_name_.find(std::string(name));
  return found == by_name_.end() ? nullptr : &events_[found->second];
}

std::vector<std::string_view> Catalog::Names() const {
  std::vector<std::string_view> names;
  names.reserve(events_.size());
  for (const EventDeclaration& event : events_) names.push_back(event.name);
  return names;
}

bool IsGlob(std::string_view pattern) {
  return pattern.find_first_of("*?") != std::string_view::npos;
}

bool GlobMatches(std::string_view pattern, std::string_view name) {
  size_t p = 0;
  size_t n = 0;
  size_t star = std::string_view::npos;
  size_t star_name = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_name = n;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++star_name;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace qte::trace
