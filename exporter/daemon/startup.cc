#include "daemon/startup.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace qte::daemon {

std::string Startup::Show(const Progress& progress) {
  constexpr double kMega = 1e6;
  const auto read = static_cast<double>(progress.read);
  const double all = read + static_cast<double>(progress.left);
  return fmt::format("{:.1f} of {:.1f} MB ({:.0f} %)", read / kMega, all / kMega, all > 0 ? 100 * read / all : 100);
}

void Startup::Log(bool is_caught_up, const Progress& progress, Clock::Time now) {
  if (is_told_) return;
  const auto seconds = std::chrono::duration<double>(now - begin_).count();
  if (is_caught_up) {
    if (has_logged_) spdlog::info("ready after {:.0f} s: what was there at the start has been read", seconds);
    is_told_ = true;
  } else if (IsOver(false, now)) {
    spdlog::warn(
        "serving after {:.0f} s although only {} of what was there at the start have been read "
        "(--web.startup-timeout): counters are lower than they will be",
        seconds, Show(progress));
    is_told_ = true;
  } else if (now >= next_) {
    spdlog::info("not ready yet: read {} of what was there at the start", Show(progress));
    has_logged_ = true;
    next_ = now + kInterval - kTolerance;
  }
}

}  // namespace qte::daemon
