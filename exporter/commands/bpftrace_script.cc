#include "commands/bpftrace_script.h"

#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <ctime>

namespace qte::commands {
namespace {

// The declaration that the binary was built with. Without a binary it is the first one, which comes from QEMU's own
// file or is the newest built-in one.
const trace::Declaration* DeclarationOf(const trace::EventDeclaration& event, const trace::SdtProbe* probe) {
  if (probe == nullptr) return &event.variants.front().declaration;
  for (const trace::Variant& variant : event.variants) {
    if (trace::FitsProbe(variant.declaration, *probe)) return &variant.declaration;
  }
  return nullptr;
}

const trace::SdtProbe* Find(const std::vector<trace::SdtProbe>& probes, const std::string& name) {
  auto found = std::lower_bound(probes.begin(), probes.end(), name,
                                [](const trace::SdtProbe& probe, const std::string& n) { return probe.name < n; });
  return found == probes.end() || found->name != name ? nullptr : &*found;
}

// Writes the probe of one event.
Result<std::string> WriteProbe(const LoadedConfig& loaded, const trace::BpftraceTarget& target, const std::string& name,
                               const trace::SdtProbe* probe) {
  const trace::Declaration* declaration = DeclarationOf(*loaded.catalog->Find(name), probe);
  if (declaration == nullptr) {
    return Error{
        "the binary has other arguments than any known declaration; name its trace-events-all in trace_events"};
  }
  const rules::Program& program = *loaded.program;
  const std::vector<std::string>& wanted = program.plans[program.plan_of[program.names.Find(name)]].slot_names;
  return trace::BpftraceProbe(*declaration, target, [&](std::string_view argument) {
    return std::find(wanted.begin(), wanted.end(), argument) != wanted.end();
  });
}

int64_t NanosecondsOf(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

BpftraceScript WriteBpftraceScript(const LoadedConfig& loaded, const trace::BpftraceTarget& target,
                                   const std::optional<std::vector<trace::SdtProbe>>& probes) {
  BpftraceScript script;
  for (const std::string& name : loaded.program->NeededEvents()) {
    const trace::SdtProbe* probe = probes ? Find(*probes, name) : nullptr;
    if (probes && probe == nullptr) {
      script.absent.push_back(name);
      continue;
    }
    Result<std::string> text = WriteProbe(loaded, target, name, probe);
    if (!text) {
      script.left_out.push_back(name + ": " + text.error());
      continue;
    }
    script.probes += *text;
    ++script.events;
  }
  return script;
}

Result<trace::BpftraceTarget> BpftraceTargetOf(int pid) {
  const std::string link = "/proc/" + std::to_string(pid) + "/exe";
  std::array<char, PATH_MAX> buffer;
  const ssize_t size = ::readlink(link.c_str(), buffer.data(), buffer.size());
  if (size < 0) {
    if (errno == ENOENT || errno == ESRCH) return Error{"process " + std::to_string(pid) + " does not exist"};
    return Error{"cannot read the binary of process " + std::to_string(pid) + ": " + std::strerror(errno)};
  }
  constexpr std::string_view kDeleted = " (deleted)";
  const bool is_replaced = std::string_view(buffer.data(), static_cast<size_t>(size)).ends_with(kDeleted);
  return trace::BpftraceTarget{.replaced_pid = is_replaced ? pid : 0, .boot_ns = BootTimeNs()};
}

int64_t BootTimeNs() {
  return NanosecondsOf(CLOCK_REALTIME) - NanosecondsOf(CLOCK_BOOTTIME);
}

}  // namespace qte::commands
