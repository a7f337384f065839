// Commands of IDE drives. They show what no other event shows: flushes, and the IDEState to which a request of
// programmed I/O or an AHCI port belongs.
//
//   ide_exec_cmd IDE exec cmd: bus U; state S; cmd 0xe7        a flush of drive S (ide_bus_exec_cmd from 10.0 on)
//   ide_exec_cmd IDE exec cmd: bus U; state S; cmd 0x20        a READ SECTORS; its first ide_sector_read comes next
//   ide_exec_cmd IDE exec cmd: bus U; state S; cmd 0xec        an IDENTIFY; on AHCI, its data goes out at once:
//   ahci_pio_transfer ahci(A)[P]: writing 512 bytes ...        S is port P of A
//
//   ide_atapi_cmd_read IDEState: S; read dma: LBA=64 nb_sectors=64     a CD-ROM: one read of 64 sectors of 2,048 bytes,
//   blk_co_preadv blk K bs B offset 131072 bytes 131072                in one piece or several
//   ide_atapi_cmd_read IDEState: S; read pio: LBA=17 nb_sectors=2      each sector is a read of its own
//
// QEMU does not log the end of these commands, so they count when they begin.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>

#include "decoders/disk/block_request.h"
#include "decoders/disk/front_end_hints.h"

namespace qte::decoders {

class IdeCommands {
 public:
  static constexpr HintKind kDma{1, Interface::kIde, HintKind::Announces::kTransfer};
  static constexpr HintKind kPio{2, Interface::kIde, HintKind::Announces::kOther};
  static constexpr HintKind kNcq{3, Interface::kIde, HintKind::Announces::kTransfer};
  static constexpr HintKind kTrim{7, Interface::kIde, HintKind::Announces::kTrim};
  // Hints of a CD-ROM's command by DMA and by programmed I/O, and of the rest of a DMA command that is already counted.
  static constexpr HintKind kDisc{11, Interface::kIde, HintKind::Announces::kOther, true};
  static constexpr HintKind kDiscPio{12, Interface::kIde, HintKind::Announces::kOther, true};
  static constexpr HintKind kDiscRest{13, Interface::kIde, HintKind::Announces::kOther, true};

  // Takes the arguments bus, state and cmd.
  void OnCommand(const Input& input, const BlockDevices& devices, FrontEndHints& hints, BlockRequestSink& out);
  // ide_dma_cb with the arguments s, sector_num, n and dma.
  void OnDma(const Input& input, FrontEndHints& hints);
  // process_ncq_command with the arguments s, port, cmd and lba.
  void OnNcqCommand(const Input& input, FrontEndHints& hints);
  // ide_sector_read or ide_sector_write with the arguments sector_num and nsectors.
  void OnPio(const Input& input, DmaDirection direction, FrontEndHints& hints);
  // ide_atapi_cmd_read with the arguments s, method, lba and nb_sectors.
  static void OnDisc(const Input& input, FrontEndHints& hints);
  // The hint that announced this read or write as programmed I/O or a CD-ROM's; null if none. `known` is the interface
  // of its backend.
  static Hint* PioOf(const BlockIo& io, Interface known, FrontEndHints& hints);
  // Counts a read or write that `pio` announced.
  static void OnBlockIo(const BlockIo& io, Hint& pio, BlockDevices& devices, BlockRequestSink& out);
  // ahci_pio_transfer with the arguments s and port.
  void OnAhciPio(const Input& input, BlockDevices& devices);

  // Like those of Decoder, but Restore changes nothing if it throws.
  nlohmann::json Save() const;
  void Restore(const nlohmann::json& state);

 private:
  // The latest command, while the event that belongs to it can still come next.
  uint64_t state_ = 0;
  uint64_t command_ = 0;
  uint64_t thread_ = kNoThread;
};

}  // namespace qte::decoders
