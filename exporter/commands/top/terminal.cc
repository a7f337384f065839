#include "commands/top/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string_view>

namespace qte::commands::top {
namespace {

constexpr size_t kUsualWidth = 80;
constexpr size_t kUsualHeight = 24;

constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l\x1b[2J";  // the other screen, no cursor
constexpr std::string_view kLeave = "\x1b[0m\x1b[?25h\x1b[?1049l";
constexpr std::string_view kHome = "\x1b[H";
constexpr std::string_view kClearLine = "\x1b[K";
constexpr std::string_view kClearBelow = "\x1b[J";

sigset_t SignalSet() {
  sigset_t set;
  ::sigemptyset(&set);
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP, SIGCONT}) ::sigaddset(&set, signal);
  return set;
}

void WriteAll(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(STDOUT_FILENO, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    text.remove_prefix(static_cast<size_t>(n));
  }
}

std::string_view StyleText(Line::Style style) {
  switch (style) {
    case Line::Style::kTitle:
      return "\x1b[7m";
    case Line::Style::kSelected:
      return "\x1b[1m";
    case Line::Style::kAlert:
      return "\x1b[31m";
    case Line::Style::kFaint:
      return "\x1b[2m";
    case Line::Style::kPlain:
      break;
  }
  return {};
}

bool IsSet(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

}  // namespace

EndSignals::EndSignals() {
  const sigset_t set = SignalSet();
  ::pthread_sigmask(SIG_BLOCK, &set, &before_);
  fd_.Reset(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
}

EndSignals::~EndSignals() {
  while (Take() != 0) continue;  // or they would end the program before it can return
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

int EndSignals::Take() const {
  signalfd_siginfo info{};
  return ::read(fd_.get(), &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
}

Status Terminal::Check() {
  if (::isatty(STDOUT_FILENO) == 0) return Error{"standard output is not a terminal; use --batch"};
  const char* kind = std::getenv("TERM");
  if (kind == nullptr || *kind == '\0' || std::string_view(kind) == "dumb") {
    return Error{"the terminal cannot place text (TERM is " +
                 std::string(kind != nullptr && *kind != '\0' ? kind : "not set") + "); use --batch"};
  }
  return {};
}

Result<std::unique_ptr<Terminal>> Terminal::Open(const EndSignals& signals) {
  if (Status status = Check(); !status) return Error{status.error()};
  // Standard input may be the trace.
  UniqueFd input(::isatty(STDIN_FILENO) != 0 ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                             : ::open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!input) return Error{"there is no terminal to read keys from; use --batch"};
  return std::unique_ptr<Terminal>(new Terminal(std::move(input), signals));
}

Terminal::Terminal(UniqueFd input, const EndSignals& signals)
    : input_(std::move(input)), signals_(signals), has_colours_(!IsSet("NO_COLOR")) {
  ::tcgetattr(input_.get(), &before_);
  Enter();
}

Terminal::~Terminal() {
  Leave();
}

void Terminal::Enter() {
  termios raw = before_;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);  // Ctrl-C and Ctrl-Z stay signals
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  ::tcsetattr(input_.get(), TCSADRAIN, &raw);
  WriteAll(kEnter);
}

void Terminal::Leave() {
  WriteAll(kLeave);
  ::tcsetattr(input_.get(), TCSADRAIN, &before_);
}

Screen Terminal::screen() const {
  winsize size{};
  const bool is_known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0;
  return {is_known ? size.ws_col : kUsualWidth, is_known ? size.ws_row : kUsualHeight, Notation::kShort, true};
}

// All at once, and each line over the old one, so that nothing flickers.
void Terminal::Show(const std::vector<Line>& lines) {
  std::string text(kHome);
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) text += "\r\n";
    const std::string_view style = has_colours_ ? StyleText(lines[i].style) : std::string_view();
    text.append(style).append(lines[i].text).append(style.empty() ? "" : "\x1b[0m");
    text += kClearLine;
  }
  text += kClearBelow;
  WriteAll(text);
}

Terminal::Event Terminal::AfterSignal(int signal) {
  if (signal == SIGWINCH || signal == SIGCONT || signal == 0) return Event::kChanged;
  if (signal != SIGTSTP) return Event::kEnd;
  Leave();
  ::raise(SIGSTOP);
  Enter();
  return Event::kChanged;
}

Terminal::Event Terminal::Wait(int other) {
  pollfd polled[] = {{input_.get(), POLLIN, 0}, {signals_.fd(), POLLIN, 0}, {other, POLLIN, 0}};
  if (::poll(polled, 3, -1) < 0) return Event::kNone;
  if (polled[1].revents != 0) return AfterSignal(signals_.Take());
  if (polled[0].revents == 0) return Event::kNone;
  char bytes[256];
  const ssize_t n = ::read(input_.get(), bytes, sizeof bytes);
  if (n <= 0) return Event::kEnd;
  typed_.append(bytes, static_cast<size_t>(n));
  return Event::kTyped;
}

}  // namespace qte::commands::top
