#include "commands/top/activity.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <tuple>
#include <utility>

namespace qte::commands::top {
namespace {

// How a metric moves the figures of a VM or a disk.
struct CounterMetric {
  std::string_view name;
  double Figures::*figure;
};
constexpr std::array kCounters = {
    CounterMetric{"qemu_trace_events_total", &Figures::events},
    CounterMetric{"qemu_input_keystrokes_total", &Figures::keystrokes},
    CounterMetric{"qemu_block_reads_total", &Figures::reads},
    CounterMetric{"qemu_block_writes_total", &Figures::writes},
    CounterMetric{"qemu_block_flushes_total", &Figures::flushes},
    CounterMetric{"qemu_block_unmaps_total", &Figures::unmaps},
    CounterMetric{"qemu_block_read_bytes_total", &Figures::read_bytes},
    CounterMetric{"qemu_block_written_bytes_total", &Figures::written_bytes},
    CounterMetric{"qemu_block_errors_total", &Figures::errors},
};

struct HistogramMetric {
  std::string_view name;
  Latency Figures::*figure;
};
constexpr std::array kHistograms = {
    HistogramMetric{"qemu_block_read_duration_seconds", &Figures::read},
    HistogramMetric{"qemu_block_write_duration_seconds", &Figures::write},
    HistogramMetric{"qemu_block_flush_duration_seconds", &Figures::flush},
};

constexpr std::string_view kInFlight = "qemu_block_requests_in_flight";
constexpr std::string_view kUnread = "qemu_trace_exporter_source_lag_bytes";
constexpr std::string_view kBuildInfo = "qemu_trace_exporter_build_info";

// Labels that rules give. All others are the source's and tell which VM it is.
constexpr std::array<std::string_view, 5> kRuleLabels = {"device", "event", "interface", "le", "operation"};

std::string VmOf(const Sample& sample) {
  std::string others;
  std::string vm;
  for (const auto& [label, value] : sample.labels) {
    if (label == "vm") {
      vm = value;
    } else if (std::find(kRuleLabels.begin(), kRuleLabels.end(), label) == kRuleLabels.end()) {
      others += value + '/';
    }
  }
  if (vm.empty() && !others.empty()) others.pop_back();
  return others + vm;
}

void Divide(Figures& figures, double seconds) {
  for (const CounterMetric& metric : kCounters) figures.*metric.figure /= seconds;
}

// `part` is the end of the name: "_bucket", "_sum" or "_count".
void AddToHistogram(const Sample& sample, std::string_view part, double growth, Latency& latency) {
  if (part == "_sum") {
    latency.sum += growth;
  } else if (part == "_count") {
    latency.count += growth;
  } else if (const std::string* le = sample.Label("le")) {
    double bound = std::numeric_limits<double>::infinity();
    if (*le != "+Inf") std::from_chars(le->data(), le->data() + le->size(), bound);
    latency.up_to[bound] += growth;
  }
}

// VMs and disks while an answer is read, by what tells them apart.
class Items {
 public:
  // `growth` is by how much the series of a sample has grown.
  template <typename GrowthOf>
  void TakeLine(std::string_view line, const GrowthOf& growth, Activity& activity) {
    const std::string_view name = NameOfSample(line);
    auto has_name = [&](const auto& metric) { return metric.name == name; };
    auto begins_name = [&](const auto& metric) { return name.starts_with(metric.name); };
    const auto* counter = std::find_if(kCounters.begin(), kCounters.end(), has_name);
    const auto* histogram = std::find_if(kHistograms.begin(), kHistograms.end(), begins_name);
    const bool is_of_all = name == kUnread || name == kBuildInfo;
    if (counter == kCounters.end() && histogram == kHistograms.end() && name != kInFlight && !is_of_all) return;
    const std::optional<Sample> sample = ParseSample(line);
    if (!sample) return;
    if (name == kUnread) activity.unread_bytes += sample->value;
    if (name == kBuildInfo) activity.is_exporters = true;
    if (is_of_all) return;
    Figures& figures = Of(*sample);
    if (name == kInFlight) figures.in_flight = sample->value;
    if (counter != kCounters.end()) figures.*counter->figure += growth(*sample);
    if (histogram == kHistograms.end()) return;
    AddToHistogram(*sample, name.substr(histogram->name.size()), growth(*sample), figures.*histogram->figure);
    activity.has_durations = activity.has_durations || sample->value > 0;
  }

  void MoveTo(Activity& activity) {
    for (auto& [key, figures] : disks_) {
      if (activity.seconds > 0) Divide(figures, activity.seconds);
      activity.disks.push_back({std::get<0>(key), std::get<1>(key), figures});
    }
    for (auto& [vm, figures] : vms_) {
      if (activity.seconds > 0) Divide(figures, activity.seconds);
      activity.vms.push_back({vm, {}, std::move(figures)});
    }
    AddDisksToVms(activity);
  }

 private:
  Figures& Of(const Sample& sample) {
    const std::string* device = sample.Label("device");
    if (device == nullptr) return vms_[VmOf(sample)];
    const std::string* interface = sample.Label("interface");
    return disks_[{VmOf(sample), *device, interface != nullptr ? *interface : std::string()}];
  }

  static void AddDisksToVms(Activity& activity) {
    for (const Item& disk : activity.disks) {
      auto same = [&](const Item& vm) { return vm.vm == disk.vm; };
      auto vm = std::lower_bound(activity.vms.begin(), activity.vms.end(), disk.vm,
                                 [](const Item& item, const std::string& name) { return item.vm < name; });
      if (vm == activity.vms.end() || !same(*vm)) vm = activity.vms.insert(vm, {disk.vm, {}, {}});
      vm->figures += disk.figures;
    }
  }

  std::map<std::string, Figures> vms_;
  std::map<std::tuple<std::string, std::string, std::string>, Figures> disks_;
};

}  // namespace

std::optional<double> Latency::Quantile(double quantile) const {
  if (up_to.empty() || up_to.rbegin()->second <= 0) return std::nullopt;
  const double rank = quantile * up_to.rbegin()->second;
  double lower_bound = 0;
  double below = 0;
  for (const auto& [bound, at_most] : up_to) {
    if (at_most >= rank && at_most > below) {
      // Beyond the last bound nothing is known.
      if (bound == std::numeric_limits<double>::infinity()) return lower_bound;
      return lower_bound + (bound - lower_bound) * (rank - below) / (at_most - below);
    }
    lower_bound = bound;
    below = at_most;
  }
  return lower_bound;
}

std::optional<double> Latency::Mean() const {
  if (count <= 0) return std::nullopt;
  return sum / count;
}

Latency& Latency::operator+=(const Latency& other) {
  count += other.count;
  sum += other.sum;
  for (const auto& [bound, at_most] : other.up_to) up_to[bound] += at_most;
  return *this;
}

Figures& Figures::operator+=(const Figures& other) {
  for (const CounterMetric& metric : kCounters) this->*metric.figure += other.*metric.figure;
  for (const HistogramMetric& metric : kHistograms) this->*metric.figure += other.*metric.figure;
  in_flight += other.in_flight;
  return *this;
}

double ActivityMeter::Growth(const Sample& sample) {
  std::string series(sample.series);
  double growth = 0;
  if (before_at_) {
    auto before = before_.find(series);
    const bool continues = before != before_.end() && before->second <= sample.value;
    growth = continues ? sample.value - before->second : sample.value;
  }
  now_.emplace(std::move(series), sample.value);
  return growth;
}

Activity ActivityMeter::Read(std::string_view text, Clock::time_point at) {
  Activity activity;
  Items items;
  if (before_at_) activity.seconds = std::chrono::duration<double>(at - *before_at_).count();
  auto growth = [this](const Sample& sample) { return Growth(sample); };
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.starts_with("qemu_")) items.TakeLine(line, growth, activity);
  }
  items.MoveTo(activity);
  before_ = std::exchange(now_, {});
  before_at_ = at;
  return activity;
}

}  // namespace qte::commands::top
