#include "guests/checkpoint_file.h"

#include <cstdlib>
#include <filesystem>

#include "base/atomic_file.h"
#include "catch.h"

using namespace qte;
using namespace qte::guests;
using nlohmann::json;

namespace {

struct TemporaryDirectory {
  std::string path;
  TemporaryDirectory() {
    char name[] = "/tmp/qte-state-XXXXXX";
    path = mkdtemp(name);
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path); }
};

json Payload() {
  return {
      {"text", std::string("\xff\0any", 5)}, {"big", UINT64_MAX}, {"negative", -5}, {"real", 0.1}, {"list", {1, 2}}};
}

}  // namespace

TEST_CASE("A checkpoint comes back as it was written") {
  auto decoded = DecodeCheckpoint(EncodeCheckpoint(Payload()));
  REQUIRE(decoded.ok());
  CHECK(*decoded == Payload());
}

TEST_CASE("No damage goes unseen") {
  std::string file = EncodeCheckpoint(Payload());
  for (size_t size = 0; size < file.size(); ++size) CHECK_FALSE(DecodeCheckpoint(file.substr(0, size)).ok());
  CHECK_FALSE(DecodeCheckpoint(file + "x").ok());
  for (size_t i = 0; i < file.size(); ++i) {
    std::string damaged = file;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x20);
    CAPTURE(i);
    CHECK_FALSE(DecodeCheckpoint(damaged).ok());
  }
}

TEST_CASE("Messages tell a foreign file from an old and a torn one") {
  std::string file = EncodeCheckpoint(Payload());
  CHECK(DecodeCheckpoint("hello").error() == "it is no checkpoint");
  CHECK(DecodeCheckpoint(file.substr(0, file.size() - 1)).error() == "it is torn: its size is not what it says");
  file[7] = 9;
  CHECK(DecodeCheckpoint(file).error() == "it has version 9, this program reads version 4");
}

TEST_CASE("A directory is made, written, read, and held by one process") {
  TemporaryDirectory temporary;
  std::string path = temporary.path + "/a/b";
  {
    auto directory = CheckpointDirectory::Open(path);
    REQUIRE(directory.ok());
    CHECK_FALSE(directory->Load().payload.has_value());
    CHECK(directory->Load().warning.empty());
    REQUIRE(directory->Write(Payload()).ok());
    CHECK(directory->Load().payload == Payload());
    CHECK(CheckpointDirectory::Open(path).error() == "state directory \"" + path + "\" is in use by another process");
  }
  CHECK(CheckpointDirectory::Open(path).ok());
  CHECK_FALSE(CheckpointDirectory::Open("/proc/nothing").ok());
}

TEST_CASE("A checkpoint that cannot be used is kept under another name") {
  TemporaryDirectory temporary;
  auto directory = CheckpointDirectory::Open(temporary.path);
  REQUIRE(directory.ok());
  for (int n = 1; n <= 2; ++n) {
    REQUIRE(WriteFileAtomically(directory->path(), "rubbish").ok());
    CheckpointDirectory::Loaded loaded = directory->Load();
    CHECK_FALSE(loaded.payload.has_value());
    std::string aside = directory->path() + ".bad-" + std::to_string(n);
    CHECK(loaded.warning == "checkpoint " + directory->path() +
                                " cannot be used: it is no checkpoint; starting anew, it is kept as " + aside);
    CHECK(*ReadWholeFile(aside) == "rubbish");
    CHECK_FALSE(std::filesystem::exists(directory->path()));
  }
}
