// Names of disks that were opened before the log began: learned from reads of nothing that are made on purpose.
#include "guests/guests_for_test.h"

namespace qte::guests {
namespace {

const std::string kProbe = "blk_co_preadv blk 0xa0 bs 0xb0 offset 1537 bytes 0 flags 0x0\n";
const std::string kDmaStart =
    "dma_blk_io dbs=0xd0 bs=0xa0 offset=1024 to_dev=0\n"
    "dma_blk_cb dbs=0xd0 ret=0\n";
const std::string kDmaEnd =
    "blk_co_preadv blk 0xa0 bs 0xb0 offset 1024 bytes 512 flags 0x0\n"
    "dma_blk_cb dbs=0xd0 ret=0\n"
    "dma_complete dbs=0xd0 ret=0 cb=0xc0\n";

// Where the bytes of the DMA request went.
std::string DeviceOf(const GuestsForTest& guests) {
  constexpr std::string_view kBegin = "qemu_dma_read_bytes_total{device=";
  std::string device;
  for (const auto& [series, value] : guests.Values()) {
    if (series.starts_with(kBegin)) device += series.substr(kBegin.size()) + "=" + std::to_string(int(value)) + " ";
  }
  return device;
}

TEST_CASE("A read that was expected names its disk, and is no request") {
  GuestsForTest guests(DefaultConfig());
  CHECK(guests->LacksDrive(0, {.file = "/img/a"}));
  guests->Expect(0, {{7, "/img/x"}, {1537, "/img/a"}});
  guests.Feed(kProbe);
  CHECK(!guests->LacksDrive(0, {.file = "/img/a"}));
  CHECK(guests->LacksDrive(0, {.file = "/img/x"}));
  guests.Feed(kDmaStart + kDmaEnd);
  CHECK(DeviceOf(guests) == "/img/a}=512 ");
  CHECK(guests.Value("qemu_trace_events_total{event=blk_co_preadv}") == 2);
  CHECK(guests.Value("qemu_dma_reads_total{device=/img/a}") == 1);
}

TEST_CASE("The default config's events: names first, and the begin of requests last") {
  config::Loaded loaded = config::Parse(DefaultConfig(), "test.yaml");
  rules::Compiled compiled = rules::Compile(*loaded.config, BundledCatalog());
  REQUIRE(compiled.program != nullptr);
  rules::EventOrder order = compiled.program->OrderOfNeededEvents();
  CHECK(order.naming ==
        std::vector<std::string>{"bdrv_open_common", "blk_co_preadv", "blk_root_attach", "blk_root_detach"});
  REQUIRE(order.rest.size() > 5);
  CHECK(std::vector<std::string>(order.rest.end() - 5, order.rest.end()) ==
        std::vector<std::string>{"ide_atapi_cmd_read", "scsi_req_parsed", "virtio_blk_handle_read",
                                 "virtio_blk_handle_write", "virtqueue_pop"});
  CHECK(order.naming.size() + order.rest.size() == compiled.program->NeededEvents().size());
}

TEST_CASE("What names no disk") {
  struct Case {
    std::string name;
    std::string lines;
  };
  for (const Case& c : {
           Case{"another offset", "blk_co_preadv blk 0xa0 bs 0xb0 offset 1538 bytes 0 flags 0x0\n"},
           Case{"a read of something", "blk_co_preadv blk 0xa0 bs 0xb0 offset 1537 bytes 512 flags 0x0\n"},
           Case{"a write", "blk_co_pwritev blk 0xa0 bs 0xb0 offset 1537 bytes 0 flags 0x0\n"},
           Case{"a torn line", "blk_co_preadv blk 0xa0 bs 0xb0 offset 1537\n"},
       }) {
    CAPTURE(c.name);
    GuestsForTest guests(DefaultConfig());
    guests->Expect(0, {{1537, "/img/a"}});
    guests.Feed(c.lines + kDmaStart + kDmaEnd);
    CHECK(DeviceOf(guests) == "0xa0}=512 ");
    CHECK(guests->LacksDrive(0, {.file = "/img/a"}));
  }
}

TEST_CASE("A read of nothing that nobody expects, as in a recorded log, is no part of a request") {
  GuestsForTest guests(DefaultConfig());
  guests.Feed(kDmaStart + kProbe + kDmaEnd);
  CHECK(DeviceOf(guests) == "0xa0}=512 ");
}

TEST_CASE("A wrong name that the log has told is replaced") {
  GuestsForTest guests(DefaultConfig());
  guests.Feed(
      "bdrv_open_common bs 0xb0 filename \"told.img\" flags 0x2000 format_name \"raw\"\n"
      "blk_root_attach child 0xe0 blk 0xa0 bs 0xb0\n");
  guests->Expect(0, {{1537, "/img/a"}});
  guests.Feed(kProbe + kDmaStart + kDmaEnd);
  CHECK(DeviceOf(guests) == "/img/a}=512 ");
}

TEST_CASE("Names are lacking again after a restart, and never where nothing would learn them") {
  GuestsForTest guests(DefaultConfig());
  guests->Expect(0, {{1537, "/img/a"}});
  guests.Feed(kProbe);
  guests->OnRestart(0, source::Restart::kWriterEnded);
  CHECK(guests->LacksDrive(0, {.file = "/img/a"}));
  CHECK(!guests->LacksDrive(5, {.file = "/img/a"}));
  GuestsForTest other("metrics: [{name: x_total, type: counter, help: h, event: blk_co_preadv}]");
  CHECK(!other->LacksDrive(0, {.file = "/img/a"}));
  other->Expect(0, {{1537, "/img/a"}});
  other.Feed(kProbe);
  CHECK(other.Value("x_total") == 1);
}

TEST_CASE("A lookup learns the name as well, and rules do not see the read") {
  GuestsForTest guests(
      "lookups: {image: {event: bdrv_open_common, key: bs, value: filename}}\n"
      "metrics: [{name: x_total, type: counter, help: h, event: blk_co_preadv, value: bytes,\n"
      "           labels: {image: {lookup: image, key: bs}}},\n"
      "          {name: n_total, type: counter, help: h, event: blk_co_preadv}]\n");
  CHECK(guests->LacksDrive(0, {.file = "/img/a"}));
  guests->Expect(0, {{1537, "/img/a"}});
  guests.Feed(kProbe + kDmaEnd);
  CHECK(!guests->LacksDrive(0, {.file = "/img/a"}));
  CHECK(guests.Value("x_total{image=/img/a}") == 512);
  CHECK(guests.Value("n_total") == 1);
}

}  // namespace
}  // namespace qte::guests
