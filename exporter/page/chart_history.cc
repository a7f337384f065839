#include "page/chart_history.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <tuple>
#include <unordered_map>

#include "base/hash.h"
#include "base/utf8.h"

namespace qte::page {
namespace {

using metrics::FamilySnapshot;
using Kind = Chart::Kind;

constexpr size_t kNoLabel = std::string::npos;

const std::vector<Chart>& AllCharts() {
  static const std::vector<Chart> charts = {
      {"keystrokes",
       "Keyboard and PCI",
       "Keystrokes",
       "1/s",
       Kind::kRate,
       {"qemu_keyboard_keystrokes_total", "qemu_input_keystrokes_total"},
       true},
      {"pci_reads", "Keyboard and PCI", "PCI config reads", "1/s", Kind::kRate, {"qemu_pci_config_reads_total"}},
      {"pci_writes", "Keyboard and PCI", "PCI config writes", "1/s", Kind::kRate, {"qemu_pci_config_writes_total"}},
      {"dma_read", "DMA", "Read by DMA", "B/s", Kind::kRate, {"qemu_dma_read_bytes_total"}},
      {"dma_written", "DMA", "Written by DMA", "B/s", Kind::kRate, {"qemu_dma_written_bytes_total"}},
      {"dma_transfers", "DMA", "DMA transfers", "1/s", Kind::kRate, {"qemu_dma_reads_total", "qemu_dma_writes_total"}},
      {"block_read", "Block devices", "Read", "B/s", Kind::kRate, {"qemu_block_read_bytes_total"}},
      {"block_written", "Block devices", "Written", "B/s", Kind::kRate, {"qemu_block_written_bytes_total"}},
      {"block_requests",
       "Block devices",
       "Requests",
       "1/s",
       Kind::kRate,
       {"qemu_block_reads_total", "qemu_block_writes_total", "qemu_block_flushes_total"}},
      {"block_read_duration",
       "Block devices",
       "Mean read latency",
       "s",
       Kind::kMean,
       {"qemu_block_read_duration_seconds"}},
      {"block_write_duration",
       "Block devices",
       "Mean write latency",
       "s",
       Kind::kMean,
       {"qemu_block_write_duration_seconds"}},
      {"block_errors", "Block devices", "Errors", "1/s", Kind::kRate, {"qemu_block_errors_total"}},
  };
  return charts;
}

// The `vm` of a source; of one that has none, all that it has.
std::string SourceName(const metrics::Labels& labels) {
  std::string all;
  for (const auto& [name, value] : labels) {
    if (name == "vm") return value;
    all += (all.empty() ? "" : " ") + value;
  }
  return all;
}

double CountOf(const FamilySnapshot& family, size_t series) {
  size_t width = family.spec->bounds.size() + 1;
  if (family.bucket_counts.size() < (series + 1) * width) return 0;
  auto begin = family.bucket_counts.begin() + static_cast<std::ptrdiff_t>(series * width);
  return static_cast<double>(std::accumulate(begin, begin + static_cast<std::ptrdiff_t>(width), uint64_t{0}));
}

size_t LabelIndex(const FamilySnapshot& family, std::string_view label) {
  const std::vector<std::string>& names = family.spec->label_names;
  auto found = std::find(names.begin(), names.end(), label);
  return found == names.end() ? kNoLabel : static_cast<size_t>(found - names.begin());
}

// The identity of a series, without a text of its own as long as the snapshot is there.
struct Who {
  const metrics::Labels* source = nullptr;
  std::string_view device;
  bool operator==(const Who&) const = default;
};
struct WhoHash {
  size_t operator()(const Who& who) const {
    return HashBytesAndNumber(who.device, reinterpret_cast<uintptr_t>(who.source));
  }
};

}  // namespace

ChartHistory::Value& ChartHistory::Value::operator+=(const Value& other) {
  sum += other.sum;
  count += other.count;
  return *this;
}

std::span<const Chart> ChartHistory::Charts() {
  return AllCharts();
}

bool ChartHistory::Wants(std::string_view family) {
  static const std::set<std::string_view> wanted = [] {
    std::set<std::string_view> names;
    for (const Chart& chart : AllCharts()) names.insert(chart.families.begin(), chart.families.end());
    return names;
  }();
  return wanted.contains(family);
}

bool ChartHistory::IsDue(Clock::time_point now) const {
  return points_.empty() || now - points_.back().time >= kLeastStep;
}

void ChartHistory::Sample(Clock::time_point now, const std::vector<FamilySnapshot>& families) {
  Point point{now, {}};
  for (const Chart& chart : Charts()) point.charts.push_back(SumsOf(chart, families));
  Append(std::move(point));
}

void ChartHistory::Repeat(Clock::time_point now) {
  if (points_.empty()) return;
  Clock::time_point next = std::max(points_.back().time, now - kWindow - kStep) + kStep;
  for (; next < now; next += kStep) Append({next, points_.back().charts});
  if (IsDue(now)) Append({now, points_.back().charts});
}

void ChartHistory::Append(Point point) {
  const Clock::time_point now = point.time;
  points_.push_back(std::move(point));
  // One point older than the window stays: the first rate needs it.
  while (points_.size() > 2 && now - points_[1].time >= kWindow) points_.pop_front();
  std::erase_if(names_, [](const auto& entry) { return entry.second.expired(); });
}

ChartHistory::Sums ChartHistory::SumsOf(const Chart& chart, const std::vector<FamilySnapshot>& families) {
  Sums sums;
  std::unordered_map<Who, Value, WhoHash> values;
  for (const FamilySnapshot& family : families) {
    if (std::find(chart.families.begin(), chart.families.end(), family.spec->name) == chart.families.end()) continue;
    size_t device = LabelIndex(family, "device");
    for (size_t i = 0; i < family.series_count(); ++i) {
      metrics::LabelValues labels = family.LabelsOf(i);
      Value value{family.values[i], chart.kind == Kind::kMean ? CountOf(family, i) : 0};
      if (value.sum == 0) continue;  // series that exist from the start, and of disks that rest
      Value& known = values[{family.base.get(), device == kNoLabel ? "" : labels[device]}];
      if (chart.is_largest) value.sum = std::max(value.sum - known.sum, 0.0);  // what it adds
      known += value;
      sums.all += value;
    }
  }
  std::vector<std::pair<Who, Value>> largest(values.begin(), values.end());
  size_t most = std::min(largest.size(), kMostSeries);
  std::partial_sort(largest.begin(), largest.begin() + static_cast<std::ptrdiff_t>(most), largest.end(),
                    [](const auto& a, const auto& b) {
                      if (a.second.sum != b.second.sum) return a.second.sum > b.second.sum;
                      return std::tie(*a.first.source, a.first.device) < std::tie(*b.first.source, b.first.device);
                    });
  sums.has_rest = largest.size() > most;
  largest.resize(most);
  for (const auto& [who, value] : largest) {
    Name name{SourceName(*who.source), std::string(who.device)};
    MakeValidUtf8(name.first);
    MakeValidUtf8(name.second);
    sums.of[Intern(std::move(name))] += value;
  }
  return sums;
}

std::shared_ptr<const ChartHistory::Name> ChartHistory::Intern(Name name) {
  std::weak_ptr<const Name>& known = names_[name];
  std::shared_ptr<const Name> shared = known.lock();
  if (shared == nullptr) known = shared = std::make_shared<const Name>(std::move(name));
  return shared;
}

std::vector<ChartHistory::Clock::time_point> ChartHistory::Times() const {
  std::vector<Clock::time_point> times;
  for (size_t i = 1; i < points_.size(); ++i) times.push_back(points_[i].time);
  return times;
}

const ChartHistory::Point& ChartHistory::Before(size_t index) const {
  size_t before = index - 1;
  while (before > 0 && points_[index].time - points_[before].time < kRateOver) --before;
  return points_[before];
}

std::vector<ChartHistory::Series> ChartHistory::SeriesOf(const Chart& chart) const {
  std::map<Name, std::vector<std::optional<double>>> by_name;
  std::vector<std::optional<double>> rest;
  bool has_rest = false;
  const auto index = static_cast<size_t>(&chart - Charts().data());
  const size_t width = points_.empty() ? 0 : points_.size() - 1;
  for (size_t i = 0; i < width; ++i) {
    const Point& from = Before(i + 1);
    const Point& to = points_[i + 1];
    const Sums& before = from.charts[index];
    const Sums& after = to.charts[index];
    double seconds = std::chrono::duration<double>(to.time - from.time).count();
    auto shown = [&](Value grown) -> std::optional<double> {
      if (grown.sum < 0 || grown.count < 0) return std::nullopt;
      if (chart.kind == Kind::kRate) return grown.sum / seconds;
      return grown.count > 0 ? std::optional(grown.sum / grown.count) : std::nullopt;
    };
    Value others = after.all - before.all;
    for (const auto& [name, value] : after.of) {
      std::vector<std::optional<double>>& values = by_name[*name];
      values.resize(width);
      auto known = before.of.find(name);
      // A series that was not among the largest before, or not there at all, has grown by an unknown amount.
      if (known == before.of.end() && before.has_rest) continue;
      Value grown = known == before.of.end() ? value : value - known->second;
      values[i] = shown(grown);
      others = others - grown;
    }
    has_rest |= after.has_rest;
    rest.push_back(after.has_rest ? shown(others) : std::nullopt);
  }
  std::vector<Series> series;
  for (auto& [name, values] : by_name) series.push_back({name.first, name.second, std::move(values)});
  if (has_rest) series.push_back({std::string(kOthers), "", std::move(rest)});
  return series;
}

}  // namespace qte::page
