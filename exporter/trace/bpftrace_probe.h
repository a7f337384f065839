// One trace event as a probe of a bpftrace script, which prints the line that QEMU's log backend would print:
//
//   usdt::qemu:dma_blk_cb
//   {
//     $t = nsecs + 1795408000000000000;
//     printf("%d@%lu.%06lu:dma_blk_cb dbs=0x%lx ret=%d\n", tid, $t / 1000000000, $t % 1000000000 / 1000, arg0,
//     (int32)arg1);
//   }
//
// What is printed reads back through FormatReader. Written for bpftrace 0.17 to 0.26, which differ:
//
//   - With -p and a path of the binary, 0.27 prints each line twice. Without a path it finds the binary, and modules,
//   by
//     the process, in whatever mount namespace that is. If the binary was replaced since, no version finds it.
//   - Before 0.24, x86-64 has six arguments, and a script that names a seventh is refused.
//   - Before 0.21, two strings of 128 bytes are all that a probe's stack holds.
//   - Since 0.24, integers have no precision ("%.8x"); before it there are no flags "#", "+" and " ".
//   - Since 0.24, "%p" prints 0 for null.
//   - Before 0.24, "%%" counts as a conversion if a letter follows.
//
// An argument that cannot be printed has a fixed text in its place, as long as no rule wants it. So has a string that
// no rule wants, since reading a string is what costs the traced thread most.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "trace/declaration.h"
#include "trace/sdt_probes.h"

namespace qte::trace {

// What all probes of a script have in common.
struct BpftraceTarget {
  int replaced_pid = 0;  // the process whose binary was replaced, so that bpftrace has to be started without -p
  int64_t boot_ns = 0;   // since the epoch: when this machine was started
};

using WantsArgument = std::function<bool(std::string_view argument)>;

// The error says why the event cannot be had.
Result<std::string> BpftraceProbe(const Declaration& declaration, const BpftraceTarget& target,
                                  const WantsArgument& wants);

// True if a probe with arguments of these sizes may be of this declaration.
bool FitsProbe(const Declaration& declaration, const SdtProbe& probe);

// What bpftrace says of itself on standard output, or on standard error since 0.20: "Lost 3146 events" is 3146, and
// "Attaching 35 probes..." is 0. Nothing for any other line. (Its option -q leaves out both, but only since 0.24.)
std::optional<uint64_t> LostEventsIn(std::string_view line);

// Strings are read up to one byte less.
inline constexpr int kBpftraceStringBytes = 128;

}  // namespace qte::trace
