#include "trace/bpftrace_probe.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <iterator>
#include <optional>

#include "trace/format_spec.h"

namespace qte::trace {
namespace {

constexpr size_t kMostArguments = 6;
constexpr size_t kMostTexts = 2;
constexpr unsigned kBitsPerByte = 8;
constexpr unsigned kIntBytes = 4;
constexpr unsigned kPointerBytes = 8;

struct TypeInfo {
  unsigned bytes = 0;  // 0: unknown
  bool is_signed = false;
};

// A type without qualifiers, on a 64-bit host.
TypeInfo InfoOf(std::string_view type) {
  struct Known {
    std::string_view name;
    TypeInfo info;
  };
  static constexpr Known kTypes[] = {
      {"bool", {1, false}},
      {"char", {1, true}},
      {"signed char", {1, true}},
      {"unsigned char", {1, false}},
      {"int8_t", {1, true}},
      {"uint8_t", {1, false}},
      {"int16_t", {2, true}},
      {"uint16_t", {2, false}},
      {"short", {2, true}},
      {"unsigned short", {2, false}},
      {"int", {4, true}},
      {"unsigned", {4, false}},
      {"unsigned int", {4, false}},
      {"int32_t", {4, true}},
      {"uint32_t", {4, false}},
      {"long", {8, true}},
      {"unsigned long", {8, false}},
      {"long long", {8, true}},
      {"int64_t", {8, true}},
      {"unsigned long long", {8, false}},
      {"uint64_t", {8, false}},
      {"size_t", {8, false}},
      {"ssize_t", {8, true}},
      {"uintptr_t", {8, false}},
      {"intptr_t", {8, true}},
  };
  if (type.find('*') != std::string_view::npos) return {kPointerBytes, false};
  if (constexpr std::string_view kConst = "const "; type.starts_with(kConst)) type.remove_prefix(kConst.size());
  const auto* known =
      std::find_if(std::begin(kTypes), std::end(kTypes), [type](const Known& entry) { return entry.name == type; });
  return known == std::end(kTypes) ? TypeInfo{} : known->info;
}

std::string Cast(unsigned bytes, bool is_signed) {
  return (is_signed ? "(int" : "(uint") + std::to_string(bytes * kBitsPerByte) + ')';
}

std::string NumberOf(size_t argument) {
  return "arg" + std::to_string(argument);
}

// A script has integers of 64 bits. C cuts an argument to its type, widens it to int, and cuts it to what the
// conversion takes.
std::string IntegerExpression(const Argument& argument, size_t index, const FormatSpec& spec) {
  TypeInfo type = InfoOf(argument.type);
  if (type.bytes == 0) type = {spec.integer_bytes, spec.letter == 'd' || spec.letter == 'i'};
  const unsigned printed = spec.integer_bytes;
  if (printed < type.bytes) return Cast(printed, type.is_signed) + NumberOf(index);
  const std::string value = Cast(type.bytes, type.is_signed) + NumberOf(index);
  return type.is_signed && type.bytes < printed ? Cast(printed, true) + value : value;
}

// What stands between the quotes of a script.
std::string Quoted(char c) {
  switch (c) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\t':
      return "\\t";
    case '\r':
      return "\\r";
    default:
      return {c};
  }
}

// The digits that a number has at least.
unsigned LeastDigits(const FormatSpec& spec) {
  if (spec.has_precision) return spec.precision;
  if (!spec.zero || spec.left || spec.takes_width) return 0;
  constexpr unsigned kBaseSize = 2;  // "0x"
  return spec.base && spec.width > kBaseSize ? spec.width - kBaseSize : spec.width;
}

std::string IntegerConversion(const FormatSpec& spec) {
  std::string text = spec.base && (spec.letter == 'x' || spec.letter == 'X') ? "0x%" : "%";
  if (unsigned digits = LeastDigits(spec); digits > 1) {
    text += '0' + std::to_string(digits);
  } else if (spec.width > 0 && !spec.zero) {
    text += (spec.left ? "-" : "") + std::to_string(spec.width);
  }
  if (spec.integer_bytes > kIntBytes) text += 'l';
  return text + (spec.letter == 'i' ? 'd' : spec.letter);
}

std::string PaddedConversion(const FormatSpec& spec) {
  std::string text = "%";
  if (spec.width > 0) text += (spec.left ? "-" : "") + std::to_string(spec.width);
  return text + spec.letter;
}

// Reads as what the conversion prints.
std::string StandIn(const FormatSpec& spec) {
  switch (spec.letter) {
    case 's':
    case 'c':
      return "-";
    case 'p':
      return "0x0";
    default:
      return std::string(std::max(LeastDigits(spec), 1U), '0');
  }
}

bool IsReal(char letter) {
  return letter == 'f' || letter == 'g' || letter == 'e';
}

// The printf of one event: its format, and the values for it.
class Printf {
 public:
  Printf(const Declaration& declaration, const WantsArgument& wants) : declaration_(declaration), wants_(wants) {}

  Status AddFormat(std::string_view format) {
    for (size_t at = 0; at < format.size();) {
      const bool is_conversion = IsConversion(format, at);
      const char c = format[at++];
      if (is_conversion) {
        Result<FormatSpec> spec = ParseFormatSpec(format, at);
        if (!spec) return Error{spec.error()};
        if (Status added = AddConversion(*spec); !added) return added;
        continue;
      }
      if (c != '%') {
        format_ += Quoted(c);
        continue;
      }
      ++at;  // "%%"
      Add("%c", std::to_string(int{'%'}));
    }
    return {};
  }

  const std::string& format() const { return format_; }
  const std::string& values() const { return values_; }
  // Names of the arguments that have a fixed text in their place.
  const std::vector<std::string>& fixed() const { return fixed_; }

 private:
  void Add(const std::string& conversion, const std::string& value) {
    format_ += conversion;
    values_ += ", " + value;
  }

  // Why an argument cannot be printed; null if it can.
  const char* Obstacle(size_t index, const FormatSpec& spec) const {
    if (index >= kMostArguments) return "bpftrace before 0.24 has no more than six arguments";
    if (IsReal(spec.letter)) return "probes have no real numbers";
    if (spec.letter == 's' && texts_ == kMostTexts) return "a probe has room for two strings";
    return nullptr;
  }

  Status AddConversion(const FormatSpec& spec) {
    const size_t index = next_ + spec.stars();
    if (index >= declaration_.arguments.size()) return Error{"more conversions than arguments"};
    next_ = index + 1;
    const Argument& argument = declaration_.arguments[index];
    const bool is_wanted = wants_(argument.name);
    const char* obstacle = Obstacle(index, spec);
    if (obstacle != nullptr && is_wanted) return Error{"needs its argument " + argument.name + ", and " + obstacle};
    if (obstacle != nullptr || (spec.letter == 's' && !is_wanted)) {
      format_ += StandIn(spec);
      fixed_.push_back(argument.name);
      return {};
    }
    switch (spec.letter) {
      case 's':
        ++texts_;
        Add(PaddedConversion(spec), TextExpression(index, spec));
        break;
      case 'p':
        Add("0x%lx", NumberOf(index));
        break;
      case 'c':
        Add(PaddedConversion(spec), "(uint8)" + NumberOf(index));
        break;
      default:
        Add(IntegerConversion(spec), IntegerExpression(argument, index, spec));
    }
    return {};
  }

  // What is printed by "%.*s" need not end in a NUL.
  static std::string TextExpression(size_t index, const FormatSpec& spec) {
    if (!spec.takes_precision) return "str(" + NumberOf(index) + ')';
    return "str(" + NumberOf(index) + ", (uint32)" + NumberOf(index - 1) + " + 1)";
  }

  const Declaration& declaration_;
  const WantsArgument& wants_;
  std::string format_;
  std::string values_;
  std::vector<std::string> fixed_;
  size_t next_ = 0;
  size_t texts_ = 0;
};

std::string Joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

Result<std::string> BpftraceProbe(const Declaration& declaration, const BpftraceTarget& target,
                                  const WantsArgument& wants) {
  Printf line(declaration, wants);
  if (Status added = line.AddFormat(FirstLineOf(declaration.format)); !added) return Error{added.error()};
  std::string text;
  if (!line.fixed().empty()) text += "// " + Joined(line.fixed()) + ": not needed, so a fixed text is printed\n";
  const std::string pid = std::to_string(target.replaced_pid);
  const bool is_replaced = target.replaced_pid != 0;
  text.append("usdt:").append(is_replaced ? "/proc/" + pid + "/exe" : "").append(":qemu:").append(declaration.name);
  if (is_replaced) text.append(" /pid == ").append(pid).append("/");
  text += "\n{\n  $t = nsecs + " + std::to_string(target.boot_ns) + ";\n  printf(\"%d@%lu.%06lu:";
  text.append(declaration.name).append(" ").append(line.format());
  text.append("\\n\", tid, $t / 1000000000, $t % 1000000000 / 1000").append(line.values()).append(");\n}\n");
  return text;
}

bool FitsProbe(const Declaration& declaration, const SdtProbe& probe) {
  return std::equal(declaration.arguments.begin(), declaration.arguments.end(), probe.sizes.begin(), probe.sizes.end(),
                    [](const Argument& argument, int size) {
                      const unsigned bytes = InfoOf(argument.type).bytes;
                      return bytes == 0 || static_cast<int>(bytes) == std::abs(size);
                    });
}

std::optional<uint64_t> LostEventsIn(std::string_view line) {
  constexpr std::string_view kBegin = "Lost ";
  constexpr std::string_view kEnd = " events";
  if (line.starts_with("Attach") && (line.ends_with(" probes...") || line.ends_with(" probe..."))) return 0;
  if (!line.starts_with(kBegin) || !line.ends_with(kEnd) || line.size() <= kBegin.size() + kEnd.size())
    return std::nullopt;
  const char* const end = line.data() + line.size() - kEnd.size();
  uint64_t count = 0;
  const auto [after, error] = std::from_chars(line.data() + kBegin.size(), end, count);
  if (error != std::errc() || after != end) return std::nullopt;
  return count;
}

}  // namespace qte::trace
