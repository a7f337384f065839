#include "decoders/disk/disk_decoder.h"

#include <algorithm>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "decoders/disk/block_devices.h"
#include "decoders/disk/block_request.h"
#include "decoders/disk/dma_transfers.h"
#include "decoders/disk/front_end_hints.h"
#include "decoders/disk/ide_commands.h"
#include "decoders/disk/nvme_requests.h"
#include "decoders/disk/scsi_commands.h"
#include "decoders/disk/virtio_blk_requests.h"

namespace qte::decoders {
namespace {

using trace::Value;

// Indices into DecoderKind::parts, and the outputs of each part.
enum DiskPart : size_t { kTransfers, kRequests };
constexpr OutputSet kDmaOutputs = 1 << kDmaStart | 1 << kDmaRequest;
constexpr OutputSet kBlockOutputs = 1 << kBlockRequest | 1 << kInFlight | 1 << kDiskInfo;

// All kinds of hints. Restore needs them.
constexpr std::array kHintKinds = {&IdeCommands::kDma,          &IdeCommands::kPio,  &IdeCommands::kNcq,
                                   &IdeCommands::kTrim,         &IdeCommands::kDisc, &IdeCommands::kDiscPio,
                                   &IdeCommands::kDiscRest,     &NvmeRequests::kIo,  &NvmeRequests::kCheck,
                                   &NvmeRequests::kCopy,        &ScsiCommands::kIo,  &ScsiCommands::kData,
                                   &ScsiCommands::kMaybe,       &VirtioBlkRequests::kPayload};

class DiskDecoder final : public Decoder {
 public:
  explicit DiskDecoder(const DecoderLimits& limits)
      : limits_(limits), devices_(limits.max_names), dma_(limits), virtio_(limits), scsi_(limits), nvme_(limits) {}

  void OnEvent(const Input& input, Sink& sink) override;
  void CountInFlight(Sink& sink) const override;
  void Reset() override;
  nlohmann::json Save() const override;
  void Restore(const nlohmann::json& state) override;
  size_t open(size_t part) const override;
  uint64_t abandoned(size_t part) const override;
  uint64_t forgotten(size_t part) const override {
    return part == kTransfers ? devices_.names().forgotten() : devices_.forgotten();
  }
  std::vector<std::string> Explain(const Input& input) const override;
  void OnDrive(const Drive& drive) override { devices_.Tell(drive); }
  bool LacksDrive(const Drive& drive) const override { return devices_.Lacks(drive); }

 private:
  using Out = BlockRequestSink;

  // The handlers of events, indexed by Input::which.
  struct Event {
    DecoderInput input;
    void (DiskDecoder::*handle)(const Input& input, Out& out);
  };
  static const std::vector<Event>& Events();
  friend DecoderKind qte::decoders::DiskDecoderKind();

  void OnOpen(const Input& input, Out& out);
  void OnAttach(const Input& input, Out& out);
  void OnDetach(const Input& input, Out& out);
  template <DmaDirection kDirection>
  void OnBlockIo(const Input& input, Out& out);

  void OnDmaIo(const Input& input, Out& out) {
    dma_.OnIo(input, ContextOf(out));
    if (nvme_.has_just_begun()) LeaveToDma(input);
  }
  void OnDmaCallback(const Input& input, Out&) { dma_.OnCallback(input, hints_); }
  void OnDmaMapWait(const Input& input, Out&) { dma_.OnMapWait(input); }
  void OnDmaCancel(const Input& input, Out& out) { dma_.OnCancel(input, ContextOf(out)); }
  void OnDmaComplete(const Input& input, Out& out) { dma_.OnComplete(input, ContextOf(out)); }

  void OnVirtqueuePop(const Input& input, Out&) {
    virtio_.OnPop(input, hints_);
    scsi_.OnPop(input);
  }
  template <DmaDirection kDirection>
  void OnVirtioBlk(const Input& input, Out&) {
    virtio_.OnHandle(input, kDirection, devices_, hints_);
    scsi_.ForgetPop();
  }
  void OnVirtioBlkComplete(const Input& input, Out& out) { virtio_.OnComplete(input, devices_, hints_, out); }

  void OnScsiParsed(const Input& input, Out&) { scsi_.OnParsed(input, hints_.NextOrder()); }
  void OnScsiContinue(const Input& input, Out&) { scsi_.OnContinue(input, hints_); }
  void OnScsiSense(const Input& input, Out&) { scsi_.OnSense(input); }
  void OnScsiDequeue(const Input& input, Out& out) { scsi_.OnDequeue(input, devices_, hints_, out); }

  void OnIdeCommand(const Input& input, Out& out) { ide_.OnCommand(input, devices_, hints_, out); }
  void OnIdeDisc(const Input& input, Out&) { IdeCommands::OnDisc(input, hints_); }
  void OnIdeDma(const Input& input, Out&) { ide_.OnDma(input, hints_); }
  template <DmaDirection kDirection>
  void OnIdePio(const Input& input, Out&) {
    ide_.OnPio(input, kDirection, hints_);
  }
  void OnNcqCommand(const Input& input, Out&) { ide_.OnNcqCommand(input, hints_); }
  void OnAhciPio(const Input& input, Out&) { ide_.OnAhciPio(input, devices_); }

  void OnNvmeCommand(const Input& input, Out& out) { nvme_.OnCommand(input, {devices_, hints_, out}); }
  void OnNvmeMiscEnd(const Input& input, Out& out) { nvme_.OnMiscEnd(input, {devices_, hints_, out}); }
  void OnNvmeError(const Input& input, Out& out) { nvme_.OnError(input, {devices_, hints_, out}); }
  void OnNvmeName(const Input&, Out&) {}  // see OnEvent
  template <DmaDirection kDirection>
  void OnNvmeBegin(const Input& input, Out& out) {
    nvme_.OnBegin(input, kDirection, {devices_, hints_, out});
  }
  void OnNvmeEnd(const Input& input, Out& out) { nvme_.OnEnd(input, {devices_, hints_, out}); }
  void OnNvmeCompletion(const Input& input, Out& out) { nvme_.OnCompletion(input, {devices_, hints_, out}); }

  // Calls visit(name, each) for all members that have open requests. Their state is saved under the name.
  template <class Self, class Visit>
  static void ForEachWithRequests(Self& self, Visit&& visit) {
    visit("dma", self.dma_);
    visit("virtio", self.virtio_);
    visit("scsi", self.scsi_);
    visit("nvme", self.nvme_);
  }

  // Arguments of blk_root_attach or blk_root_detach.
  static BlockDevices::Edge EdgeOf(const Input& input) {
    return {input.args[2].bits, input.args[0].bits, input.args[1].bits, input.time_us};
  }
  void LeaveToDma(const Input& io);
  void Claim(const BlockIo& io, Out& out);
  static uint64_t OrderOf(const Hint* hint) { return hint == nullptr ? 0 : hint->order; }
  void AbandonOld(int64_t now_us);
  DmaTransfers::Context ContextOf(Out& out) { return {devices_, hints_, scsi_, out}; }

  DecoderLimits limits_;
  BlockDevices devices_;
  FrontEndHints hints_;
  DmaTransfers dma_;
  VirtioBlkRequests virtio_;
  ScsiCommands scsi_;
  NvmeRequests nvme_;
  IdeCommands ide_;
};

const std::vector<DiskDecoder::Event>& DiskDecoder::Events() {
  using D = DiskDecoder;
  constexpr auto kReads = DmaDirection::kRead;
  constexpr auto kWrites = DmaDirection::kWrite;
  // Transfers do not need the events of front ends.
  using Role = InputRole;
  auto block = [](std::string_view event, std::vector<std::string_view> arguments, bool begins = false,
                  Role role = Role::kOther) {
    return DecoderInput{event, std::move(arguments), begins, kBlockOutputs, false, role};
  };
  // Inputs that count NVMe requests in a log without DMA events. The default config needs the DMA events anyway.
  auto optional = [&](std::string_view event, std::vector<std::string_view> arguments, Role role = Role::kOther) {
    DecoderInput input = block(event, std::move(arguments), false, role);
    input.is_optional = true;
    return input;
  };
  static const std::vector<Event> kEvents = {
      {{"bdrv_open_common", {"bs", "filename", "flags", "format_name"}}, &D::OnOpen},
      {{"blk_root_attach", {"blk", "bs", "child"}}, &D::OnAttach},
      {{"blk_root_detach", {"blk", "bs", "child"}}, &D::OnDetach},
      {{"dma_blk_io", {"dbs", "bs", "offset", "to_dev"}, true, kAllOutputs, false, Role::kRequest}, &D::OnDmaIo},
      {{"dma_blk_cb", {"dbs", "ret"}}, &D::OnDmaCallback},
      {{"dma_map_wait", {"dbs"}}, &D::OnDmaMapWait},
      {{"blk_co_preadv", {"blk", "bs", "offset", "bytes"}, false, kAllOutputs, false, Role::kTransfer},
       &D::OnBlockIo<kReads>},
      {{"blk_co_pwritev", {"blk", "bs", "offset", "bytes", "flags"}, false, kAllOutputs, false, Role::kTransfer},
       &D::OnBlockIo<kWrites>},
      {{"dma_complete", {"dbs", "ret"}}, &D::OnDmaComplete},
      {{"dma_aio_cancel", {"dbs"}}, &D::OnDmaCancel},
      {block("virtqueue_pop", {"vq", "elem", "in_num", "out_num"}, true), &D::OnVirtqueuePop},
      {block("virtio_blk_handle_read", {"vdev", "req", "sector", "nsectors"}, true, Role::kRequest),
       &D::OnVirtioBlk<kReads>},
      {block("virtio_blk_handle_write", {"vdev", "req", "sector", "nsectors"}, true, Role::kRequest),
       &D::OnVirtioBlk<kWrites>},
      {block("virtio_blk_req_complete", {"vdev", "req", "status"}), &D::OnVirtioBlkComplete},
      {block("scsi_req_parsed", {"target", "lun", "tag", "cmd", "xfer"}, true, Role::kCommand), &D::OnScsiParsed},
      {block("scsi_req_continue", {"target", "lun", "tag"}), &D::OnScsiContinue},
      {block("scsi_req_build_sense", {"target", "lun", "tag", "key"}), &D::OnScsiSense},
      {block("scsi_req_dequeue", {"target", "lun", "tag"}), &D::OnScsiDequeue},
      {block("ide_exec_cmd", {"bus", "state", "cmd"}), &D::OnIdeCommand},
      {block("ide_bus_exec_cmd", {"bus", "state", "cmd"}), &D::OnIdeCommand},
      {block("ide_dma_cb", {"s", "sector_num", "n", "dma"}, false, Role::kRequest), &D::OnIdeDma},
      {block("ide_sector_read", {"sector_num", "nsectors"}), &D::OnIdePio<kReads>},
      {block("ide_sector_write", {"sector_num", "nsectors"}), &D::OnIdePio<kWrites>},
      {block("ide_atapi_cmd_read", {"s", "method", "lba", "nb_sectors"}, true), &D::OnIdeDisc},
      {block("process_ncq_command", {"s", "port", "cmd", "lba"}, false, Role::kRequest), &D::OnNcqCommand},
      {block("ahci_pio_transfer", {"s", "port"}), &D::OnAhciPio},
      {block("pci_nvme_io_cmd", {"cid", "nsid", "opcode"}), &D::OnNvmeCommand},
      {block("pci_nvme_rw_cb", {"cid", "blkname"}), &D::OnNvmeName},
      {block("pci_nvme_misc_cb", {"cid"}), &D::OnNvmeMiscEnd},
      {block("pci_nvme_err_req_status", {"cid", "nsid", "status", "opc"}), &D::OnNvmeError},
      {optional("pci_nvme_read", {"cid", "nsid", "nlb", "count", "lba"}, Role::kRequest), &D::OnNvmeBegin<kReads>},
      {optional("pci_nvme_write", {"cid", "nsid", "nlb", "count", "lba", "verb"}, Role::kRequest),
       &D::OnNvmeBegin<kWrites>},
      {optional("pci_nvme_rw_complete_cb", {"cid", "blkname"}), &D::OnNvmeEnd},
      {optional("pci_nvme_enqueue_req_completion", {"cid", "cqid", "status"}), &D::OnNvmeCompletion}};
  return kEvents;
}

void DiskDecoder::OnEvent(const Input& input, Sink& sink) {
  // Without its first argument, an event is useless.
  if (!input.args[0].has_value()) return;
  static const Event* const kTable = Events().data();
  const Event& event = kTable[input.which];
  Out out(devices_, sink);
  if (dma_.waits()) {
    using Next = DmaTransfers::NextLine;
    bool names_disk = event.handle == &DiskDecoder::OnNvmeName;
    dma_.OnNextLine(names_disk ? Next::kNamesDisk : Next::kOther, input, ContextOf(out));
  }
  if (nvme_.holds_flush()) {
    bool may_tell = event.handle == &DiskDecoder::OnNvmeMiscEnd || event.handle == &DiskDecoder::OnNvmeError ||
                    event.handle == &DiskDecoder::OnNvmeCompletion;
    if (!may_tell) nvme_.ReleaseFlush({devices_, hints_, out});
  }
  AbandonOld(input.time_us);
  (this->*event.handle)(input, out);
}

void DiskDecoder::OnOpen(const Input& input, Out&) {
  dma_.OnBlockLayer();
  devices_.Open(input.args[0].bits, {input.args[1].text(), input.args[2].bits, input.args[3].text()});
}

void DiskDecoder::OnAttach(const Input& input, Out&) {
  dma_.OnBlockLayer();
  devices_.Attach(EdgeOf(input));
}

void DiskDecoder::OnDetach(const Input& input, Out&) {
  dma_.OnBlockLayer();
  devices_.Detach(EdgeOf(input));
}

template <DmaDirection kDirection>
void DiskDecoder::OnBlockIo(const Input& input, Out& out) {
  dma_.OnBlockLayer();
  Claim(BlockIo(input, kDirection), out);
}

// The join of DMA counts a transfer as an NVMe request only if it detected that interface.
void DiskDecoder::LeaveToDma(const Input& io) {
  if (!dma_.IsOf(Interface::kNvme, io.args[0].bits)) return;
  nvme_.OnDma(io.args[3].bits == 0 ? DmaDirection::kRead : DmaDirection::kWrite, io.thread);
}

// Finds the owner of a read or write. A backend belongs to one front end. If the backend is known to be virtio-blk's,
// no search is necessary. Otherwise the owner is the transfer that names this backend. If there is none, several owners
// are possible: a transfer that names no backend (SCSI) and awaits a part, programmed I/O, virtio-blk, or SCSI without
// DMA. Each of these announces the read or write immediately before it in the same thread, so the latest announcement
// wins.
void DiskDecoder::Claim(const BlockIo& io, Out& out) {
  Interface known = devices_.InterfaceOf(io.backend);
  if (io.is_probe() || io.bytes < 0 || io.backend == 0) return;
  if (known == Interface::kVirtioBlk) return virtio_.OnOwnBlockIo(io, hints_);
  using Claim = DmaRequests::Claim;
  using Reach = DmaRequests::Reach;
  DmaRequests::Claimants claimants = dma_.ClaimantsOf(io, devices_);
  if (claimants.of_backend != DmaRequests::kNone) {
    return dma_.AddPart(claimants.of_backend, io, Claim::kSure, ContextOf(out));
  }
  Hint* pio = IdeCommands::PioOf(io, known, hints_);
  if (Hint* own = NvmeRequests::HintOf(io, known, hints_); OrderOf(own) > OrderOf(pio)) pio = own;
  Hint* scsi = scsi_.CommandOf(io, known, hints_);
  if (uint64_t order = nvme_.OrderOf(io); order != 0 && (known == Interface::kNone || known == Interface::kNvme)) {
    uint32_t transfer = claimants.of_thread.id;
    uint64_t of_transfer = transfer == DmaRequests::kNone ? 0 : dma_.OrderOf(transfer);
    uint64_t rival = std::max({OrderOf(pio), OrderOf(scsi), virtio_.WaitingFor(io, devices_), of_transfer});
    if (rival < order) return nvme_.OnBlockIo(io, devices_);
  }
  bool may_be_virtio = true;
  if (auto [id, reach] = claimants.of_thread; id != DmaRequests::kNone) {
    uint64_t rival = std::max({OrderOf(pio), OrderOf(scsi), virtio_.WaitingFor(io, devices_)});
    // Without thread ids, two front ends cannot be told apart. The latest one is a guess, and nothing is learned from
    // it.
    bool is_told = reach == Reach::kSurely || rival == 0 || io.thread != kNoThread;
    bool is_latest = rival < dma_.OrderOf(id) && (is_told || reach == Reach::kMaybe);
    if (reach == Reach::kSurely || is_latest) {
      return dma_.AddPart(id, io, is_told ? Claim::kSure : Claim::kGuess, ContextOf(out));
    }
    may_be_virtio = is_told || reach == Reach::kElsewhere;
  }
  if (pio != nullptr) {
    bool is_nvme = pio->kind->interface == Interface::kNvme;
    return is_nvme ? NvmeRequests::OnOwnBlockIo(io, *pio, devices_, out)
                   : IdeCommands::OnBlockIo(io, *pio, devices_, out);
  }
  if (may_be_virtio && virtio_.OnBlockIo(io, devices_)) return;
  if (scsi != nullptr) return scsi_.OnBlockIo(io, *scsi, devices_, hints_);
  // The request's coroutine was held back, and this thread woke it.
  auto [id, reach] = claimants.of_others;
  if (id == DmaRequests::kNone || reach == Reach::kElsewhere) return devices_.UseUnannounced(io);
  bool is_told = known == Interface::kScsi || reach == Reach::kSurely;
  dma_.AddPart(id, io, is_told ? Claim::kSure : Claim::kGuess, ContextOf(out));
}

std::vector<std::string> DiskDecoder::Explain(const Input& input) const {
  const DecoderInput& event = Events()[input.which].input;
  std::vector<std::string> known;
  for (size_t i = 0; i < event.arguments.size(); ++i) {
    std::string_view name = event.arguments[i];
    uint64_t bits = input.args[i].bits;
    std::string what;
    if (name == "dbs") {
      what = dma_.Explain(bits, devices_);
    } else if (name == "blk" || (name == "bs" && event.event == "dma_blk_io")) {
      what = devices_.Explain(bits);
    } else if (name == "bs") {
      what = devices_.names().ImageOfNode(bits).file;
    } else if (name == "vdev" || name == "state" || name == "nsid") {
      FrontEnd front_end = name == "nsid" ? NvmeNamespace(bits) : FrontEndOf(bits);
      what = devices_.Explain(devices_.BackendOf(front_end).backend);
    }
    if (what.empty()) continue;
    known.push_back(std::string(name) + " " + std::string(input.args[i].text()) + " is " + what);
  }
  return known;
}

size_t DiskDecoder::open(size_t part) const {
  if (part == kTransfers) return dma_.open();
  size_t sum = 0;
  ForEachWithRequests(*this, [&](const char*, const auto& each) { sum += each.open(); });
  return sum;
}

uint64_t DiskDecoder::abandoned(size_t part) const {
  if (part == kTransfers) return dma_.abandoned();
  uint64_t sum = 0;
  ForEachWithRequests(*this, [&](const char*, const auto& each) { sum += each.abandoned(); });
  return sum;
}

void DiskDecoder::AbandonOld(int64_t now_us) {
  if (now_us == kNoTime) return;
  // This runs for each event, and most guests have one kind of disk.
  ForEachWithRequests(*this, [&](const char*, auto& each) {
    if (each.open() > 0) each.AbandonOld(now_us);
  });
}

void DiskDecoder::CountInFlight(Sink& sink) const {
  BlockRequestsInFlight in_flight(devices_);
  ForEachWithRequests(*this, [&](const char*, const auto& each) { each.CountInFlight(in_flight); });
  in_flight.EmitAll(sink);
  EmitDiskInfos(devices_, sink);
}

void DiskDecoder::Reset() {
  ForEachWithRequests(*this, [](const char*, auto& each) { each.Reset(); });
  devices_.Reset();
  hints_ = FrontEndHints();
  ide_ = IdeCommands();
}

nlohmann::json DiskDecoder::Save() const {
  nlohmann::json state = {{"devices", devices_.Save()}, {"hints", hints_.Save()}, {"ide", ide_.Save()}};
  ForEachWithRequests(*this, [&](const char* name, const auto& each) { state[name] = each.Save(); });
  return state;
}

void DiskDecoder::Restore(const nlohmann::json& state) {
  Reset();
  DiskDecoder restored(limits_);
  restored.devices_.Restore(state.at("devices"));
  restored.hints_.Restore(state.at("hints"), kHintKinds);
  restored.ide_.Restore(state.at("ide"));
  ForEachWithRequests(restored, [&](const char* name, auto& each) { each.Restore(state.at(name)); });
  *this = std::move(restored);
}

}  // namespace

DecoderKind DiskDecoderKind() {
  std::vector<DecoderInput> inputs;
  for (const DiskDecoder::Event& event : DiskDecoder::Events()) inputs.push_back(event.input);
  return {
      .name = "disk",
      .parts = {{.name = "dma_request", .outputs = kDmaOutputs}, {.name = "block_request", .outputs = kBlockOutputs}},
      .inputs = std::move(inputs),
      .outputs = {{"dma_request_start", {"device", "direction"}, {"device", "direction"}},
                  {"dma_request", {"device", "direction", "bytes", "duration"}, {"device", "direction"}},
                  {"block_request",
                   {"interface", "device", "direction", "bytes", "duration", "status", "failed"},
                   {"interface", "device", "direction", "status"}},
                  {"block_requests_in_flight", {"interface", "device", "requests"}, {"interface", "device"}, true},
                  {"block_device",
                   {"interface", "device", "image", "format", "drive", "qdev", "serial", "read_only", "present"},
                   {"interface", "device", "image", "format", "drive", "qdev", "serial", "read_only"},
                   true,
                   true}},
      .make = [](const DecoderLimits& limits) -> std::unique_ptr<Decoder> { return std::make_unique<DiskDecoder>(limits); }};
}

}  // namespace qte::decoders
