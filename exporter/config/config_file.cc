#include "config/config_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/unique_fd.h"
#include "config/document.h"

namespace qte::config {

Result<std::string> ReadConfigFile(const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return Error{std::string("cannot open: ") + std::strerror(errno)};
  std::string text;
  std::array<char, 65536> chunk;
  while (text.size() <= kMaxConfigBytes) {
    ssize_t n = ::read(file.get(), chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error{std::string("cannot read: ") + std::strerror(errno)};
    if (n == 0) break;
    text.append(chunk.data(), static_cast<size_t>(n));
  }
  return text;
}

}  // namespace qte::config
