#include "guests/checkpoint_file.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <thread>

#include "base/atomic_file.h"
#include "base/hash.h"

namespace qte::guests {
namespace {

constexpr std::string_view kMagic = "QTECKPT";
constexpr size_t kHeaderSize = kMagic.size() + 1 + 2 * sizeof(uint64_t);

void AppendNumber(std::string& out, uint64_t number) {
  for (int shift = 0; shift < 64; shift += 8) out += static_cast<char>(number >> shift & 0xff);
}

uint64_t NumberAt(std::string_view bytes, size_t at) {
  uint64_t number = 0;
  for (size_t i = 0; i < sizeof number; ++i) {
    number |= static_cast<uint64_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  }
  return number;
}

// A process that was killed a moment ago may still hold the lock.
constexpr std::chrono::seconds kPatience{1};

bool TryLock(int file) {
  auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

}  // namespace

std::string EncodeCheckpoint(const nlohmann::json& payload) {
  std::string cbor;
  nlohmann::json::to_cbor(payload, cbor);
  std::string file(kMagic);
  file += static_cast<char>(kCheckpointVersion);
  AppendNumber(file, cbor.size());
  AppendNumber(file, StableHash(cbor));
  return file + cbor;
}

Result<nlohmann::json> DecodeCheckpoint(std::string_view file) {
  if (file.size() < kHeaderSize || !file.starts_with(kMagic)) return Error{"it is no checkpoint"};
  auto version = static_cast<uint8_t>(file[kMagic.size()]);
  if (version != kCheckpointVersion) {
    return Error{"it has version " + std::to_string(version) + ", this program reads version " +
                 std::to_string(kCheckpointVersion)};
  }
  std::string_view cbor = file.substr(kHeaderSize);
  if (NumberAt(file, kMagic.size() + 1) != cbor.size()) return Error{"it is torn: its size is not what it says"};
  if (NumberAt(file, kMagic.size() + 1 + sizeof(uint64_t)) != StableHash(cbor)) return Error{"it is damaged"};
  return DecodePayload(cbor);
}

Result<nlohmann::json> DecodePayload(std::string_view cbor) {
  // Told not to throw, it still does where a size is larger than any can be.
  try {
    return nlohmann::json::from_cbor(cbor);
  } catch (const nlohmann::json::exception&) {
    return Error{"it is damaged"};
  }
}

Result<CheckpointDirectory> CheckpointDirectory::Open(const std::string& directory) {
  std::error_code failed;
  std::filesystem::create_directories(directory, failed);
  if (failed) return Error{"cannot make state directory \"" + directory + "\": " + failed.message()};
  std::string path = directory + "/lock";
  UniqueFd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640));
  if (!lock) return Error{"cannot write to state directory \"" + directory + "\": " + std::strerror(errno)};
  if (!TryLock(lock.get())) {
    return Error{"state directory \"" + directory + "\" is in use by another process"};
  }
  return CheckpointDirectory(directory, std::move(lock));
}

CheckpointDirectory::Loaded CheckpointDirectory::Load() const {
  if (!std::filesystem::exists(path())) return {};
  Result<std::string> file = ReadWholeFile(path());
  if (!file) return {std::nullopt, SetAside(file.error())};
  Result<nlohmann::json> payload = DecodeCheckpoint(*file);
  if (!payload) return {std::nullopt, SetAside(payload.error())};
  return {std::move(*payload), ""};
}

std::string CheckpointDirectory::SetAside(const std::string& why) const {
  std::string aside;
  for (int n = 1; aside.empty() || std::filesystem::exists(aside); ++n) aside = path() + ".bad-" + std::to_string(n);
  bool moved = std::rename(path().c_str(), aside.c_str()) == 0;
  return "checkpoint " + path() + " cannot be used: " + why + "; starting anew" +
         (moved ? ", it is kept as " + aside : "");
}

Status CheckpointDirectory::Write(const nlohmann::json& payload) const {
  return WriteFileAtomically(path(), EncodeCheckpoint(payload));
}

}  // namespace qte::guests
