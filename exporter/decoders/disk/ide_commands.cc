#include "decoders/disk/ide_commands.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "joins/saved.h"

namespace qte::decoders {
using namespace joins;
namespace {

using nlohmann::json;

constexpr uint64_t kSectorBytes = 512;
constexpr uint64_t kDiscSectorBytes = 2048;
constexpr uint64_t kIdentify = 0xec;
constexpr uint64_t kPacket = 0xa0;
constexpr uint64_t kNcqRead = 0x60;
constexpr uint64_t kNcqWrite = 0x61;

bool IsFlush(uint64_t command) {
  return command == 0xe7 || command == 0xea;
}

// READ SECTORS in its old and long forms, and READ MULTIPLE.
bool IsPioRead(uint64_t command) {
  constexpr std::array<uint64_t, 5> kReads = {0x20, 0x21, 0x24, 0xc4, 0x29};
  return std::find(kReads.begin(), kReads.end(), command) != kReads.end();
}

// Unsigned, because a malicious line can have any number.
int64_t OffsetOf(const trace::Value& sector) {
  return static_cast<int64_t>(sector.bits * kSectorBytes);
}

bool IsDisc(const Hint& hint) {
  return hint.kind == &IdeCommands::kDisc || hint.kind == &IdeCommands::kDiscPio ||
         hint.kind == &IdeCommands::kDiscRest;
}

void DropDisc(uint64_t state, FrontEndHints& hints) {
  for (const HintKind* kind : {&IdeCommands::kDisc, &IdeCommands::kDiscPio, &IdeCommands::kDiscRest}) {
    hints.DropKey(*kind, state);
  }
}

}  // namespace

void IdeCommands::OnCommand(const Input& input, const BlockDevices& devices, FrontEndHints& hints,
                            BlockRequestSink& out) {
  state_ = input.args[1].bits;
  command_ = input.args[2].bits;
  thread_ = input.thread;
  if (command_ == kPacket) DropDisc(state_, hints);
  if (!IsFlush(command_)) return;
  out.Emit({.interface = Interface::kIde,
            .backend = devices.BackendOf(FrontEndOf(state_)).backend,
            .name = input.args[1].text(),
            .operation = BlockOperation::kFlush,
            .bytes = {},
            .duration = {},
            .status = BlockStatus::kOk});
}

void IdeCommands::OnDma(const Input& input, FrontEndHints& hints) {
  std::string_view command = input.args[3].text();
  bool reads = command == "DMA READ";
  bool trims = command == "DMA TRIM";
  if (!reads && !trims && command != "DMA WRITE") return;  // ATAPI
  Hint hint;
  hint.kind = trims ? &kTrim : &kDma;
  hint.direction = reads ? DmaDirection::kRead : DmaDirection::kWrite;
  hint.thread = input.thread;
  hint.offset = OffsetOf(input.args[1]);
  hint.front_end = FrontEndOf(input.args[0].bits);
  hints.Put(hint);
}

void IdeCommands::OnNcqCommand(const Input& input, FrontEndHints& hints) {
  uint64_t command = input.args[2].bits;
  if (command != kNcqRead && command != kNcqWrite) return;
  Hint hint;
  hint.kind = &kNcq;
  hint.direction = command == kNcqRead ? DmaDirection::kRead : DmaDirection::kWrite;
  hint.thread = input.thread;
  hint.offset = OffsetOf(input.args[3]);
  hint.front_end = AhciPort(input.args[0].bits, input.args[1].bits);
  hints.Put(hint);
}

void IdeCommands::OnPio(const Input& input, DmaDirection direction, FrontEndHints& hints) {
  Hint hint;
  hint.kind = &kPio;
  hint.direction = direction;
  hint.thread = input.thread;
  hint.offset = OffsetOf(input.args[0]);
  hint.bytes = input.args[1].bits * kSectorBytes;
  // A write starts after the guest has passed its data. By then, another drive may have received a command.
  bool is_next = direction == DmaDirection::kRead && IsPioRead(command_) && SameThread(thread_, input.thread);
  if (is_next) hint.front_end = FrontEndOf(state_);
  command_ = 0;
  hints.Put(hint);
}

void IdeCommands::OnDisc(const Input& input, FrontEndHints& hints) {
  uint64_t state = input.args[0].bits;
  DropDisc(state, hints);
  Hint hint;
  hint.kind = input.args[1].text() == "dma" ? &kDisc : &kDiscPio;
  hint.thread = input.thread;
  hint.offset = static_cast<int64_t>(input.args[2].bits * kDiscSectorBytes);
  hint.bytes = input.args[3].bits * kDiscSectorBytes;
  hint.front_end = FrontEndOf(state);
  hint.key = state;
  hints.Put(hint);
}

Hint* IdeCommands::PioOf(const BlockIo& io, Interface known, FrontEndHints& hints) {
  auto bytes = static_cast<uint64_t>(io.bytes);
  return hints.Latest([&](const Hint& hint) {
    bool is_of_disc = IsDisc(hint) && bytes <= hint.bytes;
    return (is_of_disc || (hint.kind == &kPio && hint.bytes == bytes)) && hint.Fits(io, known);
  });
}

// QEMU does not log its end, so it counts when it begins.
void IdeCommands::OnBlockIo(const BlockIo& io, Hint& pio, BlockDevices& devices, BlockRequestSink& out) {
  devices.Use(io);
  devices.Learn(pio.front_end, {io.backend, io.backend_text}, Interface::kIde);
  auto bytes = static_cast<uint64_t>(io.bytes);
  bool is_counted = pio.kind == &kDiscRest;
  uint64_t counts = pio.kind == &kDisc ? pio.bytes : bytes;
  if (IsDisc(pio) && bytes < pio.bytes) {
    // The next piece comes when this one is done, from any thread.
    if (pio.kind == &kDisc) pio.kind = &kDiscRest;
    pio.bytes -= bytes;
    pio.offset = static_cast<int64_t>(static_cast<uint64_t>(pio.offset) + bytes);
    pio.thread = kNoThread;
  } else {
    pio.kind = nullptr;
  }
  if (is_counted) return;
  out.Emit({.interface = Interface::kIde,
            .backend = io.backend,
            .name = io.backend_text,
            .operation = OperationOf(io.direction),
            .bytes = trace::Value::Unsigned(counts),
            .duration = {},
            .status = BlockStatus::kOk});
}

void IdeCommands::OnAhciPio(const Input& input, BlockDevices& devices) {
  bool is_next = command_ == kIdentify && SameThread(thread_, input.thread);
  if (is_next) devices.Join(FrontEndOf(state_), AhciPort(input.args[0].bits, input.args[1].bits));
  command_ = 0;
}

// [state, command, thread]
json IdeCommands::Save() const {
  return json::array({state_, command_, thread_});
}

void IdeCommands::Restore(const json& state) {
  const json::array_t& row = SavedRow(state, 3);
  IdeCommands restored;
  restored.state_ = SavedUnsigned(row[0]);
  restored.command_ = SavedUnsigned(row[1]);
  restored.thread_ = SavedUnsigned(row[2]);
  *this = restored;
}

}  // namespace qte::decoders
