#include "rotated_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <stdexcept>
#include <utility>

namespace qte::split {
namespace {

namespace fs = std::filesystem;

void Put(int fd, std::string_view text) {
  if (::write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) throw std::runtime_error("cannot write");
}

}  // namespace

std::string NameOf(Way way) {
  switch (way) {
    case Way::kRename:
      return "rename";
    case Way::kRenameThenReopen:
      return "rename, reopen later";
    case Way::kRenameLateLines:
      return "rename, late lines";
    case Way::kTruncate:
      return "copytruncate";
    case Way::kDelete:
      return "delete";
    case Way::kSwitchLink:
      return "switch the link";
    case Way::kShift:
      return "shift";
  }
  return "?";
}

RotatedLog::RotatedLog(fs::path path, bool is_link, bool appends) : path_(std::move(path)), is_link_(is_link) {
  Open(appends);
}

void RotatedLog::Open(bool appends) {
  ++files_;
  appends_ = appends;
  fs::path file = is_link_ ? path_.parent_path() / ("run-" + std::to_string(files_)) : path_;
  fd_ = UniqueFd(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | (appends ? O_APPEND : 0), 0644));
  if (!fd_) throw std::runtime_error("cannot open " + file.string());
  if (!is_link_) return;
  fs::path link = path_;
  link += "~";
  fs::create_symlink(file, link);
  fs::rename(link, path_);
}

void RotatedLog::Write(std::string_view text) {
  Put(fd_.get(), text);
}

void RotatedLog::WriteLate(std::string_view text) {
  Put(old_fd_.get(), text);
}

void RotatedLog::MoveAway(Way way) {
  auto numbered = [this](int number) { return fs::path(path_.string() + "." + std::to_string(number)); };
  switch (way) {
    case Way::kTruncate:
    case Way::kSwitchLink:
      return;
    case Way::kDelete:
      fs::remove(path_);
      return;
    case Way::kShift:
      for (int number = files_; number > 0; --number) {
        if (fs::exists(numbered(number - 1))) fs::rename(numbered(number - 1), numbered(number));
      }
      fs::rename(path_, numbered(0));
      return;
    case Way::kRename:
    case Way::kRenameThenReopen:
    case Way::kRenameLateLines:
      fs::rename(path_, numbered(20261123 + files_));
      return;
  }
}

void RotatedLog::OpenNew(bool appends) {
  old_fd_ = std::move(fd_);
  Open(appends);
}

void RotatedLog::Truncate() {
  if (::ftruncate(fd_.get(), 0) != 0) throw std::runtime_error("cannot truncate");
}

}  // namespace qte::split
