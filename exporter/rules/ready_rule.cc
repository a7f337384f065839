#include "rules/ready_rule.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "config/names.h"

namespace qte::rules {
namespace {

using trace::EventDeclaration;

// Names of arguments that are numbers of bytes.
constexpr std::array<std::string_view, 4> kByteCounts = {"bytes", "nbytes", "len", "length"};

// "{dev: dev, name: name}", or empty if there is nothing to show. Texts are mostly names. Numbers are addresses,
// offsets and data, which are not suitable as labels.
std::string Labels(const EventDeclaration& event) {
  std::string labels;
  for (const std::string& argument : event.arguments) {
    if (event.IsNumeric(argument)) continue;
    std::string label = config::WrongLabelName(argument) ? argument + "_name" : argument;
    labels += (labels.empty() ? "{" : ", ") + label + ": " + argument;
  }
  return labels.empty() ? labels : labels + "}";
}

}  // namespace

std::string ReadyRule(const EventDeclaration& event) {
  std::string labels = Labels(event);
  auto rule = [&](std::string_view suffix, const std::string& help, std::string_view value) {
    // Use the whole name of the event, even if it is qemu_x or x_total, because QEMU may also have an event x.
    std::string text = "  - name: qemu_" + event.name + std::string(suffix) + "\n    type: counter\n    help: " + help +
                       "\n    event: " + event.name + '\n';
    if (!value.empty()) text += "    value: " + std::string(value) + '\n';
    if (!labels.empty()) text += "    labels: " + labels + '\n';
    return text;
  };
  std::string text = rule("_total", "Trace events " + event.name + ".", {});
  auto bytes = std::find_if(kByteCounts.begin(), kByteCounts.end(),
                            [&](std::string_view name) { return event.FindArgument(name) && event.IsNumeric(name); });
  if (bytes != kByteCounts.end()) text += rule("_bytes_total", "Bytes reported by " + event.name + ".", *bytes);
  return text;
}

}  // namespace qte::rules
