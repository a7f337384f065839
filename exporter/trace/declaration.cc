#include "trace/declaration.h"

#include <optional>

namespace qte::trace {
namespace {

bool IsIdentifier(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool IsSpace(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

// A cursor over one line.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  void SkipSpace() {
    while (at_ < text_.size() && IsSpace(text_[at_])) ++at_;
  }
  bool AtEnd() const { return at_ == text_.size(); }
  char Peek() const { return AtEnd() ? '\0' : text_[at_]; }
  char Next() { return AtEnd() ? '\0' : text_[at_++]; }
  bool Take(char c) {
    if (Peek() != c) return false;
    ++at_;
    return true;
  }
  std::string_view Identifier() {
    size_t start = at_;
    while (at_ < text_.size() && IsIdentifier(text_[at_])) ++at_;
    return text_.substr(start, at_ - start);
  }
  // Text up to `end`, which is taken as well; nullopt where it does not come.
  std::optional<std::string_view> UpTo(char end) {
    size_t found = text_.find(end, at_);
    if (found == std::string_view::npos) return std::nullopt;
    std::string_view text = text_.substr(at_, found - at_);
    at_ = found + 1;
    return text;
  }
  Error Expected(std::string_view what) const {
    return Error{"expected " + std::string(what) + " at column " + std::to_string(at_ + 1)};
  }

 private:
  std::string_view text_;
  size_t at_ = 0;
};

std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

// "const char *name" -> {"const char *", "name"}.
std::optional<Argument> ParseArgument(std::string_view text) {
  text = Trim(text);
  size_t name = text.size();
  while (name > 0 && IsIdentifier(text[name - 1])) --name;
  std::string_view type = Trim(text.substr(0, name));
  if (type.empty() || name == text.size()) return std::nullopt;
  return Argument{std::string(type), std::string(text.substr(name))};
}

Status ParseArguments(std::string_view list, std::vector<Argument>& arguments) {
  list = Trim(list);
  if (list.empty() || list == "void") return {};
  while (true) {
    size_t comma = list.find(',');
    std::optional<Argument> argument = ParseArgument(list.substr(0, comma));
    if (!argument) return Error{"argument \"" + std::string(Trim(list.substr(0, comma))) + "\" has no type or no name"};
    arguments.push_back(std::move(*argument));
    if (comma == std::string_view::npos) return {};
    list.remove_prefix(comma + 1);
  }
}

// "PRIx64" -> "lx" as on 64-bit Linux. Only the conversion matters to readers; the length is kept for completeness.
std::optional<std::string> ExpandMacro(std::string_view macro) {
  if (macro == "TARGET_FMT_plx" || macro == "TARGET_FMT_lx") return "%lx";
  if (macro == "TARGET_FMT_ld") return "%ld";
  if (macro == "TARGET_FMT_lu") return "%lu";
  if (macro.size() < 5 || !macro.starts_with("PRI")) return std::nullopt;
  char conversion = macro[3];
  if (std::string_view("diuxXo").find(conversion) == std::string_view::npos) return std::nullopt;
  std::string_view width = macro.substr(4);
  bool is_long = width == "64" || width == "PTR" || width == "MAX";
  if (!is_long && width != "32" && width != "16" && width != "8") return std::nullopt;
  return (is_long ? "l" : "") + std::string(1, conversion);
}

// The inside of a string literal whose opening quote is taken.
Status ParseLiteral(Scanner& scan, std::string& format) {
  while (true) {
    if (scan.AtEnd()) return scan.Expected("closing \"");
    char c = scan.Next();
    if (c == '"') return {};
    if (c == '\\') {
      char escaped = scan.Next();
      c = escaped == 'n' ? '\n' : escaped == 't' ? '\t' : escaped == 'r' ? '\r' : escaped;
    }
    format += c;
  }
}

Status ParseFormat(Scanner& scan, std::string& format) {
  for (scan.SkipSpace(); !scan.AtEnd(); scan.SkipSpace()) {
    if (scan.Take('"')) {
      if (Status status = ParseLiteral(scan, format); !status) return status;
      continue;
    }
    std::string_view macro = scan.Identifier();
    if (macro.empty()) return scan.Expected("a format string");
    std::optional<std::string> conversion = ExpandMacro(macro);
    if (!conversion) return Error{"unknown format macro \"" + std::string(macro) + "\""};
    format += *conversion;
  }
  return {};
}

}  // namespace

Result<Declaration> ParseDeclaration(std::string_view line) {
  Scanner scan(line);
  Declaration declaration;
  bool vcpu = false;
  std::string_view word;
  while (true) {
    scan.SkipSpace();
    word = scan.Identifier();
    if (word.empty()) return scan.Expected("an event name");
    scan.SkipSpace();
    if (scan.Peek() == '(') break;
    if (word == "disable") {
      declaration.disabled = true;
    } else if (word == "vcpu") {
      vcpu = true;
    } else {
      return scan.Expected("'('");
    }
  }
  declaration.name = word;
  scan.Take('(');
  std::optional<std::string_view> list = scan.UpTo(')');
  if (!list) return scan.Expected("')'");
  if (vcpu) {
    declaration.arguments.push_back({"void *", "cpu"});
    declaration.format = "cpu=%p ";
  }
  if (Status status = ParseArguments(*list, declaration.arguments); !status) return Error{status.error()};
  if (declaration.arguments.size() > kMaxArguments) return Error{"more arguments than QEMU allows"};
  if (Status status = ParseFormat(scan, declaration.format); !status) return Error{status.error()};
  return declaration;
}

}  // namespace qte::trace
