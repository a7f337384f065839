#include "daemon/threads_page.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

namespace qte::daemon {
namespace {

// By the names that threads give themselves; CivetWeb names its own.
constexpr std::pair<std::string_view, std::string_view> kWork[] = {
    {"ingest", "follows logs, reads lines, and counts"},
    {"lane", "reads lines of some VMs beside ingest, while there is much to read"},
    {"pipes", "reads ahead from FIFOs and standard input"},
    {"tracers", "starts and watches one bpftrace for each QEMU"},
    {"checkpoints", "writes checkpoints, and gives consumed parts of logs back to the disk"},
    {"qmp", "talks to QEMUs over QMP"},
    {"front door", "owns all HTTP connections"},
    {"civetweb-worker", "parses HTTP requests and makes answers"},
    {"civetweb-master", "accepts connections of the front door"},
};

constexpr std::string_view kMainWork = "signals, config, reloads";

struct Thread {
  int id = 0;
  std::string name;
  std::string_view state;
  double cpu_seconds = 0;
  std::string waits_in;  // "0" for a thread that runs
};

std::string_view WordFor(char state) {
  switch (state) {
    case 'R':
      return "running";
    case 'S':
      return "waiting";
    case 'D':
      return "blocked";  // by a disk, as a rule
    default:
      return "stopped";
  }
}

// False for a thread that has just ended.
bool Read(const std::filesystem::path& task, Thread& thread) {
  std::ifstream stat(task / "stat");
  std::string line;
  if (!std::getline(stat, line)) return false;
  const size_t name_end = line.rfind(')');
  std::ifstream comm(task / "comm");
  if (name_end == std::string::npos || !std::getline(comm, thread.name)) return false;
  thread.id = std::stoi(line);
  // Behind the name: state, ten numbers, then the ticks in user mode and in the kernel.
  std::istringstream rest(line);
  rest.seekg(static_cast<std::streamoff>(name_end) + 1);
  char state = '?';
  rest >> state;
  std::string skipped;
  for (int i = 0; i < 10; ++i) rest >> skipped;
  double user = 0;
  double kernel = 0;
  rest >> user >> kernel;
  thread.state = WordFor(state);
  thread.cpu_seconds = (user + kernel) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  std::ifstream(task / "wchan") >> thread.waits_in;
  return true;
}

std::string_view WorkOf(const Thread& thread) {
  if (thread.id == ::getpid()) return kMainWork;
  const auto* found = std::find_if(std::begin(kWork), std::end(kWork), [&](const auto& work) { return work.first == thread.name; });
  return found == std::end(kWork) ? std::string_view() : found->second;
}

}  // namespace

std::string ThreadsAsText() {
  std::string text = fmt::format("{:>8}  {:<15}  {:<8} {:>10}  {:<36}  {}\n", "id", "thread", "state", "CPU s", "waits in", "work");
  std::vector<Thread> threads;
  std::error_code error;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task", error)) {
    if (Thread thread; Read(task.path(), thread)) threads.push_back(std::move(thread));
  }
  std::sort(threads.begin(), threads.end(), [](const Thread& a, const Thread& b) { return a.id < b.id; });
  for (const Thread& thread : threads) {
    const std::string_view name = thread.id == ::getpid() ? std::string_view("main") : std::string_view(thread.name);
    text += fmt::format("{:>8}  {:<15}  {:<8} {:>10.2f}  {:<36}  {}\n", thread.id, name, thread.state, thread.cpu_seconds,
                        thread.waits_in == "0" ? std::string_view() : std::string_view(thread.waits_in), WorkOf(thread));
  }
  return text;
}

}  // namespace qte::daemon
