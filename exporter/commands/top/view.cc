#include "commands/top/view.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "commands/top/table.h"

namespace qte::commands::top {
namespace {

constexpr std::string_view kKeys = "q quit  s sort  up/down select  v one VM  space pause";

double Requests(const Figures& figures) {
  return figures.reads + figures.writes;
}

double KeyValue(const Figures& figures, SortKey key) {
  switch (key) {
    case SortKey::kRequests:
      return Requests(figures);
    case SortKey::kBytes:
      return figures.read_bytes + figures.written_bytes;
    case SortKey::kLatency:
      return std::max(figures.read.Quantile(0.99).value_or(0), figures.write.Quantile(0.99).value_or(0));
    case SortKey::kEvents:
      return figures.events;
    case SortKey::kErrors:
      return figures.errors;
    case SortKey::kName:
      break;
  }
  return 0;
}

// A column of numbers, the same for VMs and disks.
struct NumberColumn {
  const char* title;
  int importance;
  std::string (*text)(const Figures& figures, Notation notation);
};

template <double Figures::*kFigure>
std::string Rate(const Figures& figures, Notation notation) {
  return RateText(figures.*kFigure, notation);
}
template <double Figures::*kFigure>
std::string Bytes(const Figures& figures, Notation notation) {
  return BytesText(figures.*kFigure, notation);
}
template <Latency Figures::*kFigure>
std::string P99(const Figures& figures, Notation notation) {
  return SecondsText((figures.*kFigure).Quantile(0.99), notation);
}
template <Latency Figures::*kFigure>
std::string Mean(const Figures& figures, Notation notation) {
  return SecondsText((figures.*kFigure).Mean(), notation);
}
std::string InFlight(const Figures& figures, Notation) {
  return std::to_string(static_cast<long long>(figures.in_flight));
}

// Events and keys are of VMs alone.
const std::vector<NumberColumn> kOfVms = {{"EVENTS/s", 8, Rate<&Figures::events>}};
const std::vector<NumberColumn> kOfVmsLast = {{"KEYS/s", 1, Rate<&Figures::keystrokes>}};
const std::vector<NumberColumn> kOfBoth = {
    {"READ/s", 10, Rate<&Figures::reads>},
    {"WRITE/s", 10, Rate<&Figures::writes>},
    {"RD-B/s", 9, Bytes<&Figures::read_bytes>},
    {"WR-B/s", 9, Bytes<&Figures::written_bytes>},
    {"RD-p99", 7, P99<&Figures::read>},
    {"WR-p99", 7, P99<&Figures::write>},
    {"QUEUE", 5, InFlight},
    {"ERR/s", 6, Rate<&Figures::errors>},
    {"FLUSH/s", 4, Rate<&Figures::flushes>},
    {"FL-p99", 3, P99<&Figures::flush>},
    {"RD-avg", 2, Mean<&Figures::read>},
    {"WR-avg", 2, Mean<&Figures::write>},
    {"UNMAP/s", 2, Rate<&Figures::unmaps>},
};

void AddNumbers(const std::vector<NumberColumn>& numbers, const std::vector<Item>& items, Notation notation,
                bool has_rates, std::vector<Column>& columns) {
  for (const NumberColumn& number : numbers) {
    Column column{number.title, Column::Kind::kNumber, number.importance, {}};
    for (const Item& item : items) column.cells.push_back(has_rates ? number.text(item.figures, notation) : "-");
    columns.push_back(std::move(column));
  }
}

Column NameColumn(const char* title, Column::Kind kind, const std::vector<Item>& items, std::string Item::*name) {
  Column column{title, kind, 0, {}};
  for (const Item& item : items) column.cells.push_back(item.*name);
  return column;
}

// Rows from `first` on, `count` of them; where some are left out, their number takes the place of one.
struct Window {
  size_t first = 0;
  size_t count = 0;
  size_t left_out = 0;
};

Window WindowOf(size_t rows, size_t most, size_t selected) {
  if (rows <= most) return {0, rows, 0};
  const size_t count = most > 1 ? most - 1 : 0;
  return {selected < count ? 0 : selected + 1 - count, count, rows - count};
}

std::vector<Item> RowsOf(const std::vector<Item>& items, const Window& window) {
  const auto first = items.begin() + static_cast<std::ptrdiff_t>(window.first);
  return {first, first + static_cast<std::ptrdiff_t>(window.count)};
}

std::string Count(size_t number, const char* what) {
  return std::to_string(number) + ' ' + what + (number == 1 ? "" : "s");
}

// The lines as they come into being.
class Drawing {
 public:
  Drawing(const View& view, const Screen& screen) : view_(view), screen_(screen) {}

  void Add(const std::string& text, Line::Style style = Line::Style::kPlain) {
    const std::string printable = Printable(text);
    // A line that wraps would move all others.
    lines_.push_back({screen_.width == 0 ? printable : CutText(printable, screen_.width, Column::Kind::kName), style});
  }
  void AddHead(const std::string& counts) {
    Add("top " + view_.time + "  " + counts + ", by " + std::string(SortKeyNames()[static_cast<size_t>(view_.sort)]) +
        (view_.is_paused ? "  PAUSED" : "") + "  " + view_.source);
  }
  void AddTotals(const Activity& activity);
  void AddVms(const Activity& activity, size_t most);
  void AddDisks(const Activity& activity, size_t most);
  std::vector<Line> End();

 private:
  void AddTable(std::vector<Column> columns, const Window& window, std::optional<size_t> selected);

  const View& view_;
  const Screen& screen_;
  std::vector<Line> lines_;
};

void Drawing::AddTotals(const Activity& activity) {
  if (activity.seconds <= 0) return Add("The first rates come with the next update.");
  Figures all;
  for (const Item& vm : activity.vms) all += vm.figures;
  const Notation notation = screen_.notation;
  std::string text = RateText(all.events, notation) + " events/s, " + RateText(all.reads, notation) + " reads/s, " +
                     RateText(all.writes, notation) + " writes/s, " + RateText(all.errors, notation) +
                     " errors/s over " + SecondsText(activity.seconds, notation);
  if (activity.unread_bytes > 0) text += "; " + BytesText(activity.unread_bytes, notation) + "B unread";
  Add(text);
}

void Drawing::AddTable(std::vector<Column> columns, const Window& window, std::optional<size_t> selected) {
  const std::vector<std::string> lines = LayOutTable(std::move(columns), screen_.width);
  for (size_t i = 0; i < lines.size(); ++i) {
    const bool is_selected = selected && i == *selected + 1;
    Add(lines[i], i == 0 ? Line::Style::kTitle : is_selected ? Line::Style::kSelected : Line::Style::kPlain);
  }
  if (window.left_out > 0) Add("  ... " + std::to_string(window.left_out) + " more", Line::Style::kFaint);
}

void Drawing::AddVms(const Activity& activity, size_t most) {
  if (activity.vms.empty()) return Add("No VM has written a trace event yet.");
  // Where there is one VM there is nothing to choose.
  const bool is_choice = screen_.has_keys && view_.vm.empty();
  const std::string name = Selected(activity, view_, 0);
  auto is_selected = [&](const Item& vm) { return vm.vm == name; };
  const auto at =
      static_cast<size_t>(std::find_if(activity.vms.begin(), activity.vms.end(), is_selected) - activity.vms.begin());
  const Window window = WindowOf(activity.vms.size(), most, at);
  std::vector<Item> rows = RowsOf(activity.vms, window);
  for (Item& row : rows) {
    if (is_choice) row.vm.insert(0, row.vm == name ? "> " : "  ");
  }
  std::vector<Column> columns = {NameColumn(is_choice ? "  VM" : "VM", Column::Kind::kName, rows, &Item::vm)};
  const bool has_rates = activity.seconds > 0;
  for (const auto* numbers : {&kOfVms, &kOfBoth, &kOfVmsLast}) {
    AddNumbers(*numbers, rows, screen_.notation, has_rates, columns);
  }
  AddTable(std::move(columns), window, is_choice ? std::optional(at - window.first) : std::nullopt);
}

void Drawing::AddDisks(const Activity& activity, size_t most) {
  if (activity.disks.empty()) {
    return Add("No disk has had a request. `qemu-trace-exporter qemu-args` prints the QEMU options that trace them.");
  }
  const Window window = WindowOf(activity.disks.size(), most, 0);
  const std::vector<Item> rows = RowsOf(activity.disks, window);
  std::vector<Column> columns;
  if (view_.vm.empty()) columns.push_back(NameColumn("VM", Column::Kind::kName, rows, &Item::vm));
  columns.push_back(NameColumn("DISK", Column::Kind::kPath, rows, &Item::disk));
  AddNumbers(kOfBoth, rows, screen_.notation, activity.seconds > 0, columns);
  AddTable(std::move(columns), window, std::nullopt);
}

// A notice, or what the keys do, in the last line of the screen.
std::vector<Line> Drawing::End() {
  if (!screen_.has_keys) {
    if (!view_.notice.empty()) Add(view_.notice, Line::Style::kAlert);
    return std::move(lines_);
  }
  lines_.resize(std::max<size_t>(screen_.height, 1) - 1);
  Add(view_.notice.empty() ? std::string(kKeys) : view_.notice,
      view_.notice.empty() ? Line::Style::kFaint : Line::Style::kAlert);
  return std::move(lines_);
}

// How many rows of VMs and of disks there is room for: each table gets what the other leaves, VMs at least a third.
std::pair<size_t, size_t> ShareRows(size_t vms, size_t disks, size_t height) {
  if (height == 0) return {vms, disks};
  constexpr size_t kOtherLines = 6;  // two of the head, two of titles, a blank one, the last one
  const size_t rows = height > kOtherLines + 2 ? height - kOtherLines : 2;
  const size_t left_by_disks = rows > disks ? rows - disks : 0;
  const size_t vm_rows = std::clamp<size_t>(std::max(rows / 3, left_by_disks), 1, std::max<size_t>(vms, 1));
  return {vm_rows, rows - vm_rows};
}

void KeepVm(std::vector<Item>& items, const std::string& vm) {
  std::erase_if(items, [&](const Item& item) { return !IsOfVm(item, vm); });
}

}  // namespace

const std::vector<std::string_view>& SortKeyNames() {
  static const std::vector<std::string_view> names = {"requests", "bytes", "latency", "events", "errors", "name"};
  return names;
}

SortKey SortKeyOf(std::string_view name) {
  const auto& names = SortKeyNames();
  return static_cast<SortKey>(std::find(names.begin(), names.end(), name) - names.begin());
}

SortKey NextOf(SortKey key) {
  return static_cast<SortKey>((static_cast<size_t>(key) + 1) % SortKeyNames().size());
}

void Sort(std::vector<Item>& items, SortKey key) {
  struct Ranked {
    double value;
    Item item;
  };
  std::vector<Ranked> ranked;
  for (Item& item : items) {
    const double value = KeyValue(item.figures, key);
    ranked.push_back({value, std::move(item)});
  }
  auto comes_first = [](const Ranked& a, const Ranked& b) {
    return std::forward_as_tuple(-a.value, a.item.vm, a.item.disk) <
           std::forward_as_tuple(-b.value, b.item.vm, b.item.disk);
  };
  std::sort(ranked.begin(), ranked.end(), comes_first);
  std::transform(ranked.begin(), ranked.end(), items.begin(), [](Ranked& each) { return std::move(each.item); });
}

bool IsOfVm(const Item& item, std::string_view name) {
  return item.vm == name ||
         (item.vm.size() > name.size() && item.vm.ends_with(name) && item.vm[item.vm.size() - name.size() - 1] == '/');
}

std::string Selected(const Activity& activity, const View& view, int step) {
  if (activity.vms.empty()) return {};
  std::vector<Item> vms = activity.vms;
  Sort(vms, view.sort);
  auto found = std::find_if(vms.begin(), vms.end(), [&](const Item& vm) { return vm.vm == view.selected; });
  const auto at = found == vms.end() ? 0 : found - vms.begin();
  const auto last = static_cast<std::ptrdiff_t>(vms.size()) - 1;
  return vms[static_cast<size_t>(std::clamp<std::ptrdiff_t>(at + step, 0, last))].vm;
}

std::vector<Line> Draw(Activity activity, const View& view, const Screen& screen) {
  if (!view.vm.empty()) {
    KeepVm(activity.vms, view.vm);
    KeepVm(activity.disks, view.vm);
  }
  Sort(activity.vms, view.sort);
  Sort(activity.disks, view.sort);
  Drawing drawing(view, screen);
  drawing.AddHead((view.vm.empty() ? Count(activity.vms.size(), "VM") : "VM " + view.vm) + ", " +
                  Count(activity.disks.size(), "disk"));
  drawing.AddTotals(activity);
  const auto [vms, disks] = ShareRows(activity.vms.size(), activity.disks.size(), screen.height);
  drawing.AddVms(activity, vms);
  drawing.Add("");
  drawing.AddDisks(activity, disks);
  return drawing.End();
}

std::vector<Line> DrawWaiting(const View& view, const Screen& screen, const std::string& why) {
  Drawing drawing(view, screen);
  drawing.AddHead("waiting");
  drawing.Add("");
  drawing.Add(why);
  return drawing.End();
}

}  // namespace qte::commands::top
