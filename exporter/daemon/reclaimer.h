// Gives the consumed part of logs back to the disk, by punching holes, while QEMU goes on writing.
//
// Only what a checkpoint on the disk says was read is given back, so nothing is lost with the process. A file's first
// block stays, and the last bytes before the offset: by them the file is known again (source/fingerprint.h). One
// thread.
#pragma once

#include <cstdint>
#include <map>
#include <set>

#include "base/result.h"
#include "source/position.h"

namespace qte::daemon {

class Reclaimer {
 public:
  // After a checkpoint that holds these positions was written. Logs what cannot be done, once a file.
  void Reclaim(const source::Positions& written);
  // True if so much was read and not given back that the next checkpoint should not be waited for.
  bool IsUrgent(const source::Positions& now) const;
  // Bytes of logs given back so far, holes that were there before among them.
  uint64_t bytes() const { return bytes_; }

 private:
  // What is known of a file; one that is gone is forgotten.
  struct Known {
    uint64_t reclaimed = 0;  // up to here
    bool is_impossible = false;
  };

  void ReclaimFile(const source::StreamPosition& position, Known& known);

  std::map<source::FileIdentity, Known> known_;
  uint64_t bytes_ = 0;
};

}  // namespace qte::daemon
