#include "source/traced_process.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "catch.h"

using namespace qte::source;
using namespace std::string_literals;

TEST_CASE("A QEMU's name and uuid, as its command line has them") {
  struct Case {
    std::string command_line;
    TracedProcess want;
  };
  for (const Case& c : {
           Case{""s, {7, "", ""}},
           Case{"qemu-kvm\0-name\0web1\0"s, {7, "", "web1"}},
           Case{"qemu-kvm\0-name\0guest=web1,debug-threads=on\0-uuid\0u-1\0"s, {7, "u-1", "web1"}},
           Case{"qemu-kvm\0--name\0web1,process=qemu:web1\0--uuid\0u-1"s, {7, "u-1", "web1"}},
           Case{"qemu-kvm\0-name\0debug-threads=on,guest=a,,b\0"s, {7, "", "a,b"}},
           Case{"qemu-kvm\0-name\0debug-threads=on\0"s, {7, "", ""}},
           Case{"qemu-kvm\0-name"s, {7, "", ""}},
       }) {
    CAPTURE(c.command_line);
    CHECK(TracedProcessOf(7, c.command_line) == c.want);
  }
}

TEST_CASE("A stream's name tells its process") {
  for (const TracedProcess& process :
       {TracedProcess{4711, "u-1", "web1"}, TracedProcess{1, "", ""}, TracedProcess{1, "", "a:b/c"}}) {
    CHECK(ParseStreamName(StreamNameOf(process)) == process);
  }
  CHECK(StreamNameOf({4711, "u-1", "web1"}) == "usdt:4711:u-1:web1");
  for (std::string_view name :
       {"", "-", "/var/log/usdt:1::a", "usdt:", "usdt:1", "usdt:1:", "usdt:x::a", "usdt:/usr/bin/qemu"}) {
    CAPTURE(name);
    CHECK_FALSE(ParseStreamName(name));
  }
}

TEST_CASE("Processes are found by their binary") {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  const ProcessScan scan = FindProcesses(PathPattern(self));
  auto found = std::find_if(scan.processes.begin(), scan.processes.end(),
                            [](const RunningProcess& process) { return process.pid == ::getpid(); });
  REQUIRE(found != scan.processes.end());
  CHECK(found->binary == self);
  CHECK(found->start_time == StartTimeOf(::getpid()));
  CHECK(FindProcesses(PathPattern("/nowhere/*")).processes.empty());
  CHECK_FALSE(StartTimeOf(0));
}
