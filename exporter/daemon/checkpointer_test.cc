#include "daemon/checkpointer.h"

#include <stdlib.h>

#include <filesystem>

#include "catch.h"
#include "rules/compiler.h"

using namespace qte;

namespace {

guests::Checkpoint MomentOf(uint64_t version) {
  config::Loaded config = config::Parse("limits: {max_line_bytes: 100}", "x.yaml");
  REQUIRE(config.config.has_value());
  guests::Guests guests(rules::Compile(*config.config, trace::Catalog()).program, guests::SourceLabels({}), 1);
  guests::Checkpoint moment;
  moment.guests = guests.Save();
  moment.version = version;
  return moment;
}

}  // namespace

TEST_CASE("A checkpoint's time is that at which its moment was taken, or at which nothing had changed since") {
  std::string directory = "/tmp/qte_checkpointer_test_XXXXXX";
  REQUIRE(::mkdtemp(directory.data()) != nullptr);
  {
    std::unique_ptr<daemon::Checkpointer> checkpointer = std::move(*daemon::Checkpointer::Open(directory));
    CHECK(checkpointer->last_success() == 0);
    checkpointer->Confirm(7, 90);  // nothing is on the disk yet
    CHECK(checkpointer->last_success() == 0);
    // Writing a moment takes a while, in which other lines are read.
    checkpointer->Start(
        [](uint64_t known) {
          return std::optional(daemon::Checkpointer::Taken{MomentOf(known == 7 ? 8 : 7), known == 7 ? 200.0 : 100.0});
        },
        [] { return source::Positions(); }, [](uint64_t) { return false; });
    while (checkpointer->last_success() == 0) std::this_thread::yield();
    CHECK(checkpointer->last_success() == 100);
    checkpointer->Confirm(8, 150);  // another line has been read
    CHECK(checkpointer->last_success() == 100);
    checkpointer->Stop();  // writes a last time
    CHECK(checkpointer->last_success() == 200);
    checkpointer->Confirm(8, 250);
    CHECK(checkpointer->last_success() == 250);
  }
  std::filesystem::remove_all(directory);
}
