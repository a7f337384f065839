#include "daemon/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace qte::daemon {
namespace {

using metrics::PlainFamily;
using metrics::Type;

// The fields of /proc/self/stat behind the command's name, which may hold blanks: index 0 is field 3 of proc(5).
std::vector<std::string> StatFields() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  size_t name_end = line.rfind(')');
  std::vector<std::string> fields;
  if (name_end == std::string::npos) return fields;
  std::istringstream rest(line.substr(name_end + 1));
  for (std::string field; rest >> field;) fields.push_back(field);
  return fields;
}

double BootTime() {
  std::ifstream file("/proc/stat");
  for (std::string word; file >> word;) {
    double seconds = 0;
    if (word == "btime" && file >> seconds) return seconds;
  }
  return 0;
}

double OpenDescriptors() {
  std::error_code error;
  std::filesystem::directory_iterator entries("/proc/self/fd", error);
  return error ? 0 : static_cast<double>(std::distance(entries, {})) - 1;  // less the one that looks
}

}  // namespace

std::vector<PlainFamily> ProcessMetrics() {
  std::vector<PlainFamily> families;
  auto add = [&](const char* name, const char* help, Type type, double value) {
    families.push_back({name, help, type, {{{}, value}}});
  };
  // Indices into StatFields: proc(5)'s field number less 3.
  constexpr size_t kUserTime = 11;
  constexpr size_t kSystemTime = 12;
  constexpr size_t kStartTime = 19;
  constexpr size_t kVirtualSize = 20;
  constexpr size_t kResidentPages = 21;
  std::vector<std::string> stat = StatFields();
  if (stat.size() > kResidentPages) {
    auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
    auto number = [&](size_t field) { return std::stod(stat[field]); };
    add("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", Type::kCounter,
        (number(kUserTime) + number(kSystemTime)) / ticks);
    add("process_start_time_seconds", "Start time of the process since unix epoch in seconds.", Type::kGauge,
        BootTime() + number(kStartTime) / ticks);
    add("process_virtual_memory_bytes", "Virtual memory size in bytes.", Type::kGauge, number(kVirtualSize));
    add("process_resident_memory_bytes", "Resident memory size in bytes.", Type::kGauge,
        number(kResidentPages) * static_cast<double>(sysconf(_SC_PAGESIZE)));
  }
  add("process_open_fds", "Number of open file descriptors.", Type::kGauge, OpenDescriptors());
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    add("process_max_fds", "Maximum number of open file descriptors.", Type::kGauge,
        static_cast<double>(limit.rlim_cur));
  }
  return families;
}

}  // namespace qte::daemon
