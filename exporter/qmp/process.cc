#include "qmp/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <utility>

namespace qte::qmp {
namespace {

// Field 22. The name of the process, field 2, stands in parentheses and may hold blanks and parentheses itself.
uint64_t StartOf(uint64_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text(std::istreambuf_iterator<char>(file), {});
  size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 1));
  std::string field;
  for (int number = 3; number <= 22; ++number) fields >> field;
  return fields ? std::stoull("0" + field) : 0;
}

}  // namespace

FileId FileAt(const std::string& path) {
  struct statx status;
  if (::statx(AT_FDCWD, path.c_str(), 0, STATX_INO | STATX_BTIME, &status) != 0) return {};
  uint64_t device = uint64_t{status.stx_dev_major} << 32 | status.stx_dev_minor;
  uint64_t birth = (status.stx_mask & STATX_BTIME) == 0
                       ? 0
                       : static_cast<uint64_t>(status.stx_btime.tv_sec) * 1'000'000'000 + status.stx_btime.tv_nsec;
  return {device, status.stx_ino, birth};
}

Process PeerOf(int socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  bool known = ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0 && credentials.pid > 0;
  if (!known) return {};
  auto pid = static_cast<uint64_t>(credentials.pid);
  return {pid, StartOf(pid)};
}

UniqueFd Watch(const Process& process) {
  if (process.pid == 0) return {};
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(process.pid), 0)));
  pollfd exit{fd.get(), POLLIN, 0};
  if (!fd || ::poll(&exit, 1, 0) != 0) return {};
  // Another process may have the id by now. The start is read after the descriptor holds on to the id's owner.
  uint64_t start = StartOf(process.pid);
  bool is_other = start != 0 && process.start != 0 && start != process.start;
  return is_other ? UniqueFd() : std::move(fd);
}

}  // namespace qte::qmp
