#include "commands/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>

namespace qte::commands {
namespace {

constexpr std::chrono::milliseconds kPatience{1000};
constexpr std::chrono::milliseconds kInterval{100};
// Moves to the start of the line and erases it.
constexpr const char* kClearLine = "\r\033[K";

std::string Bar(double part) {
  constexpr size_t kWidth = 30;
  std::string bar(static_cast<size_t>(part * kWidth), '=');
  if (bar.size() < kWidth) bar += '>';
  bar.resize(kWidth, ' ');
  return '[' + bar + ']';
}

}  // namespace

Progress::Progress(uint64_t total) : total_(total), is_shown_(isatty(STDERR_FILENO) == 1), next_(begin_ + kPatience) {}

Progress::~Progress() {
  if (has_line_) std::fputs(kClearLine, stderr);
}

void Progress::Show(uint64_t done) {
  std::unique_lock lock(mutex_, std::try_to_lock);
  Clock::time_point now = Clock::now();
  if (!lock || now < next_) return;
  next_ = now + kInterval;
  has_line_ = true;
  double seconds = std::chrono::duration<double>(now - begin_).count();
  double speed = static_cast<double>(done) / seconds;
  std::string text = fmt::format("{:.0f} MB/s", speed / 1e6);
  if (total_ == 0) {
    text = fmt::format("{:.0f} MB, {}", static_cast<double>(done) / 1e6, text);
  } else {
    double part = std::min(1.0, static_cast<double>(done) / static_cast<double>(total_));
    double left = static_cast<double>(total_ - std::min(done, total_)) / speed;
    text = fmt::format("{} {:3.0f} %, {}, {:.0f} s left", Bar(part), part * 100, text, left);
  }
  std::fputs((kClearLine + text).c_str(), stderr);
}

}  // namespace qte::commands
