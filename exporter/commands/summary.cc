#include "commands/summary.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "base/printed.h"

namespace qte::commands {
namespace {

std::string Counted(uint64_t count, const std::string& what) {
  return Grouped(count) + ' ' + what + (count == 1 ? "" : "s");
}

}  // namespace

std::string DroppedText(uint64_t events) {
  return "QEMU dropped " + Counted(events, "event");
}

void Summary::Add(const guests::Guests& guests) {
  lines_ += guests.lines();
  has_match_rules_ = has_match_rules_ || guests.has_match_rules();
  for (size_t i = 0; i < unparsed_.size(); ++i) unparsed_[i] += guests.unparsed(static_cast<guests::Unparsed>(i));
  for (const guests::SeenEvent& event : guests.SeenEvents()) {
    if (!event.declared) continue;
    declared_ += event.count;
    kinds_.insert(event.name);
  }
}

// Incomplete lines are not in the other counts, so add them here.
uint64_t Summary::lines() const {
  return lines_ + unparsed_[static_cast<size_t>(guests::Unparsed::kPartialLine)];
}

uint64_t Summary::unread() const {
  return std::accumulate(unparsed_.begin(), unparsed_.end(), uint64_t{0});
}

std::string Summary::Text() const {
  const uint64_t read = lines() - std::min(lines(), unread());
  const uint64_t mismatches = unparsed_[static_cast<size_t>(guests::Unparsed::kFormatMismatch)];
  const uint64_t events = std::min(read, declared_ - std::min(declared_, mismatches));
  std::string text = Counted(lines(), "line") + ": " + Counted(events, "event");
  if (events > 0) text += " (" + Counted(kinds_.size(), "kind") + ')';
  // Without match rules, these are parts of lines that Docker or CRI has split.
  const char* others = has_match_rules_ ? " taken by match rules" : " joined to others";
  if (read > events) text += ", " + Grouped(read - events) + others;
  text += ReasonsText();
  if (dropped_ > 0) text += "; " + DroppedText(dropped_);
  return text;
}

// ", 104 not read: 100 not_an_event, 4 format_mismatch"
std::string Summary::ReasonsText() const {
  if (unread() == 0) return {};
  std::string text;
  std::vector<std::pair<uint64_t, std::string>> reasons;
  for (size_t i = 0; i < unparsed_.size(); ++i) {
    if (unparsed_[i] > 0) reasons.emplace_back(unparsed_[i], guests::NameOf(static_cast<guests::Unparsed>(i)));
  }
  std::stable_sort(reasons.begin(), reasons.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  text += ", " + Grouped(unread()) + " not read";
  const char* separator = ": ";
  for (const auto& [count, reason] : reasons) {
    text += std::exchange(separator, ", ") + Grouped(count) + ' ' + reason;
  }
  return text;
}

}  // namespace qte::commands
