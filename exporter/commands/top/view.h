// What `top` shows: totals, a table of VMs and one of their disks, in lines that fit a screen.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "commands/top/activity.h"
#include "commands/top/numbers.h"

namespace qte::commands::top {

enum class SortKey { kRequests, kBytes, kLatency, kEvents, kErrors, kName };

// "requests"; the names in the order in which the key `s` goes through them.
const std::vector<std::string_view>& SortKeyNames();
SortKey SortKeyOf(std::string_view name);  // one of SortKeyNames
SortKey NextOf(SortKey key);

// Most first, then by name.
void Sort(std::vector<Item>& items, SortKey key);

struct View {
  SortKey sort = SortKey::kRequests;
  std::string vm{};        // the only one that is shown; empty: all
  std::string selected{};  // the VM that `v` would choose; empty: the first
  bool is_paused = false;
  std::string source{};  // what the figures are from
  std::string time{};    // of the figures: "14:05:03"
  std::string notice{};  // what is wrong, or empty
};

struct Screen {
  size_t width = 0;   // 0: as wide as needed
  size_t height = 0;  // 0: as high as needed
  Notation notation = Notation::kShort;
  bool has_keys = false;  // show them in the last line
};

struct Line {
  enum class Style { kPlain, kTitle, kSelected, kAlert, kFaint };
  std::string text;
  Style style = Style::kPlain;
};

// True if an item is of the VM that a user names: "vm1" is "rack1/vm1", too.
bool IsOfVm(const Item& item, std::string_view name);

// The VM that `selected` means in this order: itself, or the first if it is not there. `step` goes up or down from it.
std::string Selected(const Activity& activity, const View& view, int step);

std::vector<Line> Draw(Activity activity, const View& view, const Screen& screen);
// Drawn in place of the tables until the first figures arrive.
std::vector<Line> DrawWaiting(const View& view, const Screen& screen, const std::string& why);

}  // namespace qte::commands::top
