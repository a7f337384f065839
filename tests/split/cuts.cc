#include "cuts.h"

#include <algorithm>
#include <set>

namespace qte::split {
namespace {

constexpr size_t kMostLate = 2000;

size_t LineStart(const std::string& trace, size_t at) {
  size_t newline = at == 0 ? std::string::npos : trace.rfind('\n', at - 1);
  return newline == std::string::npos ? 0 : newline + 1;
}

size_t RandomOffset(const std::string& trace, const std::set<size_t>& others, std::mt19937& random) {
  size_t at = 1 + random() % (trace.size() - 1);
  switch (random() % 6) {
    case 0:
      return LineStart(trace, at);
    case 1:
      return LineStart(trace, at) + random() % 30;
    case 2:
      return std::min(trace.find('\n', at), trace.size() - 1);
    case 3:
      if (others.empty()) return at;
      return *std::next(others.begin(), static_cast<std::ptrdiff_t>(random() % others.size())) + 1 + random() % 60;
    default:
      return at;
  }
}

Way RandomWay(bool is_link, std::mt19937& random) {
  if (is_link) return random() % 3 == 0 ? Way::kTruncate : Way::kSwitchLink;
  Way way = Way::kSwitchLink;
  while (way == Way::kSwitchLink) way = static_cast<Way>(random() % kWays);
  return way;
}

}  // namespace

std::vector<Cut> RandomCuts(const std::string& trace, size_t most, bool is_link, std::mt19937& random) {
  std::set<size_t> offsets;
  for (size_t count = 1 + random() % most; offsets.size() < count;) {
    size_t at = RandomOffset(trace, offsets, random);
    if (at > 0 && at < trace.size()) offsets.insert(at);
  }
  std::vector<Cut> cuts;
  for (auto at = offsets.begin(); at != offsets.end(); ++at) {
    Cut cut{*at, 0, RandomWay(is_link, random)};
    if (cut.way == Way::kRenameThenReopen || cut.way == Way::kRenameLateLines) {
      size_t next = std::next(at) == offsets.end() ? trace.size() : *std::next(at);
      cut.late = random() % (std::min(next - *at, kMostLate) + 1);
    }
    cuts.push_back(cut);
  }
  return cuts;
}

std::string ToText(const Cut& cut, const std::string& trace) {
  auto shown = [](std::string text) {
    std::replace(text.begin(), text.end(), '\n', '$');
    return text;
  };
  size_t before = std::min<size_t>(cut.at, 30);
  std::string text = "cut at " + std::to_string(cut.at) + ", " + NameOf(cut.way) + ": " +
                     shown(trace.substr(cut.at - before, before)) + "|" + shown(trace.substr(cut.at, 30));
  if (cut.late > 0) text += "\n    " + std::to_string(cut.late) + " bytes more reach the old file";
  return text;
}

}  // namespace qte::split
