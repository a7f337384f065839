// Any number of lanes gives the numbers of one, and goes on from the state of any other number; guests beside each other.
#include "guests/guests.h"

#include <set>

#include "base/thread_team.h"
#include "guests/checkpoint.h"
#include "guests/guests_for_test.h"
#include "guests/checkpoint_file.h"

namespace qte::guests {
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

std::unique_ptr<Guests> MakeGuests(const std::string& yaml, size_t count,
                                   const std::vector<config::Source>& sources = {}) {
  return std::make_unique<Guests>(Compile(yaml), SourceLabels(sources), count);
}

void Feed(Guests& guests, source::StreamId id, std::string text) {
  size_t size = text.size();
  text.append(source::kReadPadding, '\xEE');
  guests.OnBytes(id, std::string_view(text).substr(0, size));
}

std::string Key(const std::string& code) {
  return "ps2_put_keycode 0x55 keycode 0x" + code + "\n";
}

// Every number of a snapshot by its series, with source labels.
Values ValuesOf(const metrics::Snapshot& snapshot) {
  Values values;
  auto put = [&](const std::string& series, double value) {
    CHECK(!values.contains(series));
    values[series] = value;
  };
  for (const metrics::FamilySnapshot& family : snapshot.families) {
    size_t buckets = family.spec->type == metrics::Type::kHistogram ? family.spec->bounds.size() + 1 : 0;
    for (size_t i = 0; i < family.series_count(); ++i) {
      std::string series = family.spec->name;
      for (const auto& [name, value] : *family.base) series += "," + value;
      for (std::string_view value : family.LabelsOf(i)) series += "," + std::string(value);
      put(series, family.values[i]);
      for (size_t b = 0; b < buckets; ++b) {
        put(series + " " + std::to_string(b), static_cast<double>(family.bucket_counts[i * buckets + b]));
      }
    }
  }
  for (const metrics::CountsByName& counts : snapshot.counts) {
    for (const metrics::CountsSnapshot& guest : counts.guests) {
      for (const auto& [id, count] : guest.counts) {
        std::string series = counts.name + "," + std::string(counts.NameOf(guest, id));
        for (const auto& [name, value] : *guest.base) series += "," + value;
        put(series, static_cast<double>(count));
      }
    }
  }
  for (const metrics::PlainFamily& family : snapshot.plain) {
    for (const auto& series : family.series) {
      std::string name = family.name;
      for (const auto& [label, value] : *series.labels) name += "," + value;
      put(name, series.value);
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

void Open(Guests& guests, const std::map<source::StreamId, std::string>& traces) {
  for (const auto& [id, text] : traces) guests.OnOpen(id, 0, "/log/vm" + std::to_string(id) + ".log", 0);
}

// The part of each trace between two points, each lane on its own thread.
void FeedPart(Guests& guests, const std::map<source::StreamId, std::string>& traces, double from, double to) {
  ThreadTeam team;
  team.Run(traces.size(), [&](size_t lane) {
    for (const auto& [id, text] : traces) {
      if (guests.LaneOf(id) != lane) continue;
      auto begin = static_cast<size_t>(static_cast<double>(text.size()) * from);
      auto end = static_cast<size_t>(static_cast<double>(text.size()) * to);
      for (size_t at = begin; at < end; at += 10'000)
        Feed(guests, id, text.substr(at, std::min<size_t>(10'000, end - at)));
    }
  });
}

TEST_CASE("lanes: any number of them counts the same, on as many threads") {
  std::map<source::StreamId, std::string> traces = Traces();
  auto one = MakeGuests(DefaultConfig(), 1);
  Open(*one, traces);
  FeedPart(*one, traces, 0, 1);
  Values want = ValuesOf(one->TakeSnapshot());
  CHECK(want.size() > 200);
  for (size_t count : {2, 3, 4}) {
    auto guests = MakeGuests(DefaultConfig(), count);
    Open(*guests, traces);
    std::set<size_t> used;
    for (const auto& [id, text] : traces) used.insert(guests->LaneOf(id));
    CHECK(used.size() == count);
    FeedPart(*guests, traces, 0, 1);
    CHECK(ValuesOf(guests->TakeSnapshot()) == want);
    CHECK(guests->lines() == one->lines());
    CHECK(guests->series_count() == one->series_count());
    std::map<std::string, uint64_t> seen;
    for (const SeenEvent& event : guests->SeenEvents()) seen[event.name] = event.count;
    for (const SeenEvent& event : one->SeenEvents()) CHECK(seen.at(event.name) == event.count);
  }
}

TEST_CASE("lanes: a checkpoint of any number of them is taken up by any other, and by a reload") {
  std::map<source::StreamId, std::string> traces = Traces();
  auto whole = MakeGuests(DefaultConfig(), 1);
  Open(*whole, traces);
  FeedPart(*whole, traces, 0, 1);
  Values want = ValuesOf(whole->TakeSnapshot());
  for (const auto& [before, after] : {std::pair(1, 2), std::pair(2, 1), std::pair(2, 4), std::pair(4, 3)}) {
    INFO(before << " to " << after);
    auto first = MakeGuests(DefaultConfig(), static_cast<size_t>(before));
    Open(*first, traces);
    FeedPart(*first, traces, 0, 0.437);
    auto second = MakeGuests(DefaultConfig(), static_cast<size_t>(after));
    REQUIRE(second->Restore(ThroughFile(*first).guests, {1, 2, 3, 4}));
    std::set<size_t> used;
    Open(*second, traces);
    for (const auto& [id, text] : traces) used.insert(second->LaneOf(id));
    // What was followed is spread again.
    CHECK(used.size() == static_cast<size_t>(after));
    FeedPart(*second, traces, 0.437, 0.7);
    second->Use(Compile(DefaultConfig()), SourceLabels({}), {{1, 0}, {2, 0}});  // two keep their labels as they are
    FeedPart(*second, traces, 0.7, 1);
    CHECK(ValuesOf(second->TakeSnapshot()) == want);
  }
}

TEST_CASE("lanes: files with the same labels share a lane, whatever else there is") {
  auto guests = MakeGuests(kKeys, 3);
  for (source::StreamId id = 0; id < 9; ++id) guests->OnOpen(id, 0, "/log/vm" + std::to_string(id % 4) + ".log", 0);
  for (source::StreamId id = 4; id < 9; ++id) CHECK(guests->LaneOf(id) == guests->LaneOf(id % 4));
  guests->OnClose(0);
  guests->OnClose(4);
  guests->OnClose(8);
  size_t lane = guests->LaneOf(1);
  guests->OnOpen(10, 0, "/log/vm1.log", 0);
  CHECK(guests->LaneOf(10) == lane);
}

// As in a daemon that catches up on two busy logs, which were found in the order busy, quiet, busy, quiet.
TEST_CASE("lanes: busy guests are spread, and nothing of it shows in the numbers") {
  std::map<source::StreamId, std::string> traces = Traces();
  std::string busy;  // ends in the middle of a line
  while (busy.size() < 2'000'000) busy += traces.at(1);
  auto feed = [&](Guests& guests, int times) {
    for (int i = 0; i < times; ++i) {
      for (source::StreamId id : {1U, 3U}) Feed(guests, id, busy);
      for (source::StreamId id : {2U, 4U}) Feed(guests, id, traces.at(2).substr(0, 1'000));
      guests.Balance();
    }
  };
  size_t max_series = GENERATE(1000, 3);
  const std::string config =
      DefaultConfig() + "\nlimits: {max_series_per_metric: " + std::to_string(max_series) + "}\n";
  auto one = MakeGuests(config, 1);
  auto guests = MakeGuests(config, 2);
  for (Guests* each : {one.get(), guests.get()}) {
    Open(*each, traces);
    each->OnOpen(11, 0, "/log/vm1.log", 0);  // of the same labels as a busy one
    Feed(*each, 11, traces.at(4));
    feed(*each, 1);
  }
  CHECK(guests->LaneOf(1) == guests->LaneOf(3));
  for (Guests* each : {one.get(), guests.get()}) feed(*each, 20);
  CHECK(guests->LaneOf(1) != guests->LaneOf(3));
  CHECK(guests->LaneOf(11) == guests->LaneOf(1));
  size_t lane = guests->LaneOf(1);
  for (Guests* each : {one.get(), guests.get()}) {
    Feed(*each, 11, traces.at(4));
    feed(*each, 20);
  }
  CHECK(guests->LaneOf(1) == lane);  // it stays where it is
  CHECK(ValuesOf(guests->TakeSnapshot()) == ValuesOf(one->TakeSnapshot()));
  CHECK(guests->series_count() == one->series_count());
  for (Guests* each : {one.get(), guests.get()}) each->OnClose(1);
  CHECK(ValuesOf(guests->TakeSnapshot()) == ValuesOf(one->TakeSnapshot()));
}

TEST_CASE("Limits hold for each guest, and one that is over them folds into its own series") {
  auto guests = MakeGuests(kKeys, 2);
  guests->OnOpen(1, 0, "/log/a.log", 0);
  guests->OnOpen(2, 0, "/log/b.log", 0);
  for (const char* code : {"01", "02", "03", "04", "05", "06"}) Feed(*guests, 1, Key(code));
  for (const char* code : {"01", "02", "03"}) Feed(*guests, 2, Key(code));
  Values values = ValuesOf(guests->TakeSnapshot());
  CHECK(values.at("keys_total,a,04") == 1);
  CHECK(values.at("keys_total,a,_other_") == 2);
  CHECK(values.at("keys_total,b,03") == 1);
  CHECK(!values.contains("keys_total,b,_other_"));
  CHECK(values.at("qemu_trace_exporter_series_overflow_total,keys_total") == 2);
  CHECK(values.at("qemu_trace_exporter_series") == 8);
  CHECK(guests->series_count() == 8);
  CHECK(guests->TakeWarnings() ==
        std::vector<Warning>{{"{vm=\"a\"}",
                              "has more label sets of keys_total than a limit allows (max_series_per_metric, "
                              "max_series): the rest counts as _other_"}});
  CHECK(guests->TakeWarnings().empty());
}

TEST_CASE("A bound over all guests leaves room for those that come later, and what expires is room for others") {
  auto bounded = [](size_t max) {
    std::string config = kKeys;
    config.replace(config.find("max_series_per_metric: 4"), 24,
                   "max_series_per_metric: 1000, max_series: " + std::to_string(max));
    return config;
  };
  auto guests = MakeGuests(bounded(60), 2);
  source::StreamId id = 0;
  for (int vm = 0; vm < 4; ++vm) guests->OnOpen(++id, 0, "/log/" + std::to_string(vm) + ".log", 0);
  for (int code = 0; code < 100; ++code) Feed(*guests, 1, Key(std::to_string(100 + code)));
  for (const char* code : {"01", "02", "03"}) Feed(*guests, 2, Key(code));
  Values values = ValuesOf(guests->TakeSnapshot());
  CHECK(values.at("keys_total,0,_other_") == 70);
  for (const char* code : {"01", "02", "03"}) CHECK(values.at(std::string("keys_total,1,") + code) == 1);
  CHECK(!values.contains("keys_total,1,_other_"));

  Clock::Time now{std::chrono::hours(10)};
  guests->ExpireIdle(now);
  Feed(*guests, 2, Key("01"));
  CHECK(guests->ExpireIdle(now + std::chrono::minutes(61)) == 31);
  for (int code = 0; code < 20; ++code) Feed(*guests, 3, Key(std::to_string(100 + code)));
  CHECK(!ValuesOf(guests->TakeSnapshot()).contains("keys_total,2,_other_"));
}

TEST_CASE("Whatever a hostile guest prints, another one's series are what they would be without it") {
  std::map<source::StreamId, std::string> traces = Traces();
  const std::string& good = traces.at(3);
  auto alone = MakeGuests(DefaultConfig(), 1);
  alone->OnOpen(2, 0, "/log/good.log", 0);
  Feed(*alone, 2, good);
  Values want;
  auto of_good = [](const Values& values) {
    Values own;
    for (const auto& [series, value] : values) {
      if (series.find(",good") != std::string::npos) own[series] = value;
    }
    return own;
  };
  want = of_good(ValuesOf(alone->TakeSnapshot()));
  CHECK(want.size() > 25);

  std::string hostile;
  for (int i = 0; i < 20'000; ++i) {
    std::string n = std::to_string(i);
    hostile += "pci_cfg_read dev" + n + " 00:00.0 @0x0 -> 0x1\nmade_up_" + n + " 1\nps2_put_keycode 0x" + n +
               " keycode 0xf0\ndma_blk_io dbs=0x" + n + " bs=0x" + n + " offset=0 to_dev=0\n" +
               "bdrv_open_common bs 0x" + n + " filename \"/images/disk.raw\" flags 0x2 format_name \"raw\"\n" +
               "blk_co_preadv blk 0x" + n + " bs 0x" + n + " offset 0 bytes 512 flags 0x0\n" + std::string(70'000, 'x') +
               (i % 1000 == 0 ? "\n" : "");
    if (hostile.size() > 8'000'000) break;
  }
  for (size_t lanes : {1, 2}) {
    auto both = MakeGuests(DefaultConfig(), lanes);
    both->OnOpen(1, 0, "/log/bad.log", 0);
    both->OnOpen(2, 0, "/log/good.log", 0);
    for (size_t at = 0, bad = 0; at < good.size(); at += 10'000, bad += hostile.size() / 16) {
      Feed(*both, 1, hostile.substr(std::min(bad, hostile.size()), hostile.size() / 16));
      Feed(*both, 2, good.substr(at, 10'000));
    }
    CHECK(of_good(ValuesOf(both->TakeSnapshot())) == want);
    CHECK(of_good(ValuesOf(both->TakeSnapshot())).size() == want.size());
  }
}

TEST_CASE("A reload before a restored log is found again leaves its guest its labels") {
  constexpr const char* kYaml = "metrics: [{name: keys_total, type: counter, help: x, event: ps2_put_keycode}]\n";
  GuestsForTest first(kYaml);
  first.Feed("ps2_put_keycode 0x1 keycode 0x1c\n");
  std::unique_ptr<GuestsForTest> second = first.Resume(kYaml);
  second->Reload(kYaml);
  metrics::Snapshot snapshot = (*second)->TakeSnapshot();
  REQUIRE(snapshot.families.size() == 1);
  CHECK(*snapshot.families[0].base == metrics::Labels{{"vm", "vm1"}});
}

TEST_CASE("Two files of one guest that are none of a rotation are told once") {
  auto guests = MakeGuests(kKeys, 1);
  guests->OnOpen(1, 0, "/a/qemu.log", 0);
  guests->OnOpen(2, 0, "/b/qemu.log", 0);
  std::vector<Warning> warnings = guests->TakeWarnings();
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0].Line() ==
        "/b/qemu.log: has the same labels as /a/qemu.log, {vm=\"qemu\"}, so their series add up; tell them apart by "
        "path_pattern or labels");
  guests->OnOpen(3, 0, "/b/qemu.log", 2);  // a rotation
  CHECK(guests->TakeWarnings().empty());
}

TEST_CASE("Two logs of one guest in one directory are told unless their names are those of a rotation") {
  config::Source source;
  source.path.value = "/a/*";
  source.labels.push_back({{.value = "vm", .place = {}}, "one"});
  auto warnings = [&](const std::string& other) {
    auto guests = MakeGuests(kKeys, 1, {source});
    guests->OnOpen(1, 0, "/a/vm1.log", 0);
    guests->OnOpen(2, 0, other, 0);
    return guests->TakeWarnings().size();
  };
  for (const char* other : {"/a/vm2.log", "/a/vm1.trace", "/a/vm10.log", "/a/vm.log"}) {
    CAPTURE(other);
    CHECK(warnings(other) == 1);
  }
  for (const char* other : {"/a/vm1.log.1", "/a/vm1.log-20261129", "/a/vm1-20261129.log", "/a/vm1.log.2.gz",
                            "/a/vm1.log-1795408732"}) {
    CAPTURE(other);
    CHECK(warnings(other) == 0);
  }
}

TEST_CASE("Guests of ever new names go without a trace once their logs are gone, but for the sums") {
  auto guests = MakeGuests(kKeys, 2);
  source::StreamId id = 0;
  for (int i = 0; i < 60'000; ++i) {
    guests->OnOpen(++id, 0, "/log/" + std::to_string(i) + ".log", 0);
    Feed(*guests, id, Key("01"));
    guests->OnClose(id);
  }
  CHECK(guests->guest_count() <= 50'000);
  CHECK(guests->guest_count() > 49'000);
  CHECK(guests->series_count() == guests->guest_count());
  CHECK(guests->lines() == 60'000);
}

TEST_CASE("Undeclared names are counted up to a cap for each guest") {
  auto guests = MakeGuests(kKeys, 2);
  guests->OnOpen(1, 0, "/log/a.log", 0);
  guests->OnOpen(2, 0, "/log/b.log", 0);
  std::string text;
  for (int i = 0; i < 12'000; ++i) text += "1@17.123456:x_" + std::to_string(i) + " 1\n";
  Feed(*guests, 1, text + text);
  Feed(*guests, 2, "x_11999 1\nnew_name 1\n");
  Values values = ValuesOf(guests->TakeSnapshot());
  CHECK(values.at("qemu_trace_events_total,x_9999,a") == 2);
  CHECK(values.at("qemu_trace_events_total,_other_,a") == 4'000);
  CHECK(values.at("qemu_trace_events_total,x_11999,b") == 1);
  CHECK(values.at("qemu_trace_events_total,new_name,b") == 1);
  CHECK(values.at("qemu_trace_exporter_series_overflow_total,qemu_trace_events_total") == 4'000);
}

}  // namespace
}  // namespace qte::guests
