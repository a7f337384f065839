// Benchmarks of the hot path, stage by stage and whole; run at the top of the checkout. Each reports lines a second (items_per_second) and bytes a
// second; compare stages of one run with each other, not runs on different days.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "base/scan.h"
#include "config/config.h"
#include "guests/guests.h"
#include "metrics/family_for_test.h"
#include "rules/compiler.h"
#include "rules/series_cache.h"
#include "source/line_splitter.h"

namespace {

using namespace qte;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  if (!file) {
    std::cerr << "cannot read " << path << '\n';
    std::exit(1);
  }
  return content.str();
}

const trace::Catalog& Catalog() {
  static const trace::Catalog catalog = [] {
    trace::Catalog made;
    made.Add(ReadFile("config/trace-events"));
    return made;
  }();
  return catalog;
}

std::shared_ptr<const rules::Program> Compile(const std::string& yaml) {
  config::Loaded loaded = config::Parse(yaml, "bench.yaml");
  rules::Compiled compiled = rules::Compile(*loaded.config, Catalog());
  for (const config::Diagnostic& diagnostic : compiled.diagnostics) std::cerr << diagnostic.Format() << '\n';
  if (compiled.program == nullptr) std::exit(1);
  return compiled.program;
}

// About 4 MB of the lines of mixed_lines.txt, which the default config reads.
std::string MixedLines(const std::string& prefix) {
  std::istringstream lines(ReadFile("tests/bench/mixed_lines.txt"));
  std::string block;
  for (std::string line; std::getline(lines, line);) block += prefix + line + '\n';
  std::string text;
  while (text.size() < size_t{4} << 20) text += block;
  return text;
}

// A text with the padding that readers of chunks may count on.
class Batch {
 public:
  explicit Batch(std::string text) : text_(std::move(text)), size_(text_.size()) {
    lines_ = static_cast<size_t>(std::count(text_.begin(), text_.end(), '\n'));
    text_.append(source::kReadPadding, '\0');
  }
  std::string_view bytes() const { return {text_.data(), size_}; }
  void Report(benchmark::State& state) const {
    state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * lines_));
    state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * size_));
  }

 private:
  std::string text_;
  size_t size_;
  size_t lines_ = 0;
};

constexpr const char* kThreadPrefix = "26638@1795408732.182800:";
constexpr const char* kIsoPrefix = "2026-11-23T04:41:06.310976Z ";

template <class OnLine>
void ForEachLine(const Batch& batch, OnLine&& on_line) {
  source::LineSplitter splitter(65536);
  splitter.Feed(batch.bytes(), on_line, [] {});
}

void BM_Split(benchmark::State& state) {
  Batch batch(MixedLines(""));
  for (auto _ : state) ForEachLine(batch, [](std::string_view line) { benchmark::DoNotOptimize(line.data()); });
  batch.Report(state);
}
BENCHMARK(BM_Split);

// The line ends of a chunk, without and with wide instructions.
void BM_LineEnds(benchmark::State& state) {
  Batch batch(MixedLines(""));
  auto mask_of = state.range(0) == 0 ? MaskOfPortable : MaskOf;
  for (auto _ : state) {
    for (size_t at = 0; at + 64 <= batch.bytes().size(); at += 64) {
      benchmark::DoNotOptimize(mask_of(batch.bytes().data() + at, '\n'));
    }
  }
  batch.Report(state);
}
BENCHMARK(BM_LineEnds)->ArgName("wide")->Arg(0)->Arg(1);

void BM_SplitPrefix(benchmark::State& state) {
  Batch batch(MixedLines(state.range(0) == 0 ? kThreadPrefix : kIsoPrefix));
  for (auto _ : state) {
    ForEachLine(batch, [](std::string_view line) { benchmark::DoNotOptimize(trace::FindPrefix(line)); });
  }
  batch.Report(state);
}
BENCHMARK(BM_SplitPrefix)->ArgName("iso")->Arg(0)->Arg(1);

void BM_SplitName(benchmark::State& state) {
  Batch batch(MixedLines(""));
  trace::NameTable names;
  for (std::string_view name : Catalog().Names()) names.Add(name);
  for (auto _ : state) {
    ForEachLine(batch, [&](std::string_view line) {
      benchmark::DoNotOptimize(names.Find(line.substr(0, FindByte(line, ' '))));
    });
  }
  batch.Report(state);
}
BENCHMARK(BM_SplitName);

void BM_ReadArguments(benchmark::State& state) {
  trace::FormatReader reader = Catalog().Find("pci_cfg_read")->variants[0].reader;
  std::vector<trace::FormatReader::Selected> selected(6);
  for (size_t i = 0; i < selected.size(); ++i) selected[i].slot = static_cast<uint8_t>(i);
  reader.SelectArguments(selected);
  const std::string padded = "i440FX 00:00.0 @0x0 -> 0x12378086" + std::string(kScanPadding, '\n');
  std::string_view text = std::string_view(padded).substr(0, padded.size() - kScanPadding);
  trace::Value values[trace::kMaxArguments];
  for (auto _ : state) benchmark::DoNotOptimize(reader.Read(text, values));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_ReadArguments);

// From the arguments of a label set to its series, of as many as the first argument says; the second is how many
// arguments make a label set.
void BM_LabelsToSeries(benchmark::State& state) {
  const auto count = static_cast<size_t>(state.range(0));
  const auto arguments = static_cast<size_t>(state.range(1));
  std::vector<std::string> lines;
  for (size_t i = 0; i < count; ++i) lines.push_back("virtio-blk-pci-" + std::to_string(i) + " 00:04.0 @0x10");
  rules::SeriesKeyBuilder builder;
  auto key_of = [&](std::string_view line) {
    builder.Begin(line);
    size_t at = line.find(' ');
    builder.Add(trace::Value::Text(line.substr(0, at)));
    for (size_t n = 1; n < arguments; ++n) builder.Add(trace::Value::Text(line.substr(at + 3 * n - 2, 2)));
    return builder.Finish();
  };
  rules::SeriesCache cache(1);
  for (size_t i = 0; i < count; ++i) {
    rules::SeriesKey key = key_of(lines[i]);
    cache.SeriesOf(cache.Insert(rules::SeriesCache::Hash(key), key, 1'000'000), 0) = static_cast<metrics::SeriesId>(i);
  }
  for (auto _ : state) {
    for (std::string_view line : lines) {
      rules::SeriesKey key = key_of(line);
      benchmark::DoNotOptimize(cache.SeriesOf(cache.Find(rules::SeriesCache::Hash(key), key), 0));
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_LabelsToSeries)->Args({1, 1})->Args({1, 3})->Args({100, 3})->Args({10'000, 3});

// Values all over the buckets, and some beyond.
void BM_Observe(benchmark::State& state) {
  metrics::FamilySpec spec;
  spec.type = metrics::Type::kHistogram;
  for (int i = 0; i < 16; ++i) spec.bounds.push_back(512 << i);
  metrics::FamilyForTest family(spec);
  metrics::SeriesId series = family.Find({});
  std::vector<double> values;
  for (int i = 0; i < 18; ++i) values.insert(values.end(), {300.0 * (1 << i), 512.0 * (1 << i)});
  for (auto _ : state) {
    for (double value : values) family->Observe(series, value);
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * values.size()));
}
BENCHMARK(BM_Observe);

void RunGuest(benchmark::State& state, const std::string& yaml, const std::string& prefix) {
  guests::Guests guests(Compile(yaml), guests::SourceLabels({}), 1);
  guests.OnOpen(1, 0, "/log/vm.log", 0);
  Batch batch(MixedLines(prefix));
  constexpr size_t kChunk = size_t{256} << 10;
  for (auto _ : state) {
    for (size_t at = 0; at < batch.bytes().size(); at += kChunk) guests.OnBytes(1, batch.bytes().substr(at, kChunk));
  }
  batch.Report(state);
}

void BM_FourRules(benchmark::State& state) {
  RunGuest(state, ReadFile("tests/bench/four_rules.yaml"), "");
}
BENCHMARK(BM_FourRules);

void BM_DefaultConfig(benchmark::State& state) {
  RunGuest(state, ReadFile("config/default.yaml"), "");
}
BENCHMARK(BM_DefaultConfig);

void BM_DefaultConfigThreadPrefix(benchmark::State& state) {
  RunGuest(state, ReadFile("config/default.yaml"), kThreadPrefix);
}
BENCHMARK(BM_DefaultConfigThreadPrefix);

void BM_DefaultConfigIsoPrefix(benchmark::State& state) {
  RunGuest(state, ReadFile("config/default.yaml"), kIsoPrefix);
}
BENCHMARK(BM_DefaultConfigIsoPrefix);

// What a checkpoint takes of the reader's time: by series.
void BM_SaveForCheckpoint(benchmark::State& state) {
  guests::Guests guests(Compile("sources: [{path: /unused}]\n"
                                      "metrics: [{name: reads_total, type: counter, help: x, event: pci_cfg_read,"
                                      " labels: {device: dev, address: \"{bus}:{slot}.{func}\"}}]\n"
                                      "limits: {max_series_per_metric: 1000000}\n"), guests::SourceLabels({}), 1);
  guests.OnOpen(1, 0, "/log/vm.log", 0);
  std::string text;
  for (int64_t i = 0; i < state.range(0); ++i) {
    text += "pci_cfg_read device" + std::to_string(i) + " 00:00.0 @0x0 -> 0x12378086\n";
  }
  Batch batch(text);
  guests.OnBytes(1, batch.bytes());
  if (guests.series_count() != static_cast<size_t>(state.range(0))) state.SkipWithError("other series than meant");
  for (auto _ : state) benchmark::DoNotOptimize(guests.Save());
}
BENCHMARK(BM_SaveForCheckpoint)->Arg(1000)->Arg(10000)->Arg(100000)->Unit(benchmark::kMillisecond);

}  // namespace
