// Which file a path names, and the process at the other end of a UNIX socket, as far as the kernel tells: its id, and
// when it started, since ids are used again. Either is 0 where it is unknown: a process of another PID namespace has no
// id here, and one of another user may be hidden in /proc (systemd's ProtectProc=).
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/unique_fd.h"

namespace qte::qmp {

// Device, inode and time of birth; zeros where there is no such file.
using FileId = std::array<uint64_t, 3>;
FileId FileAt(const std::string& path);

struct Process {
  uint64_t pid = 0;
  uint64_t start = 0;  // clock ticks after the boot: field 22 of /proc/PID/stat
};

// The process that listens.
Process PeerOf(int socket);

// A descriptor that turns readable when the process ends; none where it has ended, or nothing tells (Linux before 5.3).
UniqueFd Watch(const Process& process);

}  // namespace qte::qmp
