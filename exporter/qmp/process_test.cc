#include "qmp/process.h"

#include <poll.h>
#include <sys/wait.h>

#include <fstream>

#include "qmp/connection.h"
#include "qmp/fake_qemu_for_test.h"

namespace qte::qmp {
namespace {

TEST_CASE("The process that listens is known by its id and its start") {
  TestDirectory directory;
  FakeQemu qemu(directory / "qmp", {});
  ListeningChild child(qemu);
  Connection connection(directory / "qmp");
  REQUIRE(!connection.failure());
  Process peer = PeerOf(connection.fd());
  CHECK(peer.pid == static_cast<uint64_t>(child.pid()));
  CHECK(peer.start > 0);

  UniqueFd watch = Watch(peer);
  REQUIRE(watch);
  CHECK(Watch({peer.pid, 0}));
  CHECK_FALSE(Watch({peer.pid, peer.start + 1}));  // another process had this id
  pollfd fd{watch.get(), POLLIN, 0};
  CHECK(::poll(&fd, 1, 0) == 0);
  child.End();
  CHECK(::poll(&fd, 1, 10'000) == 1);
  CHECK_FALSE(Watch(peer));
}

TEST_CASE("A process that cannot be told") {
  CHECK(PeerOf(-1).pid == 0);
  CHECK_FALSE(Watch({}));
  CHECK_FALSE(Watch({99'999'999, 1}));
}

TEST_CASE("A file is another one after it was made again") {
  TestDirectory directory;
  const std::string path = directory / "file";
  CHECK(FileAt(path) == FileId());
  std::ofstream(path) << "a";
  FileId first = FileAt(path);
  CHECK(first != FileId());
  std::ofstream(path) << "b";
  CHECK(FileAt(path) == first);
  std::ofstream(directory / "other") << "c";
  std::filesystem::rename(directory / "other", path);
  CHECK(FileAt(path) != first);
}

}  // namespace
}  // namespace qte::qmp
