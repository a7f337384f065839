#include "config/document.h"

#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <sstream>
#include <string>

#include "config/raw_text.h"
#include "config/tree_builder.h"

namespace qte::config {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

std::string_view LineOf(std::string_view text, size_t offset) {
  size_t begin = text.rfind('\n', std::min(offset, text.size()));
  begin = begin == std::string_view::npos ? 0 : begin + 1;
  return text.substr(begin, text.find('\n', begin) - begin);
}

// What a person does wrong most often, told in words that do not take knowing YAML's grammar.
std::string Remedy(std::string_view text, const YAML::Exception& error, const TreeBuilder& builder) {
  if (std::optional<Position> open = builder.OpenBracket()) {
    return "; the bracket in line " + std::to_string(open->line) + ", column " + std::to_string(open->column) +
           " is still open (text with brackets needs quotes)";
  }
  if (error.msg.starts_with("unknown escape")) return "; in single quotes a backslash is a backslash";
  std::string_view line = LineOf(text, static_cast<size_t>(std::max(error.mark.pos, 1) - 1));
  std::string_view indent = line.substr(0, line.find_first_not_of(" \t"));
  if (indent.find('\t') != std::string_view::npos) return "; indent by blanks, not by tabs";
  return {};
}

void Run(const std::string& text, TreeBuilder& builder, Report& report) {
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Refusal& refusal) {
    report.Add(refusal.at, refusal.message);
  } catch (const YAML::Exception& error) {
    Position at = error.mark.is_null() ? Position{} : Position{error.mark.line + 1, error.mark.column + 1};
    report.Add(at, "not valid YAML: " + error.msg + Remedy(text, error, builder));
  } catch (const std::exception& error) {
    report.Add(Position{}, std::string("not valid YAML: ") + error.what());
  }
}

}  // namespace

std::optional<YamlNode> ReadDocument(std::string_view text, Report& report) {
  if (text.size() > kMaxConfigBytes) {
    report.Add(Position{}, "a config may hold at most " + std::to_string(kMaxConfigBytes >> 20) + " MiB");
    return std::nullopt;
  }
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (!CheckCharacters(text, report)) return std::nullopt;
  // The newline at the end makes yaml-cpp hand on an unclosed quote, which then gets a message with its beginning.
  std::string whole(text);
  whole += '\n';
  TreeBuilder builder(whole, report);
  Run(whole, builder, report);
  std::optional<YamlNode> root = builder.Take();
  if (!root && report.empty()) root = YamlNode{};
  return root;
}

}  // namespace qte::config
