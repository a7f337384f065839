#include "source/traced_process.h"

#include <dirent.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <memory>

#include "base/atomic_file.h"

namespace qte::source {
namespace {

constexpr std::string_view kPrefix = "usdt:";
constexpr std::string_view kDeleted = " (deleted)";

// The guest's name in "guest=web1,debug-threads=on" or "web1,process=qemu". QEMU writes a comma of a value twice.
std::string GuestOf(std::string_view option) {
  constexpr std::string_view kKey = "guest=";
  std::string item;
  bool is_first = true;
  for (size_t i = 0; i <= option.size(); ++i) {
    const bool is_comma = i < option.size() && option[i] == ',';
    if (is_comma && i + 1 < option.size() && option[i + 1] == ',') {
      item += option[i++];
      continue;
    }
    if (i < option.size() && !is_comma) {
      item += option[i];
      continue;
    }
    if (item.starts_with(kKey)) return item.substr(kKey.size());
    if (is_first && item.find('=') == std::string::npos) return item;
    is_first = false;
    item.clear();
  }
  return {};
}

template <class Number>
std::optional<Number> NumberIn(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

TracedProcess TracedProcessOf(int pid, std::string_view command_line) {
  TracedProcess process{.pid = pid, .uuid = {}, .name = {}};
  std::string_view option;
  while (!command_line.empty()) {
    std::string_view word = command_line.substr(0, command_line.find('\0'));
    command_line.remove_prefix(std::min(word.size() + 1, command_line.size()));
    if (option == "-name" || option == "--name") process.name = GuestOf(word);
    if (option == "-uuid" || option == "--uuid") process.uuid = word;
    option = word;
  }
  return process;
}

std::string StreamNameOf(const TracedProcess& process) {
  return std::string(kPrefix) + std::to_string(process.pid) + ':' + process.uuid + ':' + process.name;
}

std::optional<TracedProcess> ParseStreamName(std::string_view name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  const size_t uuid = name.find(':');
  if (uuid == std::string_view::npos) return std::nullopt;
  const size_t guest = name.find(':', uuid + 1);
  const std::optional<int> pid = NumberIn<int>(name.substr(0, uuid));
  if (guest == std::string_view::npos || !pid) return std::nullopt;
  return TracedProcess{*pid, std::string(name.substr(uuid + 1, guest - uuid - 1)), std::string(name.substr(guest + 1))};
}

ProcessScan FindProcesses(const PathPattern& binaries) {
  ProcessScan scan;
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), &::closedir);
  if (!proc) return scan;
  while (const dirent* entry = ::readdir(proc.get())) {
    const std::optional<int> pid = NumberIn<int>(entry->d_name);
    if (!pid) continue;
    std::array<char, PATH_MAX> buffer;
    const std::string link = "/proc/" + std::to_string(*pid) + "/exe";
    const ssize_t size = ::readlink(link.c_str(), buffer.data(), buffer.size());
    if (size < 0 && errno == EACCES) scan.is_incomplete = true;
    if (size <= 0) continue;
    std::string binary(buffer.data(), static_cast<size_t>(size));
    if (binary.ends_with(kDeleted)) binary.erase(binary.size() - kDeleted.size());
    if (!binaries.Matches(binary)) continue;
    if (const std::optional<uint64_t> start = StartTimeOf(*pid)) scan.processes.push_back({*pid, *start, binary});
  }
  return scan;
}

// The 22nd field of /proc/PID/stat. The second one is the program's name, which may hold blanks and brackets.
std::optional<uint64_t> StartTimeOf(int pid) {
  constexpr int kFieldsBehindName = 20;
  Result<std::string> stat = ReadWholeFile("/proc/" + std::to_string(pid) + "/stat");
  if (!stat) return std::nullopt;
  size_t at = stat->rfind(')');
  const std::string_view state = at == std::string::npos ? "" : std::string_view(*stat).substr(at + 1, 2);
  if (state == " Z" || state == " X") return std::nullopt;
  for (int i = 0; i < kFieldsBehindName && at != std::string::npos; ++i) at = stat->find(' ', at + 1);
  if (at == std::string::npos) return std::nullopt;
  const size_t end = stat->find(' ', at + 1);
  return NumberIn<uint64_t>(std::string_view(*stat).substr(at + 1, end - at - 1));
}

}  // namespace qte::source
