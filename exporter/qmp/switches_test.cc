#include "qmp/switches.h"

#include <poll.h>

#include "qmp/fake_qemu_for_test.h"

namespace qte::qmp {
namespace {

using Events = std::vector<std::string>;

// A connection that takes commands.
Connection Connect(const std::string& path) {
  Connection connection(path);
  while (!connection.Greet()) {
    REQUIRE(!connection.failure());
    pollfd fd{connection.fd(), POLLIN, 0};
    ::poll(&fd, 1, 1000);
  }
  connection.set_deadline(std::chrono::steady_clock::now() + std::chrono::seconds(5));
  REQUIRE(connection.Execute("qmp_capabilities"));
  return connection;
}

TEST_CASE("An event that was switched on without an answer is ours all the same") {
  TestDirectory directory;
  const std::string path = directory / "qmp";
  FakeQemu::Manners manners;
  manners.replies = 2;  // to qmp_capabilities, and what the event's state is
  Switches switches;
  {
    FakeQemu qemu(path, {{"dma_blk_io", "disabled"}}, manners);
    Connection connection = Connect(path);
    connection.set_deadline(std::chrono::steady_clock::now() + std::chrono::milliseconds(200));
    std::optional<Failure> failure = switches.SwitchOn(connection, {"dma_blk_io"});
    REQUIRE(failure);
    CHECK(failure->reason == Reason::kTimeout);
    CHECK(qemu.StateOf("dma_blk_io") == "enabled");
  }
  FakeQemu qemu(path, {{"dma_blk_io", "enabled"}});
  Connection connection = Connect(path);
  CHECK_FALSE(switches.SwitchOn(connection, {"dma_blk_io"}));
  CHECK(switches.ours() == Events{"dma_blk_io"});
  CHECK_FALSE(switches.SwitchOffBut(connection, {}));
  CHECK(qemu.StateOf("dma_blk_io") == "disabled");
}

}  // namespace
}  // namespace qte::qmp
