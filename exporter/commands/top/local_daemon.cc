#include "commands/top/local_daemon.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

namespace qte::commands::top {
namespace {

// Variables of the environment that would make it serve, or keep state, as the real daemon does.
constexpr const char* kUnset[] = {"QTE_STATE_PATH=",         "QTE_TRACE_PATH=",       "QTE_WEB_CONFIG_FILE=",
                                  "QTE_WEB_LISTEN_ADDRESS=", "QTE_WEB_ROUTE_PREFIX=", "QTE_WEB_SYSTEMD_SOCKET=",
                                  "QTE_WEB_TELEMETRY_PATH=", "QTE_LOG_FORMAT=",       "QTE_LOG_LEVEL="};

// A pattern may match later. A plain name that is not there is a mistake.
Status CheckFile(const std::string& file) {
  std::error_code error;
  if (file == "-" || file.find_first_of("*?[") != std::string::npos || std::filesystem::exists(file, error)) return {};
  return Error{file + ": no such file"};
}

source::Child::Program ProgramOf(const Options& options, const std::string& directory) {
  source::Child::Program program;
  program.words = {"/proc/self/exe", "serve", "--web.listen-address=unix:" + directory + "/socket", "--log.level=warn"};
  for (const std::string& file : options.config_files) program.words.push_back("--config.file=" + file);
  for (const std::string& file : options.files) program.words.push_back("--trace.path=" + file);
  program.environment.assign(std::begin(kUnset), std::end(kUnset));
  return program;
}

}  // namespace

Result<std::unique_ptr<LocalDaemon>> LocalDaemon::Start(const Options& options) {
  bool reads_input = false;
  for (const std::string& file : options.files) {
    if (Status status = CheckFile(file); !status) return Error{status.error()};
    reads_input = reads_input || file == "-";
  }
  std::error_code error;
  std::string directory = (std::filesystem::temp_directory_path(error) / "qemu-trace-exporter-XXXXXX").string();
  if (error || ::mkdtemp(directory.data()) == nullptr) {
    return Error{"cannot make a directory for a socket: " + std::string(std::strerror(errno)) + "; set TMPDIR"};
  }
  UniqueFd errors(::memfd_create("errors", MFD_CLOEXEC));
  const UniqueFd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  source::Child::Program program = ProgramOf(options, directory);
  program.input = reads_input ? STDIN_FILENO : nothing.get();
  program.output = errors.get();
  program.errors = errors.get();
  Result<source::Child> child = source::Child::Start(program);
  if (child) {
    return std::unique_ptr<LocalDaemon>(new LocalDaemon(std::move(directory), std::move(errors), std::move(*child)));
  }
  std::filesystem::remove_all(directory, error);
  return Error{"cannot start the exporter: " + child.error()};
}

LocalDaemon::LocalDaemon(std::string directory, UniqueFd errors, source::Child child)
    : directory_(std::move(directory)), errors_(std::move(errors)), child_(std::move(child)) {}

LocalDaemon::~LocalDaemon() {
  std::error_code error;
  std::filesystem::remove_all(directory_, error);
}

std::optional<std::string> LocalDaemon::TakeFailure() {
  if (!child_.TakeEnd()) return std::nullopt;
  std::string said(size_t{16} << 10, '\0');
  const ssize_t n = ::pread(errors_.get(), said.data(), said.size(), 0);
  said.resize(n > 0 ? static_cast<size_t>(n) : 0);
  while (said.ends_with('\n')) said.pop_back();
  return said.empty() ? "the exporter that reads the log has ended" : said;
}

}  // namespace qte::commands::top
