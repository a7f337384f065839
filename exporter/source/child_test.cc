#include "source/child.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <thread>

#include "catch.h"

using namespace qte;
using source::Child;

namespace {

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

Pipe MakePipe() {
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

std::string AllOf(int fd) {
  std::string all;
  std::array<char, 4096> buffer;
  for (ssize_t n; (n = ::read(fd, buffer.data(), buffer.size())) > 0;)
    all.append(buffer.data(), static_cast<size_t>(n));
  return all;
}

// What a shell prints, and how it ends.
std::pair<std::string, std::string> Run(const std::string& script) {
  Pipe output = MakePipe();
  UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  auto child = Child::Start({.words = {"sh", "-c", script},
                             .environment = {"QTE_TEST=set", "HOME=/changed"},
                             .input = null.get(),
                             .output = output.write_end.get(),
                             .errors = null.get()});
  REQUIRE(child.ok());
  output.write_end.Reset();
  std::string text = AllOf(output.read_end.get());
  for (int i = 0; i < 1000; ++i) {
    if (auto end = child->TakeEnd()) return {text, *end};
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return {text, "still runs"};
}

}  // namespace

TEST_CASE("A child's words, environment and end") {
  CHECK(Run("echo $QTE_TEST $HOME; exit 3") == std::pair<std::string, std::string>("set /changed\n", "exit code 3"));
  CHECK(Run("kill -9 $$").second == "signal 9");
}

TEST_CASE("A child begins with default signals and no other descriptors") {
  sigset_t blocked;
  sigset_t before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  auto old = ::signal(SIGPIPE, SIG_IGN);
  UniqueFd open(::open("/dev/null", O_RDONLY));  // without O_CLOEXEC
  CHECK(Run("kill -TERM $$; echo survived").second == "signal 15");
  CHECK(Run("kill -PIPE $$; echo survived").second == "signal 13");
  CHECK(Run("test -e /proc/self/fd/" + std::to_string(open.get()) + " && echo open").first.empty());
  ::signal(SIGPIPE, old);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST_CASE("A program that is not there is an error") {
  UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  auto child = Child::Start({.words = {"qte-no-such-program"},
                             .environment = {},
                             .input = null.get(),
                             .output = null.get(),
                             .errors = null.get()});
  REQUIRE_FALSE(child.ok());
  CHECK(child.error() == "No such file or directory");
}

TEST_CASE("A child ends with its parent's thread") {
  Pipe output = MakePipe();
  UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  std::optional<Child> child;
  std::thread([&] {
    auto started = Child::Start({.words = {"sleep", "1000"},
                                 .environment = {},
                                 .input = null.get(),
                                 .output = output.write_end.get(),
                                 .errors = null.get()});
    REQUIRE(started.ok());
    child = std::move(*started);
  }).join();
  output.write_end.Reset();
  CHECK(AllOf(output.read_end.get()).empty());  // its end
}
