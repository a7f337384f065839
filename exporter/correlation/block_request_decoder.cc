#include "correlation/block_request_decoder.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "correlation/block_devices.h"
#include "correlation/block_request.h"
#include "correlation/dma_block_requests.h"
#include "correlation/front_end_hints.h"
#include "correlation/ide_commands.h"
#include "correlation/scsi_commands.h"
#include "correlation/virtio_blk_requests.h"

namespace qte::correlation {
namespace {

using trace::Value;

// Indices into the inputs of BlockRequestDecoderKind.
enum InputEvent : size_t {
  kOpen,
  kAttach,
  kDetach,
  kRead,
  kWrite,
  kIo,
  kCallback,
  kMapWait,
  kComplete,
  kVirtqueuePop,
  kVirtioRead,
  kVirtioWrite,
  kVirtioComplete,
  kScsiParsed,
  kScsiContinue,
  kScsiDequeue,
  kIdeCommand,
  kIdeBusCommand,
  kIdeDma,
  kIdePioRead,
  kIdePioWrite,
  kNcqCommand,
  kAhciPio,
  kNvmeCommand,
  kNvmeEnd
};

// Opcodes of NVMe's I/O commands.
enum NvmeOpcode : uint64_t { kNvmeFlush = 0x00, kNvmeWrite = 0x01, kNvmeRead = 0x02, kNvmeZoneAppend = 0x7d };

class BlockRequestDecoder final : public Decoder {
 public:
  explicit BlockRequestDecoder(const DecoderLimits& limits)
      : limits_(limits), devices_(limits.max_names), dma_(limits), virtio_(limits), scsi_(limits) {}

  void OnEvent(const Input& input, Sink& sink) override;
  void CountInFlight(Sink& sink) const override;
  void Reset() override;
  nlohmann::json Save() const override;
  void Restore(const nlohmann::json& state) override;
  size_t open() const override { return dma_.open() + virtio_.open() + scsi_.open(); }
  uint64_t abandoned() const override { return dma_.abandoned() + virtio_.abandoned() + scsi_.abandoned(); }
  uint64_t forgotten() const override { return devices_.forgotten(); }
  const BlockNames* names() const override { return &devices_.names(); }

 private:
  using Out = BlockRequestSink;

  void OnBlockLayer(const Input& input, Out& out);
  void OnDma(const Input& input, Out& out);
  void OnFrontEnd(const Input& input, Out& out);

  void OnBlockIo(const BlockIo& io, Out& out);
  void OnScsiContinue(const Input& input);
  void OnNvmeCommand(const Input& input, Out& out);
  void OnPio(const BlockIo& io, Hint& hint, Out& out);

  void AbandonOld(int64_t now_us);
  DmaBlockRequests::Context ContextOf(Out& out) { return {devices_, hints_, scsi_, out}; }

  DecoderLimits limits_;
  BlockDevices devices_;
  FrontEndHints hints_;
  DmaBlockRequests dma_;
  VirtioBlkRequests virtio_;
  ScsiCommands scsi_;
  IdeCommands ide_;
};

void BlockRequestDecoder::OnEvent(const Input& input, Sink& sink) {
  // The first argument is what all else hangs on.
  if (!input.args[0].has_value()) return;
  Out out(devices_, sink);
  if (dma_.waits()) {
    using Next = DmaBlockRequests::NextLine;
    dma_.OnNextLine(input.which == kNvmeEnd ? Next::kNamesDisk : Next::kOther, input, ContextOf(out));
  }
  AbandonOld(input.time_us);
  if (input.which < kIo) return OnBlockLayer(input, out);
  if (input.which < kVirtqueuePop) return OnDma(input, out);
  return OnFrontEnd(input, out);
}

void BlockRequestDecoder::OnBlockLayer(const Input& input, Out& out) {
  dma_.OnBlockLayer();
  switch (input.which) {
    case kOpen:
      return devices_.Open(input.args[0].bits, input.args[1].text());
    case kAttach:
      return devices_.Attach(input.args[0].bits, input.args[1].bits);
    case kDetach:
      return devices_.Detach(input.args[0].bits);
    case kRead:
      return OnBlockIo(BlockIo(input, DmaDirection::kRead), out);
    default:
      return OnBlockIo(BlockIo(input, DmaDirection::kWrite), out);
  }
}

void BlockRequestDecoder::OnDma(const Input& input, Out& out) {
  switch (input.which) {
    case kIo:
      return dma_.OnIo(input, ContextOf(out));
    case kCallback:
      return dma_.OnCallback(input);
    case kMapWait:
      return dma_.OnMapWait(input);
    default:
      return dma_.OnComplete(input, ContextOf(out));
  }
}

void BlockRequestDecoder::OnFrontEnd(const Input& input, Out& out) {
  switch (input.which) {
    case kVirtqueuePop:
      return virtio_.OnPop(input);
    case kVirtioRead:
      return virtio_.OnHandle(input, DmaDirection::kRead, devices_);
    case kVirtioWrite:
      return virtio_.OnHandle(input, DmaDirection::kWrite, devices_);
    case kVirtioComplete:
      return virtio_.OnComplete(input, devices_, out);
    case kScsiParsed:
      return scsi_.OnParsed(input);
    case kScsiContinue:
      return OnScsiContinue(input);
    case kScsiDequeue:
      return scsi_.OnDequeue(input, devices_, out);
    case kIdeCommand:
    case kIdeBusCommand:
      return ide_.OnCommand(input, devices_, out);
    case kIdeDma:
      return ide_.OnDma(input, hints_);
    case kIdePioRead:
      return ide_.OnPio(input, DmaDirection::kRead, hints_);
    case kIdePioWrite:
      return ide_.OnPio(input, DmaDirection::kWrite, hints_);
    case kNcqCommand:
      return ide_.OnNcqCommand(input, hints_);
    case kAhciPio:
      return ide_.OnAhciPio(input, devices_);
    case kNvmeCommand:
      return OnNvmeCommand(input, out);
    default:
      return;  // kNvmeEnd has done what it is for
  }
}

// Whose read or write is it? A backend belongs to one front end. virtio-blk asks only for disks it does not know; its
// own need no look.
void BlockRequestDecoder::OnBlockIo(const BlockIo& io, Out& out) {
  Interface known = devices_.InterfaceOf(io.backend);
  auto may_be = [known](Interface interface) { return known == Interface::kNone || known == interface; };
  if (known == Interface::kVirtioBlk || io.is_probe()) return;
  if (dma_.OnBlockIo(io, ContextOf(out))) return;
  auto announced = [&](Hint::Of of) {
    return hints_.Latest([&](const Hint& hint) {
      return hint.of == of && may_be(hint.interface()) && hint.Fits(io.direction, io.offset, io.thread) &&
             (of != Hint::Of::kIdePio || hint.bytes == static_cast<uint64_t>(io.bytes));
    });
  };
  if (Hint* pio = announced(Hint::Of::kIdePio)) return OnPio(io, *pio, out);
  if (virtio_.OnBlockIo(io, devices_)) return;
  Hint* scsi = announced(Hint::Of::kScsi);
  if (scsi != nullptr && scsi_.OnBlockIo(scsi->key, io, devices_)) scsi->of = Hint::Of::kNone;
}

// Its end is not logged, so it counts as it begins.
void BlockRequestDecoder::OnPio(const BlockIo& io, Hint& hint, Out& out) {
  devices_.Use(io);
  devices_.Learn(hint.front_end, {io.backend, io.backend_text}, Interface::kIde);
  hint.of = Hint::Of::kNone;
  out.Emit({.interface = Interface::kIde,
            .backend = io.backend,
            .name = io.backend_text,
            .operation = OperationOf(io.direction),
            .bytes = Value::Unsigned(static_cast<uint64_t>(io.bytes)),
            .duration = {},
            .status = BlockStatus::kOk});
}

void BlockRequestDecoder::OnScsiContinue(const Input& input) {
  ScsiCommands::Submission submission = scsi_.OnContinue(input);
  if (submission.unit == 0) return;
  Hint hint;
  hint.of = Hint::Of::kScsi;
  hint.direction = submission.direction;
  hint.thread = input.thread;
  hint.front_end = submission.unit;
  hint.key = submission.key;
  hints_.Put(hint);
}

void BlockRequestDecoder::OnNvmeCommand(const Input& input, Out& out) {
  uint64_t nsid = input.args[1].bits;
  uint64_t opcode = input.args[2].bits;
  if (opcode == kNvmeFlush) {
    PointerText name;
    name.Assign("nsid " + std::to_string(nsid));
    return out.Emit({.interface = Interface::kNvme,
                     .backend = devices_.BackendOf(NvmeNamespace(nsid)).backend,
                     .name = name.view(),
                     .operation = BlockOperation::kFlush,
                     .bytes = {},
                     .duration = {},
                     .status = BlockStatus::kOk});
  }
  bool writes = opcode == kNvmeWrite || opcode == kNvmeZoneAppend;
  if (!writes && opcode != kNvmeRead) return hints_.Drop(Hint::Of::kNvme, input.thread);
  Hint hint;
  hint.of = Hint::Of::kNvme;
  hint.direction = writes ? DmaDirection::kWrite : DmaDirection::kRead;
  hint.thread = input.thread;
  hint.front_end = NvmeNamespace(nsid);
  hints_.Put(hint);
}

void BlockRequestDecoder::AbandonOld(int64_t now_us) {
  if (now_us == kNoTime) return;
  dma_.AbandonOld(now_us);
  virtio_.AbandonOld(now_us);
  scsi_.AbandonOld(now_us);
}

void BlockRequestDecoder::CountInFlight(Sink& sink) const {
  BlockRequestsInFlight in_flight(devices_);
  dma_.CountInFlight(in_flight);
  virtio_.CountInFlight(in_flight);
  scsi_.CountInFlight(in_flight);
  in_flight.EmitAll(sink);
}

void BlockRequestDecoder::Reset() {
  dma_.Reset();
  virtio_.Reset();
  scsi_.Reset();
  devices_.Reset();
  hints_ = FrontEndHints();
  ide_ = IdeCommands();
}

nlohmann::json BlockRequestDecoder::Save() const {
  return {{"devices", devices_.Save()}, {"hints", hints_.Save()}, {"dma", dma_.Save()},
          {"virtio", virtio_.Save()},   {"scsi", scsi_.Save()},   {"ide", ide_.Save()}};
}

void BlockRequestDecoder::Restore(const nlohmann::json& state) {
  Reset();
  BlockRequestDecoder restored(limits_);
  restored.devices_.Restore(state.at("devices"));
  restored.hints_.Restore(state.at("hints"));
  restored.dma_.Restore(state.at("dma"));
  restored.virtio_.Restore(state.at("virtio"));
  restored.scsi_.Restore(state.at("scsi"));
  restored.ide_.Restore(state.at("ide"));
  *this = std::move(restored);
}

std::unique_ptr<Decoder> Make(const DecoderLimits& limits) {
  return std::make_unique<BlockRequestDecoder>(limits);
}

}  // namespace

DecoderKind BlockRequestDecoderKind() {
  return {.name = "block_request",
          .span = "block_request",
          .inputs = {{"bdrv_open_common", {"bs", "filename"}},
                     {"blk_root_attach", {"blk", "bs"}},
                     {"blk_root_detach", {"blk", "bs"}},
                     {"blk_co_preadv", {"blk", "bs", "offset", "bytes"}},
                     {"blk_co_pwritev", {"blk", "bs", "offset", "bytes"}},
                     {"dma_blk_io", {"dbs", "bs", "offset", "to_dev"}, true},
                     {"dma_blk_cb", {"dbs", "ret"}},
                     {"dma_map_wait", {"dbs"}},
                     {"dma_complete", {"dbs", "ret"}},
                     {"virtqueue_pop", {"vq", "elem", "in_num", "out_num"}, true},
                     {"virtio_blk_handle_read", {"vdev", "req", "sector", "nsectors"}, true},
                     {"virtio_blk_handle_write", {"vdev", "req", "sector", "nsectors"}, true},
                     {"virtio_blk_req_complete", {"vdev", "req", "status"}},
                     {"scsi_req_parsed", {"target", "lun", "tag", "cmd", "xfer"}, true},
                     {"scsi_req_continue", {"target", "lun", "tag"}},
                     {"scsi_req_dequeue", {"target", "lun", "tag"}},
                     {"ide_exec_cmd", {"bus", "state", "cmd"}},
                     {"ide_bus_exec_cmd", {"bus", "state", "cmd"}},
                     {"ide_dma_cb", {"s", "sector_num", "n", "dma"}},
                     {"ide_sector_read", {"sector_num", "nsectors"}},
                     {"ide_sector_write", {"sector_num", "nsectors"}},
                     {"process_ncq_command", {"s", "port", "cmd", "lba"}},
                     {"ahci_pio_transfer", {"s", "port"}},
                     {"pci_nvme_io_cmd", {"cid", "nsid", "opcode"}},
                     {"pci_nvme_rw_cb", {"cid", "blkname"}}},
          .outputs = {{"block_request", {"interface", "device", "direction", "bytes", "duration", "status", "failed"}},
                      {"block_requests_in_flight", {"interface", "device", "requests"}, true}},
          .make = Make};
}

}  // namespace qte::correlation
