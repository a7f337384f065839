// Counts the guest's requests from the events of QEMU's device models in recorded logs. The tests compare the decoders
// with these counts.
#pragma once

#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "decoders/replay_for_test.h"

namespace qte::decoders {

struct Total {
  size_t requests = 0;
  uint64_t bytes = 0;
  bool operator==(const Total&) const = default;
};

using Totals = std::map<std::string, Total>;  // by "device direction"

// ide_dma_cb comes first in each transfer and has the number of all its sectors in n. In these logs it occurs once per
// transfer. In others it repeats, so the decoder does not use it to count bytes.
inline Totals OfIde(const std::vector<std::string>& lines) {
  Totals totals;
  for (const std::string& line : lines) {
    unsigned long sectors = 0;
    char direction[8];
    const char* at = std::strstr(line.c_str(), "ide_dma_cb IDEState");
    if (at == nullptr || std::sscanf(at, "%*s %*s %*s sector_num=%*d n=%lu cmd=DMA %7s", &sectors, direction) != 2)
      continue;
    if (std::string(direction) == "TRIM") continue;
    Total& total = totals[std::string("/images/disk.raw ") + (direction[0] == 'R' ? "read" : "write")];
    ++total.requests;
    total.bytes += sectors * 512;
  }
  return totals;
}

// NVMe: the byte count of each read or write, added when pci_nvme_rw_complete_cb names its cid.
inline Totals OfNvme(const std::vector<std::string>& lines) {
  struct Command {
    std::string direction;
    uint64_t bytes = 0;
  };
  std::map<unsigned, Command> commands;
  Totals totals;
  for (const std::string& text : lines) {
    LogLine line = ParseLogLine(text);
    unsigned cid = 0;
    unsigned long bytes = 0;
    const char* arguments = line.arguments.c_str();
    if (line.event == "pci_nvme_read" &&
        std::sscanf(arguments, "cid %u nsid %*u nlb %*u count %lu", &cid, &bytes) == 2) {
      commands[cid] = {"read", bytes};
    } else if (line.event == "pci_nvme_write" &&
               std::sscanf(arguments, "cid %u opname %*s nsid %*u nlb %*u count %lu", &cid, &bytes) == 2) {
      commands[cid] = {"write", bytes};
    } else if (line.event == "pci_nvme_rw_complete_cb" && std::sscanf(arguments, "cid %u", &cid) == 1) {
      Total& total = totals["/images/disk.raw " + commands.at(cid).direction];
      ++total.requests;
      total.bytes += commands.at(cid).bytes;
      commands.erase(cid);
    }
  }
  return totals;
}

// SCSI: the number of blocks in each command of the guest. No command fails in this log.
inline Totals OfScsi(const std::vector<std::string>& lines) {
  Totals totals;
  for (const std::string& text : lines) {
    LogLine line = ParseLogLine(text);
    unsigned long blocks = 0;
    if (std::sscanf(line.arguments.c_str(), "%*s (sector %*u, count %lu)", &blocks) != 1) continue;
    Total& total =
        totals[line.event == "scsi_disk_dma_command_READ" ? "/images/disk.raw read" : "/images/disk.raw write"];
    ++total.requests;
    total.bytes += blocks * 512;
  }
  return totals;
}

// AHCI: NCQ commands 60 (read) and 61 (write) with their first and last sector. Port 0 has the first -drive, port 1 the
// second. The firmware read one sector of each disk without NCQ (ide_dma_cb).
inline Totals OfAhci(const std::vector<std::string>& lines) {
  Totals totals = {{"/images/disk.raw read", {1, 512}}, {"/images/d2.qcow2 read", {1, 512}}};
  for (const std::string& text : lines) {
    LogLine line = ParseLogLine(text);
    unsigned port = 0;
    unsigned opcode = 0;
    unsigned long first = 0;
    unsigned long last = 0;
    if (line.event != "process_ncq_command") continue;
    REQUIRE(std::sscanf(line.arguments.c_str(), "ahci(%*[^)])[%u][tag:%*u]: NCQ op 0x%x on sectors [%lu,%lu]", &port,
                        &opcode, &first, &last) == 4);
    Total& total = totals[std::string(port == 0 ? "/images/disk.raw" : "/images/d2.qcow2") +
                          (opcode == 0x60 ? " read" : " write")];
    ++total.requests;
    total.bytes += (last - first + 1) * 512;
  }
  return totals;
}

// IDE without DMA: the sectors of each ide_sector_read. The logs with this event have one disk and no ide_sector_write.
inline Totals OfIdePio(const std::vector<std::string>& lines) {
  Totals totals;
  for (const std::string& text : lines) {
    LogLine line = ParseLogLine(text);
    unsigned long sectors = 0;
    if (line.event != "ide_sector_read") continue;
    REQUIRE(std::sscanf(line.arguments.c_str(), "sector=%*d nsectors=%lu", &sectors) == 1);
    Total& total = totals["/images/disk.raw read"];
    ++total.requests;
    total.bytes += sectors * 512;
  }
  return totals;
}

// virtio-blk: the sectors of each request that virtio_blk_rw_complete says is done.
inline Totals OfVirtioBlk(const std::vector<std::string>& lines) {
  std::map<std::string, std::pair<std::string, uint64_t>> requests;
  Totals totals;
  for (const std::string& text : lines) {
    LogLine line = ParseLogLine(text);
    char request[32];
    unsigned long sectors = 0;
    const char* arguments = line.arguments.c_str();
    if (std::sscanf(arguments, "vdev %*s req %31s sector %*u nsectors %lu", request, &sectors) == 2) {
      requests[request] = {line.event == "virtio_blk_handle_read" ? "read" : "write", sectors * 512};
    } else if (line.event == "virtio_blk_rw_complete" && std::sscanf(arguments, "vdev %*s req %31s", request) == 1) {
      Total& total = totals["/images/disk.raw " + requests.at(request).first];
      ++total.requests;
      total.bytes += requests.at(request).second;
    }
  }
  return totals;
}

}  // namespace qte::decoders
