#include "decoders/disk/nvme_requests.h"

namespace qte::decoders {
namespace {

// Opcodes of I/O commands.
constexpr uint64_t kFlush = 0x00;
constexpr uint64_t kWrite = 0x01;
constexpr uint64_t kRead = 0x02;
constexpr uint64_t kZoneAppend = 0x7d;

}  // namespace

void NvmeRequests::OnCommand(const Input& input, const BlockDevices& devices, FrontEndHints& hints,
                             BlockRequestSink& out) {
  FrontEnd space = NvmeNamespace(input.args[1].bits);
  uint64_t opcode = input.args[2].bits;
  if (opcode == kFlush) {
    FrontEndText name(space);
    return out.Emit({.interface = Interface::kNvme,
                     .backend = devices.OnlyBackendOf(space),
                     .name = name.view(),
                     .operation = BlockOperation::kFlush,
                     .bytes = {},
                     .duration = {},
                     .status = BlockStatus::kOk});
  }
  bool writes = opcode == kWrite || opcode == kZoneAppend;
  if (!writes && opcode != kRead) return hints.Drop(kIo, input.thread);
  Hint hint;
  hint.kind = &kIo;
  hint.direction = writes ? DmaDirection::kWrite : DmaDirection::kRead;
  hint.thread = input.thread;
  hint.front_end = space;
  hints.Put(hint);
}

}  // namespace qte::decoders
