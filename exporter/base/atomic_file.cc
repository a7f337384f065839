#include "base/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/unique_fd.h"

namespace qte {
namespace {

Error Failed(const char* what, const std::string& path) {
  return Error{std::string("cannot ") + what + " \"" + path + "\": " + std::strerror(errno)};
}

Status WriteAll(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Failed("write", path);
    content.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

}  // namespace

Result<std::string> ReadWholeFile(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return Failed("read", path);
  std::string content;
  char chunk[65536];
  while (true) {
    ssize_t n = ::read(fd.get(), chunk, sizeof chunk);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Failed("read", path);
    if (n == 0) return content;
    content.append(chunk, static_cast<size_t>(n));
  }
}

Status WriteFileAtomically(const std::string& path, std::string_view content) {
  std::string aside = path + ".new";
  UniqueFd fd(::open(aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640));
  if (!fd) return Failed("write", aside);
  if (Status status = WriteAll(fd.get(), content, aside); !status) return status;
  if (::fsync(fd.get()) != 0) return Failed("sync", aside);
  if (std::rename(aside.c_str(), path.c_str()) != 0) return Failed("rename to", path);
  std::string directory = path.substr(0, path.rfind('/') + 1);
  UniqueFd parent(::open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent || ::fsync(parent.get()) != 0) return Failed("sync", directory);
  return {};
}

}  // namespace qte
