// The writer's side of a history: logs, what was written to them, and what became of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "source/file_identity.h"

namespace qte::model {

using Token = int;

struct Line {
  Token token = 0;
  uint64_t end = 0;  // its offset in the file, behind the newline
};

// One inode, under whatever name.
struct File {
  source::FileIdentity identity;
  int64_t birth = 0;
  std::vector<Line> lines;  // since the last truncation
  uint64_t size = 0;
  bool is_deleted = false;
  bool is_saved = false;            // the last checkpoint knows it
  bool was_saved = false;           // some checkpoint knew it
  bool is_old_target = false;       // of a link that leads elsewhere now
  bool is_unreachable = false;      // and no reader has it open
  bool is_truncation_seen = true;   // the reader has looked since the last one
  bool is_truncation_saved = true;  // and a checkpoint was taken since that
  uint64_t saved_offset = 0;        // of the last checkpoint; 0 if that was before the last truncation
};

// One QEMU and its log. Lines are "model_line <token>\n".
class Writer {
 public:
  // Without `appends` it writes at its own offset, as QEMU does, and leaves a hole after a truncation.
  Writer(std::string path, bool appends) : path_(std::move(path)), appends_(appends) {}

  const std::string& path() const { return path_; }
  bool appends() const { return appends_; }
  File* file() const { return file_.get(); }
  File* old_file() const { return old_file_.get(); }
  // All files ever written to.
  const std::vector<std::shared_ptr<File>>& files() const { return files_; }

  void Open(Clock::Time now);
  void Write(Token token, size_t padding);
  // The first bytes of a line; what follows comes with the next Write. False if one is begun already.
  bool WritePart(Token token, size_t size);
  // A line to the file that was rotated away; false if it is too late for that, by the promise of the reader.
  bool WriteLate(Token token, Clock::Time now, Clock::Duration window);
  // The line that was begun, and will never be whole; -1 if there is none.
  Token GiveUpPart();
  // Leaves the path; the file stays open for late lines.
  void Leave();
  void Truncate();
  // Another QEMU opens the same file: libvirt's append to it, -D truncates it.
  void TakeOver(bool appends);
  // No line will be written to the file before this one.
  void EndLate() { old_fd_ = UniqueFd(); }
  bool has_part() const { return part_ >= 0; }
  // libvirt's line at a domain's start, which is a token, too.
  void WriteStart(Token token);

 private:
  void Put(int fd, File& file, uint64_t& position, const std::string& text);

  std::string path_;
  bool appends_;
  std::vector<std::shared_ptr<File>> files_;
  std::shared_ptr<File> file_;
  UniqueFd fd_;
  uint64_t position_ = 0;
  std::shared_ptr<File> old_file_;
  UniqueFd old_fd_;
  uint64_t old_position_ = 0;
  Clock::Time left_at_{};
  Token part_ = -1;
  std::string rest_;           // of the line that was begun
  bool ends_in_part_ = false;  // the file; what comes next would be glued to it
  bool old_ends_in_part_ = false;
};

}  // namespace qte::model
