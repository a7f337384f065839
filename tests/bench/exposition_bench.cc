// What it takes to write series in each format, beside prometheus-cpp's own serializer; `run.sh scrape` prints a table of it.
#include <benchmark/benchmark.h>

#include <functional>
#include <string>

#include "exposition/prometheus_reference_for_test.h"
#include "exposition/protobuf.h"
#include "exposition/text.h"
#include "metrics/family_for_test.h"

namespace {

using namespace qte;

using Write = std::function<std::string(const metrics::Snapshot&)>;

metrics::Snapshot Counters(size_t count) {
  metrics::FamilySpec spec;
  spec.name = "qemu_reads_total";
  spec.help = "Reads.";
  spec.label_names = {"device", "address"};
  metrics::FamilyForTest family(spec, count);
  for (size_t i = 0; i < count; ++i) {
    const std::string device = "/var/lib/images/disk-" + std::to_string(i % 100) + ".qcow2";
    const std::string address = std::to_string(i / 100);
    family->Add(family.Find({device, address}), static_cast<double>(i));
  }
  metrics::Snapshot snapshot;
  snapshot.families.push_back(family.Take("vm-017"));
  return snapshot;
}

void BM_Exposition(benchmark::State& state, const Write& write) {
  const metrics::Snapshot snapshot = Counters(static_cast<size_t>(state.range(0)));
  size_t bytes = 0;
  for (auto _ : state) bytes = write(snapshot).size();
  state.counters["MB"] = static_cast<double>(bytes) / 1e6;
}

BENCHMARK_CAPTURE(BM_Exposition, text, exposition::ToText)->Arg(100'000)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Exposition, openmetrics, [](const metrics::Snapshot& s) { return exposition::ToOpenMetrics(s, true); })
    ->Arg(100'000)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Exposition, protobuf, exposition::ToProtobuf)->Arg(100'000)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Exposition, prometheus_cpp, exposition::PrometheusReference)->Arg(100'000)->Unit(benchmark::kMillisecond);

}  // namespace
