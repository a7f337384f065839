#include "base/cpus.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <thread>

#include "base/atomic_file.h"

namespace qte {
namespace {

size_t CpusOfAffinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return std::max(std::thread::hardware_concurrency(), 1U);
  return static_cast<size_t>(std::max(CPU_COUNT(&set), 1));
}

// The path of the process's control group (version 2) below /sys/fs/cgroup; in a container as a rule "/".
std::string ControlGroup() {
  Result<std::string> text = ReadWholeFile("/proc/self/cgroup");
  constexpr std::string_view kVersion2 = "0::";
  size_t begin = text ? text->find(kVersion2) : std::string::npos;
  if (begin == std::string::npos) return "/";
  begin += kVersion2.size();
  return text->substr(begin, text->find('\n', begin) - begin);
}

std::optional<uint64_t> ParseNumber(std::string_view text) {
  uint64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number == 0) return std::nullopt;
  return number;
}

}  // namespace

std::optional<size_t> ParseCpuMax(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  size_t blank = text.find(' ');
  if (blank == std::string_view::npos) return std::nullopt;
  std::optional<uint64_t> quota = ParseNumber(text.substr(0, blank));
  std::optional<uint64_t> period = ParseNumber(text.substr(blank + 1));
  if (!quota || !period) return std::nullopt;
  return static_cast<size_t>((*quota - 1) / *period + 1);
}

size_t UsableCpus() {
  size_t cpus = CpusOfAffinity();
  // Each group on the way up may have a quota.
  std::string group = ControlGroup();
  while (true) {
    Result<std::string> text = ReadWholeFile("/sys/fs/cgroup" + group + "/cpu.max");
    if (text) cpus = std::min(cpus, ParseCpuMax(*text).value_or(cpus));
    size_t last = group.rfind('/');
    if (last == std::string::npos) return cpus;
    group.erase(last);
  }
}

}  // namespace qte
