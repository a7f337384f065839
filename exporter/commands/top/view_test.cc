#include "commands/top/view.h"

#include <algorithm>

#include "catch.h"
#include "commands/top/keys.h"
#include "commands/top/table.h"

namespace qte::commands::top {
namespace {

Latency LatencyOf(double seconds) {
  return {.count = 1, .sum = seconds, .up_to = {{seconds, 1}}};
}

// `count` VMs with two disks each; the last VM does most.
Activity Some(size_t count) {
  Activity activity{.seconds = 2, .is_exporters = true};
  for (size_t i = 0; i < count; ++i) {
    const std::string vm = "vm" + std::to_string(i);
    const auto busy = static_cast<double>(i);
    activity.vms.push_back({vm, {}, {.events = 1000 * busy, .reads = 20 * busy}});
    for (const char* disk : {"/images/a.raw", "/images/b.raw"}) {
      activity.disks.push_back({vm, disk, {.reads = 10 * busy, .read_bytes = 40960 * busy, .read = LatencyOf(0.004)}});
    }
  }
  return activity;
}

std::vector<std::string> Texts(const std::vector<Line>& lines) {
  std::vector<std::string> texts;
  for (const Line& line : lines) texts.push_back(line.text);
  return texts;
}

size_t Widest(const std::vector<Line>& lines) {
  size_t widest = 0;
  for (const Line& line : lines) widest = std::max(widest, WidthOf(line.text));
  return widest;
}

constexpr Screen kUsual{80, 24, Notation::kShort, true};

}  // namespace

TEST_CASE("top: numbers have three digits and a unit, or all digits and none") {
  using enum Notation;
  CHECK(RateText(0, kShort) == "0");
  CHECK(RateText(0.5, kShort) == "0.50");
  CHECK(RateText(12.34, kShort) == "12.3");
  CHECK(RateText(999.4, kShort) == "999");
  CHECK(RateText(999.9, kShort) == "1.00k");
  CHECK(RateText(12'345, kShort) == "12.3k");
  CHECK(RateText(1.5e6, kShort) == "1.50M");
  CHECK(RateText(12'345.678, kPlain) == "12345.68");
  CHECK(BytesText(1023, kShort) == "1023");
  CHECK(BytesText(1024, kShort) == "1.00K");
  CHECK(BytesText(5 * 1024 * 1024, kShort) == "5.00M");
  CHECK(BytesText(1'572'864, kPlain) == "1572864");
  CHECK(SecondsText(std::nullopt, kShort) == "-");
  CHECK(SecondsText(0.00085, kShort) == "850us");
  CHECK(SecondsText(0.00123, kShort) == "1.23ms");
  CHECK(SecondsText(0.9999, kShort) == "1.00s");
  CHECK(SecondsText(3.2, kShort) == "3.20s");
  CHECK(SecondsText(0.00085, kPlain) == "0.000850");
}

TEST_CASE("top: a table drops numbers, then cuts names") {
  const std::vector<Column> columns = {{"VM", Column::Kind::kName, 0, {"a-name-of-a-vm", "b"}},
                                       {"DISK", Column::Kind::kPath, 0, {"/images/some/disk.raw", "nvme0"}},
                                       {"LOW", Column::Kind::kNumber, 1, {"1", "22"}},
                                       {"HIGH", Column::Kind::kNumber, 2, {"333", "4"}}};
  CHECK(LayOutTable(columns, 0) == std::vector<std::string>{"VM             DISK                    LOW  HIGH",
                                                            "a-name-of-a-vm /images/some/disk.raw     1   333",
                                                            "b              nvme0                    22     4"});
  CHECK(LayOutTable(columns, 40) == std::vector<std::string>{"VM            DISK             LOW  HIGH",
                                                             "a-name-of-a.. ..ome/disk.raw     1   333",
                                                             "b             nvme0             22     4"});
  CHECK(LayOutTable(columns, 31) == std::vector<std::string>{"VM           DISK          HIGH",
                                                             "a-name-of-.. ..e/disk.raw   333",
                                                             "b            nvme0            4"});
  for (size_t width = 1; width < 60; ++width) {
    for (const std::string& line : LayOutTable(columns, width)) CHECK(line.size() <= std::max<size_t>(width, 4));
  }
}

TEST_CASE("top: names cannot control the terminal") {
  CHECK(Printable("a\x1b[2J\n\x7f"
                  "b") == "a?[2J??b");
  CHECK(Printable("\xc2\x9b"
                  "31m") == "?31m");
  CHECK(Printable("f\xc3\xbcr") == "f\xc3\xbcr");
  CHECK(Printable("\xff") == "\xef\xbf\xbd");
  CHECK(WidthOf("f\xc3\xbcr") == 3);
  CHECK(CutText("f\xc3\xbcnf-VMs", 6, Column::Kind::kName) == "f\xc3\xbcnf..");
  CHECK(CutText("f\xc3\xbcnf-VMs", 8, Column::Kind::kPath) == "f\xc3\xbcnf-VMs");
  CHECK(CutText("ab\xc3\xbc/x", 4, Column::Kind::kPath) == "../x");
}

TEST_CASE("top: the most busy come first, and the first VM is selected") {
  const auto lines = Texts(Draw(Some(3), {.source = "http://localhost:10177", .time = "14:05:03"}, kUsual));
  REQUIRE(lines.size() == 24);
  CHECK(lines[0] == "top 14:05:03  3 VMs, 6 disks, by requests  http://localhost:10177");
  CHECK(lines[1] == "3.00k events/s, 60.0 reads/s, 0 writes/s, 0 errors/s over 2.00s");
  CHECK(lines[3].starts_with("> vm2    2.00k   40.0"));
  CHECK(lines[5].starts_with("  vm0"));
  CHECK(lines[8].starts_with("vm2 /images/a.raw   20.0       0  80.0K      0"));
  CHECK(lines[23].starts_with("q quit"));
}

TEST_CASE("top: one VM alone has no column of its own in the table of disks") {
  const auto lines = Texts(Draw(Some(3), {.vm = "vm1"}, kUsual));
  CHECK_THAT(lines[0], ContainsSubstring("VM vm1, 2 disks"));
  CHECK(lines[3].starts_with("vm1 "));
  CHECK(lines[5].starts_with("DISK "));
  CHECK(lines[6].starts_with("/images/a.raw "));
  CHECK(IsOfVm({"rack1/vm1", {}, {}}, "vm1"));
  CHECK(!IsOfVm({"rack1/myvm1", {}, {}}, "vm1"));
}

TEST_CASE("top: every screen is filled and never exceeded, and shows the selected VM") {
  for (size_t count : {0, 1, 5, 60}) {
    for (size_t height : {8, 10, 24, 50}) {
      for (size_t width : {1, 20, 80, 200}) {
        CAPTURE(count, height, width);
        const View view{.selected = count > 3 ? "vm0" : ""};
        const auto lines = Draw(Some(count), view, {width, height, Notation::kShort, true});
        CHECK(lines.size() == height);
        CHECK(Widest(lines) <= width);
        if (count <= 3 || width < 20) continue;
        auto is_selected = [](const Line& line) { return line.style == Line::Style::kSelected; };
        const auto selected = std::find_if(lines.begin(), lines.end(), is_selected);
        if (height > 10) REQUIRE(selected != lines.end());
        if (selected != lines.end()) CHECK(selected->text.starts_with("> vm0"));
      }
    }
  }
}

TEST_CASE("top: keys of the table say which column sorts") {
  Activity activity;
  activity.vms = {{"a", {}, {.events = 5, .reads = 1, .read_bytes = 9, .errors = 1, .read = LatencyOf(0.1)}},
                  {"b", {}, {.events = 1, .reads = 5, .read_bytes = 1, .errors = 2, .read = LatencyOf(0.3)}},
                  {"c", {}, {.events = 3, .reads = 3, .read_bytes = 5, .errors = 0, .write = LatencyOf(0.2)}}};
  auto order = [&](SortKey key) {
    std::vector<Item> items = activity.vms;
    Sort(items, key);
    return items[0].vm + items[1].vm + items[2].vm;
  };
  CHECK(order(SortKey::kRequests) == "bca");
  CHECK(order(SortKey::kBytes) == "acb");
  CHECK(order(SortKey::kLatency) == "bca");
  CHECK(order(SortKey::kEvents) == "acb");
  CHECK(order(SortKey::kErrors) == "bac");
  CHECK(order(SortKey::kName) == "abc");
  for (std::string_view name : SortKeyNames()) CHECK(SortKeyNames()[static_cast<size_t>(SortKeyOf(name))] == name);
  CHECK(NextOf(SortKey::kName) == SortKey::kRequests);
}

TEST_CASE("top: without figures it says why") {
  CHECK_THAT(Texts(Draw({}, {}, kUsual))[1], ContainsSubstring("next update"));
  CHECK_THAT(Texts(Draw({}, {}, kUsual))[2], ContainsSubstring("No VM has written a trace event yet."));
  CHECK_THAT(Texts(Draw({}, {}, kUsual))[4], ContainsSubstring("No disk"));
  CHECK(Texts(DrawWaiting({}, kUsual, "read 3 of 5 bytes"))[2] == "read 3 of 5 bytes");
  const auto lines = Draw(Some(1), {.notice = "cannot read x"}, kUsual);
  CHECK(lines.back().text == "cannot read x");
  CHECK(lines.back().style == Line::Style::kAlert);
}

TEST_CASE("top: keys come as bytes and escape sequences") {
  std::string typed = "q sv\x1b[A\x1b[B\x1bOAz\x1b[1;5B\x1b[";
  std::vector<Key> keys;
  while (auto key = TakeKey(typed)) keys.push_back(*key);
  using enum Key;
  CHECK(keys == std::vector<Key>{kQuit, kPause, kSort, kVm, kUp, kDown, kUp, kOther, kDown});
  CHECK(typed == "\x1b[");  // its end has not come yet
  typed += "A";
  CHECK(TakeKey(typed) == kUp);
  CHECK(typed.empty());
}

}  // namespace qte::commands::top
