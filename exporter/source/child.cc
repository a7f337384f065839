#include "source/child.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

namespace qte::source {
namespace {

// PATH as a login of root has it, where there is none.
constexpr const char* kUsualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// The program that a name means; the name itself if there is none.
std::string FindInPath(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* path = std::getenv("PATH");
  std::string directories = path != nullptr ? path : kUsualPath;
  for (size_t begin = 0; begin <= directories.size();) {
    const size_t end = std::min(directories.find(':', begin), directories.size());
    const std::string file = directories.substr(begin, end - begin) + '/' + name;
    if (::access(file.c_str(), X_OK) == 0) return file;
    begin = end + 1;
  }
  return name;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> Environment(const std::vector<std::string>& more) {
  std::vector<std::string> all = more;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view name = std::string_view(*entry).substr(0, std::strcspn(*entry, "=") + 1);
    bool is_set = false;
    for (const std::string& given : more) is_set = is_set || given.starts_with(name);
    if (!is_set) all.emplace_back(*entry);
  }
  return all;
}

// All that the new process calls, between fork and exec: other threads may have held any lock.
struct Launch {
  const char* file;
  char** words;
  char** environment;
  std::array<int, 3> descriptors;
  int failure;  // where errno is written to; closed by exec
  pid_t parent;

  [[noreturn]] void Fail() const {
    const int error = errno;
    (void)!::write(failure, &error, sizeof error);
    ::_exit(127);
  }

  [[noreturn]] void Run() const {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(127);  // it has ended meanwhile
    for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    for (int i = 0; i < 3; ++i) {
      if (::dup2(descriptors[static_cast<size_t>(i)], i) < 0) Fail();
    }
    ::execve(file, words, environment);
    Fail();
  }
};

}  // namespace

Result<Child> Child::Start(const Program& program) {
  std::vector<std::string> words = program.words;
  std::vector<std::string> environment = Environment(program.environment);
  const std::string file = FindInPath(words.front());
  const std::vector<char*> word_pointers = Pointers(words);
  const std::vector<char*> environment_pointers = Pointers(environment);
  std::array<int, 2> failure{};
  if (::pipe2(failure.data(), O_CLOEXEC) != 0) return Error{std::strerror(errno)};
  UniqueFd read_end(failure[0]);
  UniqueFd write_end(failure[1]);
  const Launch launch{.file = file.c_str(),
                      .words = const_cast<char**>(word_pointers.data()),
                      .environment = const_cast<char**>(environment_pointers.data()),
                      .descriptors = {program.input, program.output, program.errors},
                      .failure = write_end.get(),
                      .parent = ::getpid()};
  const pid_t pid = ::fork();
  if (pid < 0) return Error{std::strerror(errno)};
  if (pid == 0) launch.Run();
  Child child(pid);
  write_end.Reset();
  int error = 0;
  if (::read(read_end.get(), &error, sizeof error) != sizeof error) return child;
  ::waitpid(std::exchange(child.pid_, 0), nullptr, 0);
  return Error{std::strerror(error)};
}

Child::~Child() {
  if (pid_ == 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void Child::Send(int signal) const {
  if (pid_ != 0) ::kill(pid_, signal);
}

std::optional<std::string> Child::TakeEnd() {
  int status = 0;
  if (pid_ == 0 || ::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  pid_ = 0;
  if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
  return "exit code " + std::to_string(WEXITSTATUS(status));
}

}  // namespace qte::source
