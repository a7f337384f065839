// The disks of one QEMU, and how to have its log tell which backend each of them is.
//
// query-block names a disk's file, trace events print pointers, and nothing that only asks connects the two (tried with
// all events of QEMU 7.2 on: query-block, query-blockstats, query-named-block-nodes, info block, info qtree). A read
// does: blk_co_preadv prints backend, node and offset. So each disk is read by the monitor's qemu-io, 0 bytes long, at
// an offset between two sectors that says which disk it was. That touches no data, and query-blockstats does not count
// it. The offset of a disk that QEMU throttles lies behind its end: QEMU then logs the read and refuses it before it
// would wait for its turn, but prints "read failed: Input/output error" on its standard output.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace qte::qmp {

struct Drive {
  std::string name;      // for qemu-io
  bool is_qdev = false;  // of the device, not of the backend
  std::string file;
  int64_t size = 0;  // bytes
  bool is_throttled = false;
  // What query-block says beside; empty where it says nothing.
  std::string format = {};
  std::string backend = {};
  std::string qdev = {};
  std::string serial = {};
  bool is_read_only = false;
};

// Reads the answer to query-block. Leaves out what is empty, has no file, or a name that the monitor would misread.
std::vector<Drive> DrivesOf(const nlohmann::json& query_block);

struct Probe {
  Drive drive;
  int64_t offset = 0;
  // For human-monitor-command.
  std::string CommandLine() const;
};

// Offsets are all different. `random` gives any 64 bits.
std::vector<Probe> MakeProbes(std::vector<Drive> drives, const std::function<uint64_t()>& random);

// Whether the images of a QEMU in this state (query-status) may be read: not at either end of a migration.
bool MayProbe(const nlohmann::json& query_status);

}  // namespace qte::qmp
