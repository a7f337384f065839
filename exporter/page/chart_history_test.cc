#include "page/chart_history.h"

#include <algorithm>
#include <map>
#include <memory>

#include "catch.h"
#include "metrics/family_for_test.h"

using namespace qte;
using metrics::Type;
using page::Chart;
using page::ChartHistory;

namespace {

const Chart& ChartOf(std::string_view id) {
  auto charts = ChartHistory::Charts();
  return *std::find_if(charts.begin(), charts.end(), [&](const Chart& chart) { return chart.id == id; });
}

// A counter of several guests, by hand.
class Metric {
 public:
  Metric(std::string name, std::vector<std::string> labels)
      : spec_{std::move(name), "help", Type::kCounter, std::move(labels), {}} {}

  void Add(const std::string& vm, const std::string& device, double value) {
    Guest& guest = guests_[vm];
    if (guest.family == nullptr) {
      guest.family = std::make_unique<metrics::FamilyForTest>(spec_);
      guest.base = BaseOf(vm);
    }
    std::vector<std::string_view> values;
    if (!spec_.label_names.empty()) values.push_back(device);
    (*guest.family)->Add(guest.family->Find(values), value);
  }
  std::vector<metrics::FamilySnapshot> Take() const {
    std::vector<metrics::FamilySnapshot> families;
    for (const auto& [vm, guest] : guests_) families.push_back(guest.family->Take(guest.base));
    return families;
  }

 private:
  // All families of a guest have the same labels.
  static std::shared_ptr<const metrics::Labels> BaseOf(const std::string& vm) {
    static std::map<std::string, std::shared_ptr<const metrics::Labels>> bases;
    auto& base = bases[vm];
    if (base == nullptr) base = std::make_shared<const metrics::Labels>(metrics::Labels{{"host", "h"}, {"vm", vm}});
    return base;
  }
  struct Guest {
    std::unique_ptr<metrics::FamilyForTest> family;
    std::shared_ptr<const metrics::Labels> base;
  };
  metrics::FamilySpec spec_;
  std::map<std::string, Guest> guests_;
};

std::vector<metrics::FamilySnapshot> Together(std::vector<metrics::FamilySnapshot> a,
                                              const std::vector<metrics::FamilySnapshot>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// Seconds after some moment.
ChartHistory::Clock::time_point At(double seconds) {
  return ChartHistory::Clock::time_point(std::chrono::hours(1)) +
         std::chrono::duration_cast<ChartHistory::Clock::duration>(std::chrono::duration<double>(seconds));
}

using Values = std::vector<std::optional<double>>;

}  // namespace

TEST_CASE("Rates are per source and device, and add up what other labels tell apart") {
  Metric reads("qemu_pci_config_reads_total", {"device"});
  ChartHistory history;
  CHECK(history.Times().empty());
  reads.Add("a", "nvme", 100);
  reads.Add("b", "nvme", 7);
  history.Sample(At(0), reads.Take());
  CHECK(history.SeriesOf(ChartOf("pci_reads")).empty());  // one point does not make a rate
  reads.Add("a", "nvme", 10);
  history.Sample(At(5), reads.Take());
  std::vector<ChartHistory::Series> series = history.SeriesOf(ChartOf("pci_reads"));
  REQUIRE(series.size() == 2);
  CHECK(series[0].source == "a");
  CHECK(series[0].device == "nvme");
  CHECK(series[0].values == Values{2.0});
  CHECK(series[1].source == "b");
  CHECK(series[1].values == Values{0.0});
  CHECK(history.SeriesOf(ChartOf("pci_writes")).empty());
}

TEST_CASE("A family that comes in parts, from several lanes, is one") {
  Metric one("qemu_pci_config_reads_total", {});
  Metric two("qemu_pci_config_reads_total", {});
  ChartHistory history;
  history.Sample(At(0), Together(one.Take(), two.Take()));
  one.Add("a", "", 5);
  two.Add("a", "", 10);
  two.Add("b", "", 20);
  history.Sample(At(5), Together(one.Take(), two.Take()));
  std::vector<ChartHistory::Series> series = history.SeriesOf(ChartOf("pci_reads"));
  REQUIRE(series.size() == 2);
  CHECK(series[0].values == Values{3.0});
  CHECK(series[1].values == Values{4.0});
}

TEST_CASE("Keys of a guest without a PS/2 keyboard are those that enter QEMU") {
  Metric ps2("qemu_keyboard_keystrokes_total", {});
  Metric input("qemu_input_keystrokes_total", {});
  ChartHistory history;
  ps2.Add("a", "", 1);
  history.Sample(At(0), Together(ps2.Take(), input.Take()));
  ps2.Add("a", "", 10);
  input.Add("a", "", 10);
  input.Add("b", "", 20);
  history.Sample(At(5), Together(ps2.Take(), input.Take()));
  std::vector<ChartHistory::Series> series = history.SeriesOf(ChartOf("keystrokes"));
  REQUIRE(series.size() == 2);
  CHECK(series[0].values == Values{2.0});
  CHECK(series[1].values == Values{4.0});
}

TEST_CASE("A point that is repeated says that nothing moved, and keeps the next rate right") {
  Metric keys("qemu_keyboard_keystrokes_total", {});
  ChartHistory history;
  history.Repeat(At(0));  // of nothing
  keys.Add("a", "", 5);
  history.Sample(At(0), keys.Take());
  for (int second = 5; second <= 1000; second += 5) history.Repeat(At(second));
  keys.Add("a", "", 10);
  history.Sample(At(1005), keys.Take());
  CHECK(history.Times().size() <= 61);
  std::vector<ChartHistory::Series> series = history.SeriesOf(ChartOf("keystrokes"));
  REQUIRE(series.size() == 1);
  CHECK(series[0].values.front() == 0.0);
  CHECK(series[0].values.back() == 2.0);
}

TEST_CASE("A rest is caught up on at its end, with the points that ticks would have made") {
  Metric keys("qemu_keyboard_keystrokes_total", {});
  ChartHistory ticked;
  ChartHistory rested;
  keys.Add("a", "", 5);
  for (ChartHistory* history : {&ticked, &rested}) history->Sample(At(0), keys.Take());
  for (int second = 5; second <= 1000; second += 5) ticked.Repeat(At(second));
  rested.Repeat(At(12));  // a page was open
  CHECK(rested.Times() == std::vector{At(5), At(10), At(12)});
  rested.Repeat(At(1000));
  CHECK(rested.Times().size() == ticked.Times().size());
  CHECK(rested.Times().back() == At(1000));
  keys.Add("a", "", 10);
  for (ChartHistory* history : {&ticked, &rested}) {
    history->Sample(At(1005), keys.Take());
    CHECK(history->SeriesOf(ChartOf("keystrokes"))[0].values.back() == 2.0);
    CHECK(history->SeriesOf(ChartOf("keystrokes"))[0].values[0] == 0.0);
  }
}

TEST_CASE("A mean is of what was observed in between; without anything there is none") {
  metrics::FamilyForTest family(
      {"qemu_block_read_duration_seconds", "help", Type::kHistogram, {"interface", "device"}, {1}});
  auto base = metrics::Vm("a");
  metrics::SeriesId id = family.Find({"ide", "disk.img"});
  family->Observe(id, 100);  // long ago
  ChartHistory history;
  history.Sample(At(0), {family.Take(base)});
  family->Observe(id, 0.5);
  family->Observe(id, 1.5);
  history.Sample(At(5), {family.Take(base)});
  history.Sample(At(10), {family.Take(base)});
  std::vector<ChartHistory::Series> series = history.SeriesOf(ChartOf("block_read_duration"));
  REQUIRE(series.size() == 1);
  CHECK(series[0].device == "disk.img");
  CHECK(series[0].values == Values{1.0, std::nullopt});
}

TEST_CASE("Points that are close together share the time over which a rate is made") {
  Metric keys("qemu_keyboard_keystrokes_total", {});
  ChartHistory history;
  for (int second = 0; second <= 10; ++second) {
    if (second % 5 == 1) keys.Add("a", "", 5);  // in bursts, one a second in the mean
    history.Sample(At(second), keys.Take());
  }
  std::vector<ChartHistory::Series> series = history.SeriesOf(ChartOf("keystrokes"));
  REQUIRE(series.size() == 1);
  for (size_t second = 5; second <= 10; ++second) CHECK(series[0].values[second - 1] == 1.0);
}

TEST_CASE("A counter that begins anew is a gap, and one that is gone ends") {
  ChartHistory history;
  auto sample = [&](double time, double value) {
    Metric keys("qemu_keyboard_keystrokes_total", {});
    if (value > 0) keys.Add("a", "", value);
    history.Sample(At(time), keys.Take());
  };
  sample(0, 50);
  sample(5, 60);
  sample(10, 10);
  sample(15, 20);
  sample(20, 0);
  std::vector<ChartHistory::Series> series = history.SeriesOf(ChartOf("keystrokes"));
  REQUIRE(series.size() == 1);
  CHECK(series[0].values == Values{2.0, std::nullopt, 2.0, std::nullopt});
}

TEST_CASE("Of many series the largest are kept, and the rest is one that has the rest") {
  Metric reads("qemu_pci_config_reads_total", {"device"});
  ChartHistory history;
  constexpr int kDevices = 1000;
  auto add = [&] {
    for (int i = 0; i < kDevices; ++i) reads.Add("a", "d" + std::to_string(i), i + 1);
  };
  add();
  history.Sample(At(0), reads.Take());
  add();
  history.Sample(At(5), reads.Take());
  std::vector<ChartHistory::Series> series = history.SeriesOf(ChartOf("pci_reads"));
  REQUIRE(series.size() == ChartHistory::kMostSeries + 1);
  CHECK(series.back().source == ChartHistory::kOthers);
  double sum = 0;
  for (const ChartHistory::Series& one : series) sum += *one.values.at(0);
  CHECK(sum == Approx(kDevices * (kDevices + 1) / 2 / 5.0));
  // One that grows past the largest is told apart from then on, and nothing is counted twice.
  reads.Add("a", "d0", 100000);
  history.Sample(At(10), reads.Take());
  series = history.SeriesOf(ChartOf("pci_reads"));
  sum = 0;
  for (const ChartHistory::Series& one : series) sum += one.values.at(1).value_or(0);
  CHECK(sum == Approx(100000 / 5.0));
}

TEST_CASE("What is older than the window goes") {
  Metric keys("qemu_keyboard_keystrokes_total", {});
  ChartHistory history;
  CHECK(history.IsDue(At(0)));
  for (int i = 0; i <= 400; ++i) {
    CHECK(history.IsDue(At(i)));
    keys.Add("a", "", 1);
    history.Sample(At(i), keys.Take());
    CHECK_FALSE(history.IsDue(At(i + 0.5)));
  }
  CHECK(history.Times().size() == 300);
  CHECK(history.Times().back() == At(400));
  CHECK(history.SeriesOf(ChartOf("keystrokes"))[0].values.size() == 300);
}

TEST_CASE("Names that are no UTF-8 become such, and a source without vm has all its labels") {
  metrics::FamilyForTest family({"qemu_dma_read_bytes_total", "help", Type::kCounter, {"device"}, {}});
  auto base = std::make_shared<const metrics::Labels>(metrics::Labels{{"host", "h"}, {"rack", "r\xff"}});
  metrics::SeriesId id = family.Find({"x\xff.img"});
  ChartHistory history;
  history.Sample(At(0), {family.Take(base)});
  family->Add(id, 10);
  history.Sample(At(5), {family.Take(base)});
  std::vector<ChartHistory::Series> series = history.SeriesOf(ChartOf("dma_read"));
  REQUIRE(series.size() == 1);
  CHECK(series[0].source == "h r\xef\xbf\xbd");
  CHECK(series[0].device == "x\xef\xbf\xbd.img");
  CHECK(series[0].values == Values{2.0});
}
