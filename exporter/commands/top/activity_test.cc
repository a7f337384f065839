#include "commands/top/activity.h"

#include <cmath>
#include <tuple>

#include "catch.h"

namespace qte::commands::top {
namespace {

using Clock = ActivityMeter::Clock;
constexpr Clock::time_point kBegin{};

// Two answers, `seconds` apart.
Activity Between(const std::string& first, const std::string& second, double seconds) {
  ActivityMeter meter;
  std::ignore = meter.Read(first, kBegin);
  return meter.Read(second,
                    kBegin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds)));
}

}  // namespace

TEST_CASE("top: rates are of the time between two answers") {
  ActivityMeter meter;
  const std::string first = R"(qemu_trace_exporter_build_info{version="1"} 1
qemu_trace_events_total{vm="a",event="x"} 100
qemu_block_reads_total{vm="a",interface="nvme",device="d"} 10
qemu_block_requests_in_flight{vm="a",interface="nvme",device="d"} 7
qemu_trace_exporter_source_lag_bytes{source="a.log"} 30
qemu_trace_exporter_source_lag_bytes{source="b.log"} 12
)";
  Activity activity = meter.Read(first, kBegin);
  CHECK(activity.is_exporters);
  CHECK(activity.seconds == 0);
  CHECK(activity.unread_bytes == 42);
  REQUIRE(activity.vms.size() == 1);
  CHECK(activity.vms[0].figures.events == 0);
  REQUIRE(activity.disks.size() == 1);
  CHECK(activity.disks[0].figures.in_flight == 7);

  activity = meter.Read(R"(qemu_trace_events_total{vm="a",event="x"} 140
qemu_trace_events_total{vm="a",event="y"} 20
qemu_block_reads_total{vm="a",interface="nvme",device="d"} 16
qemu_block_errors_total{vm="a",interface="nvme",device="d",operation="read"} 1
qemu_block_errors_total{vm="a",interface="nvme",device="d",operation="write"} 3
qemu_block_written_bytes_total{vm="a",interface="nvme",device="e"} 512
)",
                        kBegin + std::chrono::seconds(2));
  CHECK(!activity.is_exporters);
  CHECK(activity.seconds == 2);
  CHECK(activity.vms[0].figures.events == 30);  // 40 and 20, which is new
  CHECK(activity.vms[0].figures.reads == 3);
  CHECK(activity.vms[0].figures.errors == 2);
  CHECK(activity.vms[0].figures.written_bytes == 256);
  REQUIRE(activity.disks.size() == 2);
  CHECK(activity.disks[0].disk == "d");
  CHECK(activity.disks[1].disk == "e");
}

TEST_CASE("top: a counter that has become smaller began at 0") {
  const Activity activity = Between("qemu_block_writes_total{vm=\"a\",device=\"d\"} 1000\n",
                                    "qemu_block_writes_total{vm=\"a\",device=\"d\"} 8\n", 4);
  CHECK(activity.disks.at(0).figures.writes == 2);
}

TEST_CASE("top: a VM is named by all labels of its source") {
  const Activity activity = Between("", R"(qemu_trace_events_total{host="rack1",vm="a",event="x"} 1
qemu_trace_events_total{host="rack2",vm="a",event="x"} 1
qemu_trace_events_total{site="north",event="x"} 1
qemu_block_reads_total{host="rack1",vm="a",interface="scsi",device="d"} 1
qemu_block_reads_total{vm="only-disks",interface="scsi",device="d"} 1
)",
                                    1);
  std::vector<std::string> names;
  for (const Item& vm : activity.vms) names.push_back(vm.vm);
  CHECK(names == std::vector<std::string>{"north", "only-disks", "rack1/a", "rack2/a"});
  CHECK(activity.vms[2].figures.reads == 1);
  CHECK(activity.vms[3].figures.reads == 0);
}

TEST_CASE("top: quantiles are those of histogram_quantile over the time between") {
  const std::string histogram = "qemu_block_read_duration_seconds";
  auto text = [&](int to_1ms, int to_2ms, int all, double sum) {
    auto bucket = [&](const char* le, int count) {
      return histogram + "_bucket{vm=\"a\",device=\"d\",le=\"" + le + "\"} " + std::to_string(count) + '\n';
    };
    return bucket("0.001", to_1ms) + bucket("0.002", to_2ms) + bucket("+Inf", all) + histogram +
           "_sum{vm=\"a\",device=\"d\"} " + std::to_string(sum) + '\n' + histogram + "_count{vm=\"a\",device=\"d\"} " +
           std::to_string(all) + '\n';
  };
  const Activity activity = Between(text(1000, 1000, 1000, 5), text(1050, 1100, 1100, 5.15), 1);
  CHECK(activity.has_durations);
  const Latency& latency = activity.disks.at(0).figures.read;
  CHECK(std::abs(*latency.Quantile(0.5) - 0.001) < 1e-9);
  CHECK(std::abs(*latency.Quantile(0.25) - 0.0005) < 1e-9);
  CHECK(std::abs(*latency.Quantile(0.75) - 0.0015) < 1e-9);
  CHECK(std::abs(*latency.Mean() - 0.0015) < 1e-9);

  // Beyond the last bound nothing is known.
  CHECK(*Between(text(0, 0, 0, 0), text(0, 0, 10, 50), 1).disks.at(0).figures.read.Quantile(0.5) == 0.002);
  const Activity none = Between(text(1, 1, 1, 1), text(1, 1, 1, 1), 1);
  CHECK(!none.disks.at(0).figures.read.Quantile(0.99));
  CHECK(!none.disks.at(0).figures.read.Mean());
}

TEST_CASE("top: broken and foreign text moves nothing") {
  const Activity activity =
      Between("", "\n\nqemu_block_reads_total{vm=\"a\nqemu_block_reads_total\nnode_load1 3\n\xff\xfe", 1);
  CHECK(activity.vms.empty());
  CHECK(activity.disks.empty());
  CHECK(!activity.is_exporters);
}

}  // namespace qte::commands::top
