#include "commands/top/password.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <fstream>

#include "base/unique_fd.h"

namespace qte::commands::top {
namespace {

// Keys do not become signals meanwhile, so the terminal is as before also after Ctrl-C.
class HiddenKeys {
 public:
  explicit HiddenKeys(int fd) : fd_(fd) {
    ::tcgetattr(fd_, &before_);
    termios hidden = before_;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG);
    hidden.c_cc[VMIN] = 1;
    hidden.c_cc[VTIME] = 0;
    ::tcsetattr(fd_, TCSADRAIN, &hidden);
  }
  ~HiddenKeys() { ::tcsetattr(fd_, TCSADRAIN, &before_); }
  HiddenKeys(const HiddenKeys&) = delete;
  HiddenKeys& operator=(const HiddenKeys&) = delete;

 private:
  const int fd_;
  termios before_{};
};

void Say(int fd, const std::string& text) {
  [[maybe_unused]] ssize_t n = ::write(fd, text.data(), text.size());
}

}  // namespace

Result<std::string> ReadPasswordFile(const std::string& path) {
  std::ifstream file(path);
  std::string password;
  if (!std::getline(file, password) && !file.eof()) return Error{"cannot read --password-file=" + path};
  if (password.ends_with('\r')) password.pop_back();
  return password;
}

Result<std::string> AskForPassword(const std::string& prompt) {
  const UniqueFd terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!terminal)
    return Error{"the daemon asks for a password, and there is no terminal to type it; add --password-file=FILE"};
  const HiddenKeys hidden(terminal.get());
  Say(terminal.get(), prompt);
  std::string password;
  for (char key = 0; ::read(terminal.get(), &key, 1) == 1;) {
    const bool is_end = key == '\n' || key == '\r';
    const bool is_cancelled = key == '\x03' || key == '\x04';
    if (is_end || is_cancelled) {
      Say(terminal.get(), "\r\n");
      return is_end ? Result<std::string>(std::move(password)) : Error{"no password was typed"};
    }
    const bool erases = key == '\x7f' || key == '\b';
    if (erases && !password.empty()) password.pop_back();
    if (!erases) password += key;
  }
  return Error{"no password was typed"};
}

}  // namespace qte::commands::top
