// Gives the consumed part of logs back to the disk, by punching holes, while QEMU goes on writing.
//
// Only what a checkpoint on the disk says was read is given back, so nothing is lost with the process. A file's first
// block stays, and the last bytes before the offset: by them the file is known again (source/fingerprint.h). How far a
// file was given back is saved with its position, so that no byte counts twice after a restart.
//
// A user who can write to the directory of the logs must not make the daemon destroy other files. So a hole is punched
// only into a regular file with one name, in the directory in which it was found, and never through a symbolic link.
//
// One thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/result.h"
#include "source/position.h"

namespace qte::daemon {

class Reclaimer {
 public:
  // After a checkpoint that holds these positions was written. Logs what cannot be done, once a file.
  void Reclaim(const source::Positions& written);
  // Notes in positions that are to be saved how far their files were given back.
  void Fill(source::Positions& positions) const;
  // True if so much was read and not given back that the next checkpoint should not be waited for.
  bool IsUrgent(const source::Positions& now) const;
  // Bytes of logs given back so far, holes that were there before among them.
  uint64_t bytes() const { return bytes_; }

 private:
  // What is known of a file; one that is gone is forgotten.
  struct Known {
    uint64_t reclaimed = 0;  // up to here
    bool is_refused = false;
  };

  // Up to where the file was given back, by this process or an earlier one.
  uint64_t ReclaimedOf(const source::StreamPosition& position) const;
  void ReclaimFile(const source::StreamPosition& position, Known& known);
  // Empty if it was done, or may be done later; else why not.
  std::string Punch(const source::StreamPosition& position, Known& known);

  std::map<source::FileIdentity, Known> known_;
  uint64_t bytes_ = 0;
};

}  // namespace qte::daemon
