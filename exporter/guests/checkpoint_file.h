// The checkpoint: one file that holds all that a restart needs, under --state.path.
//
//   "QTECKPT" and the version as one byte | payload size, 8 bytes | hash of the payload, 8 bytes | payload, CBOR
//   (numbers little-endian; the payload's fields are described where they are made: checkpoint.h)
//
// Written aside, synced and renamed, so a crash leaves the old file or the new one. A file that is torn, of another
// version, or no checkpoint at all is set aside under another name, never deleted and never half believed. One process
// at a time has the directory.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace qte::guests {

inline constexpr uint8_t kCheckpointVersion = 4;

// The payload as the bytes of a file, and back; the error says what is wrong with them.
std::string EncodeCheckpoint(const nlohmann::json& payload);
Result<nlohmann::json> DecodeCheckpoint(std::string_view file);
// The part of it behind the header.
Result<nlohmann::json> DecodePayload(std::string_view cbor);

class CheckpointDirectory {
 public:
  // Makes the directory where it is missing, and locks it. The error names the directory and the reason, such as
  // another process that has it.
  static Result<CheckpointDirectory> Open(const std::string& directory);

  struct Loaded {
    std::optional<nlohmann::json> payload;  // empty: nothing there, or set aside
    std::string warning;                    // why a file was set aside, and where to
  };
  Loaded Load() const;
  // Sets the checkpoint aside, because what it holds cannot be used; returns the warning.
  std::string SetAside(const std::string& why) const;
  Status Write(const nlohmann::json& payload) const;
  std::string path() const { return directory_ + "/checkpoint"; }

 private:
  CheckpointDirectory(std::string directory, UniqueFd lock)
      : directory_(std::move(directory)), lock_(std::move(lock)) {}

  std::string directory_;
  UniqueFd lock_;
};

}  // namespace qte::guests
