#include "decoders/disk/nvme_requests.h"

#include <nlohmann/json.hpp>

#include "joins/saved.h"

namespace qte::decoders {
using namespace joins;
namespace {

using nlohmann::json;
using trace::Value;

// Opcodes of I/O commands.
constexpr uint64_t kFlush = 0x00;
constexpr uint64_t kWrite = 0x01;
constexpr uint64_t kRead = 0x02;
constexpr uint64_t kCompare = 0x05;
constexpr uint64_t kDatasetManagement = 0x09;
constexpr uint64_t kVerify = 0x0c;
constexpr uint64_t kCopyBlocks = 0x19;
constexpr uint64_t kZoneAppend = 0x7d;

// Status codes of commands that were aborted, alone or with their queue. Higher bits are not part of a code.
constexpr uint64_t kStatusCode = 0x7ff;
constexpr uint64_t kAborted = 0x07;
constexpr uint64_t kQueueDeleted = 0x08;

BlockStatus StatusOf(uint64_t status) {
  uint64_t code = status & kStatusCode;
  if (code == 0) return BlockStatus::kOk;
  return code == kAborted || code == kQueueDeleted ? BlockStatus::kCancelled : BlockStatus::kError;
}

// -1 if unknown. The arguments are unsigned, because a malicious line can have any number.
int64_t OffsetOf(uint64_t blocks, uint64_t bytes, uint64_t first_block) {
  if (blocks == 0) return -1;
  return static_cast<int64_t>(first_block * (bytes / blocks));
}

}  // namespace

void NvmeRequests::OnCommand(const Input& input, Context context) {
  uint64_t opcode = input.args[2].bits;
  FrontEndHints& hints = context.hints;
  bool writes = opcode == kWrite || opcode == kZoneAppend;
  Hint hint;
  hint.direction = writes ? DmaDirection::kWrite : DmaDirection::kRead;
  hint.thread = input.thread;
  hint.front_end = NvmeNamespace(input.args[1].bits);
  hint.key = input.args[0].bits;
  hints.Drop(kCheck, input.thread);
  if (writes || opcode == kRead) {
    hint.kind = &kIo;
    return hints.Put(hint);
  }
  hints.Drop(kIo, input.thread);
  if (opcode == kFlush) return BeginFlush(input, context);
  // Lines that are used for nothing else show its end.
  if (opcode == kDatasetManagement) EmitWithoutData(hint.front_end, BlockOperation::kUnmap, {}, BlockStatus::kOk, context);
  if (opcode == kCompare || opcode == kVerify) hint.kind = &kCheck;
  if (opcode == kCopyBlocks) hint.kind = &kCopy;
  hints.DropKey(kCopy, hint.key);
  if (hint.kind != nullptr) hints.Put(hint);
}

void NvmeRequests::EmitWithoutData(FrontEnd space, BlockOperation operation, const Value& duration, BlockStatus status,
                                   Context context) {
  FrontEndText name(space);
  context.out.Emit({.interface = Interface::kNvme,
                    .backend = context.devices.OnlyBackendOf(space),
                    .name = name.view(),
                    .operation = operation,
                    .bytes = {},
                    .duration = duration,
                    .status = status});
}

// A write of zeroes is never part of a Copy.
Hint* NvmeRequests::HintOf(const BlockIo& io, Interface known, FrontEndHints& hints) {
  return hints.Latest([&](const Hint& hint) {
    bool is_next = hint.bytes == 0 || hint.bytes == static_cast<uint64_t>(io.bytes);
    return (hint.kind == &kCheck || hint.kind == &kCopy) && hint.Fits(io, known) && is_next && !io.zeroes &&
           io.bytes > 0;
  });
}

void NvmeRequests::OnOwnBlockIo(const BlockIo& io, Hint& hint, BlockDevices& devices, BlockRequestSink& out) {
  devices.Use(io);
  devices.Learn(hint.front_end, {io.backend, io.backend_text}, Interface::kNvme);
  out.Emit({.interface = Interface::kNvme,
            .backend = io.backend,
            .name = io.backend_text,
            .operation = OperationOf(io.direction),
            .bytes = Value::Unsigned(static_cast<uint64_t>(io.bytes)),
            .duration = {},
            .status = BlockStatus::kOk});
  if (hint.kind == &kCheck) {
    hint.kind = nullptr;
    return;
  }
  // The other half, or the next part, comes when this one is done, from any thread.
  bool was_read = io.direction == DmaDirection::kRead;
  hint.direction = was_read ? DmaDirection::kWrite : DmaDirection::kRead;
  hint.bytes = was_read ? static_cast<uint64_t>(io.bytes) : 0;
  hint.thread = kNoThread;
}

void NvmeRequests::BeginFlush(const Input& input, Context context) {
  uint64_t key = context.hints.NextOrder();
  flushes_.MakeRoom(key, [this](uint32_t id) { AbandonFlush(id); });
  uint32_t id = flushes_.Open(key);
  flushes_[id] = {.start_us = input.time_us, .cid = input.args[0].bits, .space = NvmeNamespace(input.args[1].bits)};
  if (!tells_flush_ends_) held_ = id;
}

void NvmeRequests::AbandonFlush(uint32_t id) {
  if (id == held_) held_ = kNone;
  flushes_.Abandon(id);
}

uint32_t NvmeRequests::FlushOf(uint64_t cid) const {
  int looks = 0;
  for (uint32_t id = flushes_.newest(); id != kNone && looks < kMaxLooks; id = flushes_.older(id), ++looks) {
    if (flushes_[id].cid == cid) return id;
  }
  return kNone;
}

void NvmeRequests::EndFlush(uint32_t id, BlockStatus status, int64_t time_us, Context context) {
  Flush flush = flushes_[id];
  if (id == held_) held_ = kNone;
  flushes_.Close(id);
  EmitWithoutData(flush.space, BlockOperation::kFlush, DurationOf(flush.start_us, time_us), status, context);
}

// If completions are traced, the completion comes next and also has the status.
void NvmeRequests::OnMiscEnd(const Input& input, Context context) {
  context.hints.DropKey(kCopy, input.args[0].bits);
  tells_flush_ends_ = true;
  uint32_t id = FlushOf(input.args[0].bits);
  held_ = kNone;
  if (id != kNone && !tells_completions_) EndFlush(id, BlockStatus::kOk, input.time_us, context);
}

// A command that fails on its disk has already ended by pci_nvme_misc_cb and shows up in both events. For other kinds
// of commands, QEMU does not log that much.
void NvmeRequests::OnError(const Input& input, Context context) {
  context.hints.DropKey(kCheck, input.args[0].bits);
  context.hints.DropKey(kCopy, input.args[0].bits);
  if (tells_completions_ || input.args[3].bits != kFlush) return;
  uint32_t id = FlushOf(input.args[0].bits);
  if (id != kNone) return EndFlush(id, StatusOf(input.args[2].bits), input.time_us, context);
  EmitWithoutData(NvmeNamespace(input.args[1].bits), BlockOperation::kFlush, {}, StatusOf(input.args[2].bits), context);
}

void NvmeRequests::OnBegin(const Input& input, DmaDirection direction, Context context) {
  if (is_by_dma_) return;
  FinishEnded(BlockStatus::kOk, context.out);
  // The join does not count Write Zeroes, because it does not use DMA.
  bool writes_zeroes = direction == DmaDirection::kWrite && input.args[5].text().ends_with("ZEROES");
  if (writes_zeroes) return;
  uint64_t key = context.hints.NextOrder();
  open_.MakeRoom(key, [this](uint32_t id) { Abandon(id); });
  uint32_t id = open_.Open(key);
  Request& request = open_[id];
  request.start_us = input.time_us;
  request.tag = input.args[0].bits;
  request.space = NvmeNamespace(input.args[1].bits);
  request.backend = context.devices.BackendOf(request.space).backend;
  request.offset = OffsetOf(input.args[2].bits, input.args[3].bits, input.args[4].bits);
  request.bytes = input.args[3].bits;
  request.thread = input.thread;
  request.direction = direction;
  by_cid_.Link(open_, id);
  latest_ = id;
}

void NvmeRequests::OnDma(DmaDirection direction, uint64_t thread) {
  is_by_dma_ = true;
  uint32_t id = latest_;
  latest_ = kNone;
  if (id != kNone && open_[id].direction == direction && SameThread(open_[id].thread, thread)) Close(id);
}

uint64_t NvmeRequests::OrderOf(const BlockIo& io) const {
  if (latest_ == kNone) return 0;
  const Request& request = open_[latest_];
  bool fits = request.direction == io.direction && request.offset == io.offset && SameThread(request.thread, io.thread);
  return fits ? open_.KeyOf(latest_) : 0;
}

void NvmeRequests::OnBlockIo(const BlockIo& io, BlockDevices& devices) {
  Request& request = open_[latest_];
  latest_ = kNone;
  devices.Use(io);
  devices.Learn(request.space, {io.backend, io.backend_text}, Interface::kNvme);
  request.backend = io.backend;
  request.is_backend_told = true;
}

// `drive` is QEMU's own name; it is empty for a drive made by -blockdev.
uint64_t NvmeRequests::BackendOf(const Request& request, std::string_view drive, BlockDevices& devices) {
  if (request.is_backend_told) {
    devices.Name(request.backend, drive);
    return request.backend;
  }
  return drive.empty() ? 0 : devices.BackendNamed(drive, request.space, Interface::kNvme);
}

void NvmeRequests::OnEnd(const Input& input, Context context) {
  FinishEnded(BlockStatus::kOk, context.out);
  uint32_t id = by_cid_.NewestOf(input.args[0].bits);
  if (id == kNone) return;
  const Request& request = open_[id];
  ended_ = {.waits = true,
            .cid = request.tag,
            .space = request.space,
            .backend = BackendOf(request, input.args[1].text(), context.devices),
            .bytes = request.bytes,
            .start_us = request.start_us,
            .end_us = input.time_us,
            .direction = request.direction};
  Close(id);
  if (!tells_completions_) FinishEnded(BlockStatus::kOk, context.out);
}

void NvmeRequests::OnCompletion(const Input& input, Context context) {
  tells_completions_ = true;
  uint64_t cid = input.args[0].bits;
  uint64_t status = input.args[2].bits;
  bool is_of_queue = input.args[1].bits != 0;  // queue 0 is for admin commands
  if (uint32_t flush = is_of_queue ? FlushOf(cid) : kNone; flush != kNone) {
    tells_flush_ends_ = true;
    held_ = kNone;
    return EndFlush(flush, StatusOf(status), input.time_us, context);
  }
  if (ended_.waits) return FinishEnded(cid == ended_.cid ? StatusOf(status) : BlockStatus::kOk, context.out);
  // QEMU rejected the request before it reached the disk. The join does not see such requests.
  bool is_refused = latest_ != kNone && open_[latest_].tag == cid && is_of_queue && status != 0;
  if (is_refused) Close(latest_);
}

void NvmeRequests::FinishEnded(BlockStatus status, BlockRequestSink& out) {
  if (!ended_.waits) return;
  ended_.waits = false;
  FrontEndText name(ended_.space);
  out.Emit({.interface = Interface::kNvme,
            .backend = ended_.backend,
            .name = name.view(),
            .operation = OperationOf(ended_.direction),
            .bytes = status == BlockStatus::kOk ? Value::Unsigned(ended_.bytes) : Value(),
            .duration = DurationOf(ended_.start_us, ended_.end_us),
            .status = status});
}

void NvmeRequests::Close(uint32_t id) {
  if (id == latest_) latest_ = kNone;
  by_cid_.Unlink(open_, id);
  open_.Close(id);
}

void NvmeRequests::Abandon(uint32_t id) {
  Close(id);
  open_.AddAbandoned(1);
}

void NvmeRequests::AbandonOld(int64_t now_us) {
  open_.AbandonOld(now_us, [this](uint32_t id) { Abandon(id); });
  flushes_.AbandonOld(now_us, [this](uint32_t id) { AbandonFlush(id); });
}

void NvmeRequests::CountInFlight(BlockRequestsInFlight& in_flight) const {
  for (uint32_t id = open_.oldest(); id != kNone; id = open_.newer(id)) {
    FrontEndText name(open_[id].space);
    in_flight.Add(Interface::kNvme, open_[id].backend, name.view());
  }
}

void NvmeRequests::Reset() {
  open_.AbandonAll([this](uint32_t id) { Abandon(id); });
  if (ended_.waits) open_.AddAbandoned(1);
  ended_ = Ended();
  is_by_dma_ = false;
  tells_completions_ = false;
  flushes_.AbandonAll();
  held_ = kNone;
  tells_flush_ends_ = false;
}

// {"requests": [[order, start_us, cid, space, backend, is_backend_told, offset, bytes, thread, direction], ...],
//  "latest": order or 0, "ended": [waits, cid, space, backend, bytes, start_us, end_us, direction], "is_by_dma",
//  "tells_completions", "flushes": [[order, start_us, cid, space], ...], "held": order or 0, "tells_flush_ends",
//  "abandoned"}
json NvmeRequests::Save() const {
  json requests = open_.Save([](uint64_t key, const Request& request) {
    return json::array({key, request.start_us, request.tag, request.space, request.backend, request.is_backend_told,
                        request.offset, request.bytes, request.thread, request.direction});
  });
  return {{"requests", std::move(requests)},
          {"latest", latest_ == kNone ? 0 : open_.KeyOf(latest_)},
          {"ended",
           {ended_.waits, ended_.cid, ended_.space, ended_.backend, ended_.bytes, ended_.start_us, ended_.end_us,
            ended_.direction}},
          {"is_by_dma", is_by_dma_},
          {"tells_completions", tells_completions_},
          {"flushes", flushes_.Save([](uint64_t key, const Flush& flush) {
             return json::array({key, flush.start_us, flush.cid, flush.space});
           })},
          {"held", held_ == kNone ? 0 : flushes_.KeyOf(held_)},
          {"tells_flush_ends", tells_flush_ends_},
          {"abandoned", abandoned()}};
}

void NvmeRequests::Restore(const json& state) {
  auto restore = [this](const json::array_t& row, Request& request) {
    request.start_us = SavedSigned(row[1]);
    request.tag = SavedUnsigned(row[2]);
    request.space = SavedUnsigned(row[3]);
    request.backend = SavedUnsigned(row[4]);
    request.is_backend_told = SavedFlag(row[5]);
    request.offset = SavedSigned(row[6]);
    request.bytes = SavedUnsigned(row[7]);
    request.thread = SavedUnsigned(row[8]);
    request.direction = SavedEnum<DmaDirection>(row[9]);
    by_cid_.Link(open_, open_.Find(SavedUnsigned(row[0])));
  };
  open_.Restore(state.at("requests"), 10, restore, [this](uint32_t id) { Abandon(id); });
  latest_ = open_.Find(SavedUnsigned(state.at("latest")));
  const json::array_t& ended = SavedRow(state.at("ended"), 8);
  ended_ = {SavedFlag(ended[0]),     SavedUnsigned(ended[1]),          SavedUnsigned(ended[2]),
            SavedUnsigned(ended[3]), SavedUnsigned(ended[4]),          SavedSigned(ended[5]),
            SavedSigned(ended[6]),   SavedEnum<DmaDirection>(ended[7])};
  is_by_dma_ = SavedFlag(state.at("is_by_dma"));
  tells_completions_ = SavedFlag(state.at("tells_completions"));
  auto restore_flush = [](const json::array_t& row, Flush& flush) {
    flush = {.start_us = SavedSigned(row[1]), .cid = SavedUnsigned(row[2]), .space = SavedUnsigned(row[3])};
  };
  flushes_.Restore(state.at("flushes"), 4, restore_flush, [this](uint32_t id) { AbandonFlush(id); });
  held_ = flushes_.Find(SavedUnsigned(state.at("held")));
  tells_flush_ends_ = SavedFlag(state.at("tells_flush_ends"));
  open_.AddAbandoned(SavedUnsigned(state.at("abandoned")));
}

}  // namespace qte::decoders
