#include "commands/explain_summary.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <utility>

#include "base/printed.h"
#include "commands/event_uses.h"
#include "commands/help_layout.h"
#include "commands/line_feed.h"
#include "commands/recordings.h"
#include "commands/summary.h"
#include "commands/svg.h"
#include "commands/timeline.h"
#include "commands/trace_reader.h"
#include "guests/guests.h"
#include "joins/elapsed.h"
#include "trace/prefix.h"

namespace qte::commands {
namespace {

constexpr uint32_t kMostNames = 10'000;  // event names
constexpr size_t kMostUnused = 12;       // unused events listed by name
constexpr size_t kMostEvents = 40;       // rows of the table
constexpr size_t kMostRateLines = 7;     // lines in the chart of rates
constexpr size_t kMostLatencies = 4;     // charts of latencies

std::string Counted(uint64_t count, const std::string& what) {
  return Grouped(count) + ' ' + what + (count == 1 ? "" : "s");
}

// "qemu_block_* (14), qemu_keyboard_keycodes_total": groups metrics that share their first two words.
std::string Shortened(const std::set<std::string>& metrics) {
  std::map<std::string, std::vector<std::string>> by_words;
  for (const std::string& metric : metrics) {
    const size_t second = metric.find('_', metric.find('_') + 1);
    by_words[metric.substr(0, second)].push_back(metric);
  }
  std::string text;
  for (const auto& [words, group] : by_words) {
    text += text.empty() ? "" : ", ";
    text += group.size() == 1 ? group.front() : words + "_* (" + std::to_string(group.size()) + ')';
  }
  return text;
}

// Quotes for a shell, and removes control characters, which a terminal would interpret.
std::string Quoted(std::string_view text) {
  std::string quoted = "'";
  for (char c : text) {
    if (c == '\'') quoted += "'\\'";
    quoted += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  }
  return quoted + '\'';
}

std::string UtcText(int64_t time_us) {
  const std::time_t seconds = static_cast<std::time_t>(time_us / 1'000'000);
  std::tm parts{};
  std::array<char, 64> text{};
  if (gmtime_r(&seconds, &parts) == nullptr) return "?";
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts);
  return text.data();
}

std::string Padded(std::string text, size_t width) {
  if (text.size() < width) text.insert(0, width - text.size(), ' ');
  return text;
}

// The files of one VM.
class VmSummary {
 public:
  VmSummary(const LoadedConfig& loaded, const Recording& recording, const guests::SourceLabels& labels)
      : loaded_(loaded),
        labels_(recording.labels),
        guests_(loaded.program, labels, 1),
        feed_(guests_, [this](auto line) { Look(line); }) {
    for (const metrics::FamilySpec& family : loaded.program->families) {
      if (family.type == metrics::Type::kHistogram && family.name.find("_seconds") != std::string::npos) {
        latencies_.insert(family.name);
      }
    }
  }

  guests::Guests& guests() { return guests_; }
  LineFeed& feed() { return feed_; }

  void Finish() {
    Sample();
    events_ = guests_.SeenEvents();
    std::stable_sort(events_.begin(), events_.end(), [](const auto& a, const auto& b) { return a.count > b.count; });
  }
  void Print() const;
  ChartGroup Charts() const;

 private:
  using Lines = std::span<const trace::LineOpener::Opened>;

  void Look(Lines line);
  void Sample() {
    timeline_.Sample(guests_.TakeFamilies([this](std::string_view name) { return latencies_.contains(name); }));
  }
  std::string Title() const;
  double Seconds() const { return static_cast<double>(timeline_.end_us() - timeline_.begin_us()) / 1e6; }
  std::string FeedsText(const guests::SeenEvent& event) const {
    if (!event.declared) return "no rule: not declared";
    const std::set<std::string> metrics = MetricsFedBy(*loaded_.program, event.name);
    return metrics.empty() ? "no rule" : Shortened(metrics);
  }
  void PrintEvents() const;
  void PrintUnused() const;
  void PrintMissing() const;
  Chart RateChart() const;
  std::vector<Chart> LatencyCharts() const;

  const LoadedConfig& loaded_;
  const metrics::Labels labels_;
  guests::Guests guests_;
  LineFeed feed_;
  trace::NameTable names_;  // event names by the timeline's ids
  Timeline timeline_;
  std::set<std::string, std::less<>> latencies_;  // histograms of durations
  std::vector<guests::SeenEvent> events_;         // most frequent first
};

void VmSummary::Look(Lines line) {
  struct Event {
    uint32_t id;
    int64_t time_us;
  };
  std::vector<Event> events;
  for (const trace::LineOpener::Opened& opened : line) {
    if (!opened.is_event) continue;
    const trace::Prefix prefix = trace::FindPrefix(opened.line);
    const int64_t time_us = trace::ReadTime(opened.line, prefix);
    const std::string_view text = opened.line.substr(prefix.size);
    const std::string_view name = text.substr(0, text.find(' '));
    const uint32_t id = names_.size() < kMostNames ? names_.Add(name) : names_.Find(name);
    if (time_us != joins::kNoTime && id != trace::NameTable::kNone) events.push_back({id, time_us});
  }
  for (const Event& event : events) {
    if (timeline_.IsOver(event.time_us)) {
      feed_.HandOnBefore();
      Sample();
    }
    timeline_.Count(event.id, event.time_us);
  }
}

std::string VmSummary::Title() const {
  std::string title;
  for (const auto& [name, value] : labels_) title.append(title.empty() ? "" : ", ").append(name + "=\"" + value + '"');
  return title;
}

void VmSummary::Print() const {
  uint64_t count = 0;
  for (const guests::SeenEvent& event : events_) count += event.count;
  std::cout << Title() << ": " << Counted(guests_.lines(), "line") << ", " << Counted(count, "event") << " of "
            << Counted(events_.size(), "kind");
  if (timeline_.has_time()) std::cout << ", in " << SecondsText(Seconds()) << " from " << UtcText(timeline_.begin_us());
  std::cout << "\n\n";
  if (!events_.empty()) PrintEvents();
  PrintUnused();
  PrintMissing();
  if (!timeline_.has_time() && count > 0) {
    std::cout << WrapText(
                     "No event has a time, so there are no rates and no durations. Start QEMU with -msg timestamp=on.",
                     HelpWidth())
              << '\n';
  }
}

void VmSummary::PrintEvents() const {
  constexpr size_t kNumberWidth = 12;
  size_t name_width = 5;
  const size_t shown = std::min(events_.size(), kMostEvents);
  for (size_t i = 0; i < shown; ++i) name_width = std::max(name_width, events_[i].name.size());
  std::string header = "event";
  header.resize(name_width, ' ');
  std::cout << Padded("count", kNumberWidth) << Padded("a second", kNumberWidth) << "  " << header << "  feeds\n";
  for (size_t i = 0; i < shown; ++i) {
    const guests::SeenEvent& event = events_[i];
    const bool has_rate = timeline_.has_time() && Seconds() > 0;
    std::string name = event.name;
    name.resize(name_width, ' ');
    std::cout << Padded(Grouped(event.count), kNumberWidth)
              << Padded(has_rate ? RateText(static_cast<double>(event.count) / Seconds()) : "-", kNumberWidth) << "  "
              << name << "  " << FeedsText(event) << '\n';
  }
  if (events_.size() > shown) std::cout << "  and " << Counted(events_.size() - shown, "more kind") << '\n';
  std::cout << '\n';
}

// Prints events that no rule uses. They cost the guest time and the host disk space.
void VmSummary::PrintUnused() const {
  uint64_t all = 0;
  uint64_t unused = 0;
  std::string names;
  size_t kinds = 0;
  const guests::SeenEvent* first = nullptr;
  for (const guests::SeenEvent& event : events_) {
    all += event.count;
    if (event.used) continue;
    if (first == nullptr) first = &event;
    unused += event.count;
    if (++kinds <= kMostUnused) names.append(names.empty() ? "" : ", ").append(event.name);
  }
  if (first == nullptr) return;
  if (kinds > kMostUnused) names += " and " + std::to_string(kinds - kMostUnused) + " more";
  // Round down, so 100 % means all events.
  const auto percent = static_cast<uint64_t>(100.0 * static_cast<double>(unused) / static_cast<double>(all));
  std::cout << WrapText("No rule uses " + std::to_string(percent) + " % of the events: " + names +
                            ". Switch them off, or write a rule. This command prints one:",
                        HelpWidth())
            << "  qemu-trace-exporter explain " << Quoted(first->sample) << "\n\n";
}

// Prints metrics that no event of this log feeds, and the events that would feed them. A metric with at least one of
// its events in the log is not listed, because its other events may belong to devices that the VM does not have.
void VmSummary::PrintMissing() const {
  const rules::Program& program = *loaded_.program;
  std::set<std::string> seen;
  std::set<std::string> fed;
  for (const guests::SeenEvent& event : events_) {
    seen.insert(event.name);
    fed.merge(MetricsFedBy(program, event.name));
  }
  std::map<std::set<std::string>, std::string> events;  // by the metrics that they would feed
  for (const std::string& event : program.NeededEvents()) {
    if (seen.contains(event)) continue;
    std::set<std::string> moves;
    for (const std::string& metric : MetricsFedBy(program, event)) {
      if (!fed.contains(metric)) moves.insert(metric);
    }
    if (!moves.empty()) events[moves].append(events[moves].empty() ? "" : " ").append(event);
  }
  if (events.empty()) return;
  std::cout << "Worth switching on, for metrics that no event of this log moves:\n";
  for (const auto& [moves, names] : events) std::cout << LayOutEntries({{Shortened(moves), names}}, HelpWidth());
  std::cout << WrapText("`qemu-trace-exporter qemu-args` prints QEMU's options for all events that the config needs.",
                        HelpWidth())
            << '\n';
}

Chart VmSummary::RateChart() const {
  Chart chart{"Events a second", Chart::Unit::kPerSecond, {}};
  ChartLine all{"all", std::vector<double>(timeline_.steps())};
  for (const guests::SeenEvent& event : events_) {
    std::vector<double> rates = timeline_.RatesOf(names_.Find(event.name));
    if (rates.empty()) continue;
    for (size_t i = 0; i < rates.size(); ++i) all.values[i] += rates[i];
    if (chart.lines.size() < kMostRateLines) chart.lines.push_back({event.name, std::move(rates)});
  }
  if (chart.lines.size() > 1) chart.lines.push_back(std::move(all));
  return chart;
}

std::vector<Chart> VmSummary::LatencyCharts() const {
  std::vector<std::pair<uint64_t, Chart>> charts;
  for (const auto& [name, histogram] : timeline_.Histograms()) {
    uint64_t count = 0;
    Chart chart{name, Chart::Unit::kSeconds, {{"p50", {}}, {"p99", {}}}};
    for (const std::vector<uint64_t>& buckets : histogram.buckets) {
      for (uint64_t in_bucket : buckets) count += in_bucket;
      chart.lines[0].values.push_back(QuantileOf(0.5, histogram.bounds, buckets));
      chart.lines[1].values.push_back(QuantileOf(0.99, histogram.bounds, buckets));
    }
    if (count > 0) charts.emplace_back(count, std::move(chart));
  }
  std::stable_sort(charts.begin(), charts.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<Chart> most;
  for (auto& [count, chart] : charts) {
    if (most.size() < kMostLatencies) most.push_back(std::move(chart));
  }
  return most;
}

ChartGroup VmSummary::Charts() const {
  ChartGroup group{Title() + ", from " + UtcText(timeline_.begin_us()), timeline_.step_seconds(), {RateChart()}};
  for (Chart& chart : LatencyCharts()) group.charts.push_back(std::move(chart));
  return group;
}

// Reads the files of one VM like `replay`.
void Read(const LoadedConfig& loaded, const Recording& recording, const std::vector<std::string>& files,
          const std::vector<trace::LineOpener::Pin>& envelopes, VmSummary& vm, std::vector<Remarks>& remarks) {
  source::StreamId id = 0;
  for (size_t file : recording.files) {
    const source::StreamId before = std::exchange(id, static_cast<source::StreamId>(file + 1));
    vm.guests().Open(id, AbsolutePath(files[file]), recording.labels, before);
    vm.guests().Pin(id, envelopes[file]);
    vm.feed().Open(envelopes[file]);
    const TraceReading reading{.catalog = loaded.catalog.get(), .clock_offset = ClockOffsetOf(files[file])};
    TraceFacts facts;
    Status read = ReadTrace(
        files[file], [&](std::string_view bytes) { vm.feed().OnBytes(id, bytes); }, reading, &facts);
    vm.feed().OnEnd(id);
    remarks[file] = {{}, read ? "" : read.error(), facts.dropped_events};
    vm.guests().EndOfRecording(id);
  }
  vm.Finish();
}

int WritePicture(const std::vector<ChartGroup>& groups, const std::string& path) {
  if (groups.empty()) {
    std::cerr << "qemu-trace-exporter: " << path
              << ": no event has a time, so there is no picture; start QEMU with -msg timestamp=on\n";
    return kExitBadInput;
  }
  std::ofstream file(path);
  file << ToSvg(groups) << std::flush;
  if (file) return kExitFine;
  std::cerr << "qemu-trace-exporter: " << path << ": cannot write: " << std::strerror(errno) << '\n';
  return kExitBadInput;
}

}  // namespace

int ExplainSummary(const LoadedConfig& loaded, const std::vector<std::string>& files, const std::string& svg_path) {
  if (!CheckTraces(files)) return kExitBadInput;
  const guests::SourceLabels labels(loaded.config.sources);
  const auto envelopes = EnvelopesOf(loaded.config, labels, files);
  std::vector<Remarks> remarks(files.size());
  std::vector<ChartGroup> pictures;
  Summary summary;
  for (const Recording& recording : GroupByLabels(loaded.config, labels, files)) {
    VmSummary vm(loaded, recording, labels);
    Read(loaded, recording, files, envelopes, vm, remarks);
    summary.Add(vm.guests());
    Tell(vm.guests().TakeUnread(guests::FirstLines::Input::kHasEnded));
    vm.Print();
    ChartGroup charts = vm.Charts();
    if (!charts.charts.front().lines.empty()) pictures.push_back(std::move(charts));
  }
  for (const Remarks& each : remarks) summary.AddDropped(each.dropped_events);
  int exit_code = Tell(files, remarks);
  if (!svg_path.empty()) exit_code = std::max(exit_code, WritePicture(pictures, svg_path));
  std::cout.flush();
  std::cerr << summary.Text() << '\n';
  return std::cout.good() ? exit_code : kExitBadInput;
}

}  // namespace qte::commands
