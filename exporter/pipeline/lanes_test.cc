// Any number of lanes gives the numbers of one, and goes on from the state of any other number.
#include "pipeline/lanes.h"

#include <set>

#include "base/thread_team.h"
#include "pipeline/moment.h"
#include "pipeline/pipeline_for_test.h"
#include "state/checkpoint.h"

namespace qte::pipeline {
namespace {

using Values = std::map<std::string, double>;

constexpr const char* kKeys =
    "sources: [{path: /unused}]\n"
    "metrics: [{name: keys_total, type: counter, help: x, event: ps2_put_keycode, labels: {code: keycode}}]\n"
    "limits: {max_series_per_metric: 4, expire_after: 1h}\n";

std::shared_ptr<const rules::Program> Compile(const std::string& yaml) {
  config::Loaded loaded = config::Parse(yaml, "test.yaml");
  REQUIRE(loaded.config.has_value());
  rules::Compiled compiled = rules::Compile(*loaded.config, BundledCatalog());
  REQUIRE(compiled.program != nullptr);
  return compiled.program;
}

std::unique_ptr<Lanes> MakeLanes(const std::string& yaml, size_t count) {
  return std::make_unique<Lanes>(Compile(yaml), SourceLabels({}), count);
}

void Feed(Lanes& lanes, source::StreamId id, std::string text) {
  size_t size = text.size();
  text.append(source::kReadPadding, '\xEE');
  lanes.OnBytes(id, std::string_view(text).substr(0, size));
}

std::string Key(const std::string& code) {
  return "ps2_put_keycode 0x55 keycode 0x" + code + "\n";
}

// Every number of a snapshot by its series, with source labels; those of one series add up.
Values ValuesOf(const metrics::Snapshot& snapshot) {
  Values values;
  for (const metrics::FamilySnapshot& family : snapshot.families) {
    size_t buckets = family.spec->type == metrics::Type::kHistogram ? family.spec->bounds.size() + 1 : 0;
    for (size_t i = 0; i < family.series_count(); ++i) {
      std::string series = family.spec->name;
      for (const auto& [name, value] : *family.LabelsOf(i).base) series += "," + value;
      for (std::string_view value : family.LabelsOf(i).values) series += "," + std::string(value);
      values[series] += family.values[i];
      for (size_t b = 0; b < buckets; ++b) {
        values[series + " " + std::to_string(b)] += static_cast<double>(family.bucket_counts[i * buckets + b]);
      }
    }
  }
  for (const metrics::CountsSnapshot& counts : snapshot.counts) {
    counts.ForEach([&](const metrics::Labels& base, uint32_t id, uint64_t count) {
      std::string series = counts.name + "," + std::string(counts.name_of(id));
      for (const auto& [name, value] : base) series += "," + value;
      values[series] += static_cast<double>(count);
    });
  }
  for (const metrics::PlainFamily& family : snapshot.plain) {
    // Of one lane it is the last event's, of several the latest.
    if (family.name == "qemu_trace_exporter_last_event_timestamp_seconds") continue;
    for (const auto& series : family.series) {
      std::string name = family.name;
      for (const auto& [label, value] : series.labels) name += "," + value;
      CHECK(!values.contains(name));
      values[name] = series.value;
    }
  }
  return values;
}

std::map<source::StreamId, std::string> Traces() {
  std::map<source::StreamId, std::string> traces;
  for (const char* name : {"ide-raw-7.2.log", "keys-7.2.log", "nvme-7.2.log", "virtio-scsi-7.2.log"}) {
    std::string text = ReadFile(std::string("tests/data/traces/") + name);
    text.resize(std::min<size_t>(text.size(), 150'000));
    traces.emplace(static_cast<source::StreamId>(traces.size() + 1), std::move(text));
  }
  return traces;
}

void Open(Lanes& lanes, const std::map<source::StreamId, std::string>& traces) {
  for (const auto& [id, text] : traces) lanes.OnOpen(id, 0, "/log/vm" + std::to_string(id) + ".log");
}

// The part of each trace between two points, each lane on its own thread.
void FeedPart(Lanes& lanes, const std::map<source::StreamId, std::string>& traces, double from, double to) {
  ThreadTeam team;
  team.Run(traces.size(), [&](size_t lane) {
    for (const auto& [id, text] : traces) {
      if (lanes.LaneOf(id) != lane) continue;
      auto begin = static_cast<size_t>(static_cast<double>(text.size()) * from);
      auto end = static_cast<size_t>(static_cast<double>(text.size()) * to);
      for (size_t at = begin; at < end; at += 10'000)
        Feed(lanes, id, text.substr(at, std::min<size_t>(10'000, end - at)));
    }
  });
}

Resumption ThroughFile(const Lanes& lanes, const std::map<source::StreamId, std::string>& traces) {
  Moment moment;
  moment.pipelines = lanes.Save();
  for (const auto& [id, text] : traces) moment.positions.streams.push_back({.id = id, .path = "/log/vm.log"});
  Result<nlohmann::json> payload = state::DecodeCheckpoint(state::EncodeCheckpoint(ToJson(std::move(moment))));
  REQUIRE(payload);
  return ResumptionFromJson(*payload);
}

TEST_CASE("lanes: any number of them counts the same, on as many threads") {
  std::map<source::StreamId, std::string> traces = Traces();
  auto one = MakeLanes(DefaultConfig(), 1);
  Open(*one, traces);
  FeedPart(*one, traces, 0, 1);
  Values want = ValuesOf(one->TakeSnapshot());
  CHECK(want.size() > 200);
  for (size_t count : {2, 3, 4}) {
    auto lanes = MakeLanes(DefaultConfig(), count);
    Open(*lanes, traces);
    std::set<size_t> used;
    for (const auto& [id, text] : traces) used.insert(lanes->LaneOf(id));
    CHECK(used.size() == count);
    FeedPart(*lanes, traces, 0, 1);
    CHECK(ValuesOf(lanes->TakeSnapshot()) == want);
    CHECK(lanes->lines() == one->lines());
    CHECK(lanes->series_count() == one->series_count());
    std::map<std::string, uint64_t> seen;
    for (const SeenEvent& event : lanes->SeenEvents()) seen[event.name] = event.count;
    for (const SeenEvent& event : one->SeenEvents()) CHECK(seen.at(event.name) == event.count);
  }
}

TEST_CASE("lanes: a checkpoint of any number of them is taken up by any other, and by a reload") {
  std::map<source::StreamId, std::string> traces = Traces();
  auto whole = MakeLanes(DefaultConfig(), 1);
  Open(*whole, traces);
  FeedPart(*whole, traces, 0, 1);
  Values want = ValuesOf(whole->TakeSnapshot());
  for (const auto& [before, after] : {std::pair(1, 2), std::pair(2, 1), std::pair(2, 4), std::pair(4, 3)}) {
    INFO(before << " to " << after);
    auto first = MakeLanes(DefaultConfig(), static_cast<size_t>(before));
    Open(*first, traces);
    FeedPart(*first, traces, 0, 0.437);
    Resumption resumption = ThroughFile(*first, traces);
    auto second = MakeLanes(DefaultConfig(), static_cast<size_t>(after));
    REQUIRE(second->Restore(resumption.pipeline, resumption.positions));
    std::set<size_t> used;
    for (const auto& [id, text] : traces) {
      second->OnOpen(id, 0, "/log/vm" + std::to_string(id) + ".log");
      used.insert(second->LaneOf(id));
    }
    // What was followed is spread again.
    CHECK(used.size() == static_cast<size_t>(after));
    FeedPart(*second, traces, 0.437, 0.7);
    auto third = MakeLanes(DefaultConfig(), static_cast<size_t>(before));
    third->Adopt(std::move(*second), {{1, 0}, {2, 0}});  // two keep their labels as they are
    FeedPart(*third, traces, 0.7, 1);
    CHECK(ValuesOf(third->TakeSnapshot()) == want);
  }
}

TEST_CASE("lanes: the JSON of a checkpoint does not tell how many there were") {
  std::map<source::StreamId, std::string> traces = Traces();
  auto of = [&](size_t count) {
    auto lanes = MakeLanes(DefaultConfig(), count);
    Open(*lanes, traces);
    FeedPart(*lanes, traces, 0, 0.3);
    nlohmann::json json = Pipeline::ToJson(lanes->Save());
    return std::pair(json.at("families").size(), json.at("streams").size());
  };
  CHECK(of(3) == of(1));
}

TEST_CASE("lanes: files with the same labels share a lane, whatever else there is") {
  auto lanes = MakeLanes(kKeys, 3);
  for (source::StreamId id = 0; id < 9; ++id) lanes->OnOpen(id, 0, "/log/vm" + std::to_string(id % 4) + ".log");
  for (source::StreamId id = 4; id < 9; ++id) CHECK(lanes->LaneOf(id) == lanes->LaneOf(id % 4));
  lanes->OnClose(0);
  lanes->OnClose(4);
  lanes->OnClose(8);
  size_t lane = lanes->LaneOf(1);
  lanes->OnOpen(10, 0, "/log/vm1.log");
  CHECK(lanes->LaneOf(10) == lane);
}

// As in a daemon that catches up on two busy logs, which were found in the order busy, quiet, busy, quiet.
TEST_CASE("lanes: busy sources are spread, and nothing of it shows in the numbers") {
  std::map<source::StreamId, std::string> traces = Traces();
  std::string busy;  // ends in the middle of a line
  while (busy.size() < 4'000'000) busy += traces.at(1);
  auto feed = [&](Lanes& lanes, int times) {
    for (int i = 0; i < times; ++i) {
      for (source::StreamId id : {1U, 3U}) Feed(lanes, id, busy);
      for (source::StreamId id : {2U, 4U}) Feed(lanes, id, traces.at(2).substr(0, 1'000));
      lanes.Balance();
    }
  };
  size_t max_series = GENERATE(1000, 3);
  const std::string config =
      DefaultConfig() + "\nlimits: {max_series_per_metric: " + std::to_string(max_series) + "}\n";
  auto one = MakeLanes(config, 1);
  auto lanes = MakeLanes(config, 2);
  for (Lanes* each : {one.get(), lanes.get()}) {
    Open(*each, traces);
    each->OnOpen(11, 0, "/log/vm1.log");  // of the same labels as a busy one
    Feed(*each, 11, traces.at(4));
    feed(*each, 1);
  }
  CHECK(lanes->LaneOf(1) == lanes->LaneOf(3));
  for (Lanes* each : {one.get(), lanes.get()}) feed(*each, 20);
  CHECK(lanes->LaneOf(1) != lanes->LaneOf(3));
  CHECK(lanes->LaneOf(11) == lanes->LaneOf(1));
  size_t lane = lanes->LaneOf(1);
  for (Lanes* each : {one.get(), lanes.get()}) {
    Feed(*each, 11, traces.at(4));
    feed(*each, 20);
  }
  CHECK(lanes->LaneOf(1) == lane);  // it stays where it is
  CHECK(ValuesOf(lanes->TakeSnapshot()) == ValuesOf(one->TakeSnapshot()));
  CHECK(lanes->series_count() == one->series_count());
  for (Lanes* each : {one.get(), lanes.get()}) each->OnClose(1);
  CHECK(ValuesOf(lanes->TakeSnapshot()) == ValuesOf(one->TakeSnapshot()));
}

TEST_CASE("lanes: limits hold for all of them together, and what expires in one is room for another") {
  auto lanes = MakeLanes(kKeys, 2);
  lanes->OnOpen(1, 0, "/log/a.log");
  lanes->OnOpen(2, 0, "/log/b.log");
  REQUIRE(lanes->LaneOf(1) != lanes->LaneOf(2));
  for (const char* code : {"01", "02", "03"}) {
    Feed(*lanes, 1, Key(code));
    Feed(*lanes, 2, Key(code));
  }
  Values values = ValuesOf(lanes->TakeSnapshot());
  CHECK(values.at("keys_total,a,01") + values.at("keys_total,b,01") + values.at("keys_total,a,02") +
            values.at("keys_total,b,02") ==
        4);
  CHECK(values.at("keys_total,_other_,_other_") == 2);
  CHECK(values.at("qemu_trace_exporter_series_overflow_total,keys_total") == 2);
  CHECK(values.at("qemu_trace_exporter_series") == 5);  // both lanes fold into one
  CHECK(lanes->series_count() == 5);

  Clock::Time now{std::chrono::hours(10)};
  lanes->ExpireIdle(now);
  Feed(*lanes, 2, Key("01"));
  CHECK(lanes->ExpireIdle(now + std::chrono::minutes(61)) == 2);
  Feed(*lanes, 2, Key("08") + Key("09"));
  values = ValuesOf(lanes->TakeSnapshot());
  CHECK(!values.contains("keys_total,a,01"));
  CHECK(values.at("keys_total,b,08") + values.at("keys_total,b,09") == 2);
}

TEST_CASE("lanes: logs of ever new names leave nothing behind beyond the limits") {
  auto lanes = MakeLanes(kKeys, 2);
  size_t most = 0;
  source::StreamId id = 0;
  for (int i = 0; i < 20'000; ++i) {
    lanes->OnOpen(++id, 0, "/log/" + std::to_string(i) + ".log");
    Feed(*lanes, id, Key("01"));
    if (i >= 10) lanes->OnClose(id - 10);
    most = std::max(most, lanes->source_count());
  }
  CHECK(most <= 1100);
  Values values = ValuesOf(lanes->TakeSnapshot());
  CHECK(values.at("keys_total,0,01") == 1);
  CHECK(values.at("keys_total,_other_,_other_") == 19'996);
  // Whoever has a series keeps its lane, and goes on.
  lanes->OnOpen(++id, 0, "/log/0.log");
  Feed(*lanes, id, Key("01"));
  CHECK(ValuesOf(lanes->TakeSnapshot()).at("keys_total,0,01") == 2);
  CHECK(lanes->series_count() == 5);
}

TEST_CASE("lanes: undeclared names are counted up to the cap of all, each in every lane") {
  auto lanes = MakeLanes(kKeys, 2);
  lanes->OnOpen(1, 0, "/log/a.log");
  lanes->OnOpen(2, 0, "/log/b.log");
  ThreadTeam team;
  team.Run(2, [&](size_t part) {
    auto id = static_cast<source::StreamId>(part + 1);
    std::string text;
    for (int i = 0; i < 8'000; ++i) text += "x_" + std::to_string(id) + "_" + std::to_string(i) + " 1\n";
    Feed(*lanes, id, text + text);
  });
  // Names that the other lane met first, and one that is new to all.
  for (source::StreamId id : {1U, 2U}) Feed(*lanes, id, "x_1_0 1\nx_2_0 1\nnew_name 1\n");
  double names = 0;
  double other = 0;
  for (const auto& [series, value] : ValuesOf(lanes->TakeSnapshot())) {
    if (!series.starts_with("qemu_trace_events_total,")) continue;
    bool is_other = series.starts_with("qemu_trace_events_total,_other_,");
    other += is_other ? value : 0;
    // Twice by its own lane; the first one of each once more by both.
    if (!is_other) names += value;
  }
  CHECK(names == 2 * 10'000 + 4);
  CHECK(other == 2 * 6'000 + 2);
}

}  // namespace
}  // namespace qte::pipeline
