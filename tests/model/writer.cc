#include "writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace qte::model {
namespace {

std::string TextOf(Token token, size_t padding) {
  return "model_line t" + std::to_string(token) + std::string(padding, 'x') + "\n";
}

}  // namespace

void Writer::Open(Clock::Time now) {
  fd_ = UniqueFd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | (appends_ ? O_APPEND : 0), 0644));
  struct stat status;
  if (!fd_ || ::fstat(fd_.get(), &status) != 0) throw std::runtime_error("cannot open " + path_);
  file_ = std::make_shared<File>();
  file_->identity = source::FileIdentity::Of(status);
  file_->birth = source::BirthOf(fd_.get());
  files_.push_back(file_);
  position_ = 0;
  left_at_ = now;  // the file before this one
}

void Writer::Put(int fd, File& file, uint64_t& position, const std::string& text) {
  const bool appends = (::fcntl(fd, F_GETFL) & O_APPEND) != 0;
  ssize_t n = appends ? ::write(fd, text.data(), text.size())
                       : ::pwrite(fd, text.data(), text.size(), static_cast<off_t>(position));
  if (n != static_cast<ssize_t>(text.size())) throw std::runtime_error("cannot write");
  if (appends) position = file.size;
  position += text.size();
  file.size = position;
}

void Writer::Write(Token token, size_t padding) {
  if (part_ >= 0) {
    Put(fd_.get(), *file_, position_, rest_);
    file_->lines.push_back({part_, position_});
    part_ = -1;
  }
  Put(fd_.get(), *file_, position_, TextOf(token, padding));
  file_->lines.push_back({token, position_});
}

bool Writer::WritePart(Token token, size_t size) {
  if (part_ >= 0) return false;
  std::string text = TextOf(token, 20);
  size %= text.size() - 1;
  Put(fd_.get(), *file_, position_, text.substr(0, size + 1));
  part_ = token;
  rest_ = text.substr(size + 1);
  return true;
}

bool Writer::WriteLate(Token token, Clock::Time now, Clock::Duration window) {
  if (!old_fd_ || old_ends_in_part_ || now >= left_at_ + window) return false;
  Put(old_fd_.get(), *old_file_, old_position_, TextOf(token, 3));
  old_file_->lines.push_back({token, old_position_});
  return true;
}

Token Writer::GiveUpPart() {
  Token token = part_;
  part_ = -1;
  ends_in_part_ = token >= 0;
  return token;
}

void Writer::Leave() {
  old_fd_ = std::move(fd_);
  old_file_ = std::move(file_);
  old_position_ = position_;
  old_ends_in_part_ = std::exchange(ends_in_part_, false);
}

void Writer::Truncate() {
  ends_in_part_ = false;
  if (::ftruncate(fd_.get(), 0) != 0) throw std::runtime_error("cannot truncate");
  file_->lines.clear();
  file_->size = 0;
  file_->is_truncation_seen = false;
  file_->is_truncation_saved = false;
  file_->saved_offset = 0;
}

void Writer::TakeOver(bool appends) {
  appends_ = appends;
  fd_ = UniqueFd(::open(path_.c_str(), O_WRONLY | O_CLOEXEC | (appends ? O_APPEND : 0)));
  if (!fd_) throw std::runtime_error("cannot open " + path_);
  position_ = appends ? file_->size : 0;
}

void Writer::WriteStart(Token token) {
  Put(fd_.get(), *file_, position_, "2026-11-23 04:41:06.310+0000: starting up libvirt version: t" + std::to_string(token) + "\n");
  file_->lines.push_back({token, position_});
}

}  // namespace qte::model
