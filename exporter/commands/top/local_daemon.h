// The exporter itself as a child that follows logs and serves on a Unix socket, for those who have a log and no daemon.
//
// It reads as `serve` does: rotations, FIFOs, wrapped lines. It writes no checkpoint and gives nothing back to the
// disk.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "commands/options.h"
#include "source/child.h"

namespace qte::commands::top {

class LocalDaemon {
 public:
  // Follows options.files by the rules of options.config_files. The thread that calls this has to outlive it.
  static Result<std::unique_ptr<LocalDaemon>> Start(const Options& options);
  ~LocalDaemon();
  LocalDaemon(const LocalDaemon&) = delete;
  LocalDaemon& operator=(const LocalDaemon&) = delete;

  std::string address() const { return "unix:" + directory_ + "/socket"; }
  // What it has said, if it has ended.
  std::optional<std::string> TakeFailure();

 private:
  LocalDaemon(std::string directory, UniqueFd errors, source::Child child);

  const std::string directory_;
  UniqueFd errors_;
  source::Child child_;
};

}  // namespace qte::commands::top
