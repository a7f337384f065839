#include "config/config_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

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

Result<std::vector<std::string>> ConfigFilesOf(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::is_directory(path, error)) return std::vector{path};
  std::vector<std::string> files;
  std::string left_out;
  for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    const fs::path& file = at->path();
    std::error_code ignored;
    if (file.filename().native().starts_with('.') || !at->is_regular_file(ignored)) continue;
    if (file.extension() == ".yaml") files.push_back(file.string());
    if (file.extension() == ".yml") left_out = file.filename().string();
  }
  if (error) return Error{"cannot list: " + error.message()};
  if (files.empty() && !left_out.empty()) return Error{"has no *.yaml file; " + left_out + " needs another ending"};
  if (files.empty()) return Error{"has no *.yaml file"};
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace qte::config
