#include "trace/simple_trace.h"

#include <algorithm>
#include <cstring>

#include "catch.h"

using namespace qte::trace;
using namespace std::string_literals;

namespace {

template <class T>
std::string Bytes(T number, ByteOrder order) {
  std::string bytes(sizeof number, '\0');
  std::memcpy(bytes.data(), &number, sizeof number);
  if (order == ByteOrder::kSwapped) std::reverse(bytes.begin(), bytes.end());
  return bytes;
}

// A trace that grows with each call.
struct Writer {
  ByteOrder order = ByteOrder::kOwn;
  std::string bytes;

  std::string U64(uint64_t number) const { return Bytes(number, order); }
  std::string U32(uint32_t number) const { return Bytes(number, order); }
  std::string Text(std::string_view text) const { return U32(static_cast<uint32_t>(text.size())).append(text); }

  Writer& Header(uint64_t version = 4) {
    bytes += U64(UINT64_MAX) + U64(0xf2b177cb0aa429b4) + U64(version);
    return *this;
  }
  Writer& Name(uint64_t id, std::string_view name) {
    bytes += U64(0) + U64(id) + Text(name);
    return *this;
  }
  Writer& Record(uint64_t id, uint64_t time_ns, const std::string& payload) {
    return Record(id, time_ns, payload, static_cast<uint32_t>(24 + payload.size()));
  }
  Writer& Record(uint64_t id, uint64_t time_ns, const std::string& payload, uint32_t size) {
    bytes += U64(1) + U64(id) + U64(time_ns) + U32(size) + U32(4711) + payload;
    return *this;
  }
  Writer& Dropped(uint64_t count) { return Record(UINT64_MAX - 1, 0, U64(count)); }
};

Catalog Declared() {
  Catalog catalog;
  REQUIRE(
      catalog
          .Add("ps2_put_keycode(void *opaque, int keycode) \"%p keycode 0x%02x\"\n"
               "pci_cfg_read(const char *dev, int bus, int slot, int func, int offs, int val) "
               "\"%s %02x:%02x.%x @0x%x -> 0x%x\"\n"
               "pci_cfg_read(const char *dev, int devid, int fnid, int offs, int val) \"%s %02u:%u @0x%x -> 0x%x\"\n"
               "bmdma_reset(void) \"\"\n")
          .empty());
  return catalog;
}

struct Outcome {
  std::string lines;
  std::string error;
  uint64_t dropped = 0;
};

Outcome Read(std::string_view bytes, size_t piece = std::string_view::npos, int64_t offset = 0) {
  const Catalog catalog = Declared();
  SimpleTrace trace(catalog, std::chrono::microseconds(offset));
  Outcome outcome;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    if (auto status = trace.Read(bytes.substr(0, piece), outcome.lines); !status) {
      outcome.error = status.error();
      outcome.dropped = trace.dropped_events();
      return outcome;
    }
  }
  if (auto status = trace.Finish(); !status) outcome.error = status.error();
  outcome.dropped = trace.dropped_events();
  return outcome;
}

Writer Whole(ByteOrder order) {
  Writer w{order, {}};
  w.Header().Name(3, "ps2_put_keycode").Name(0, "pci_cfg_read").Name(7, "bmdma_reset").Name(9, "made_up_event");
  w.Record(3, 1'795'408'732'182'800'999, w.U64(0x55a7f0e0) + w.U64(0x34));
  w.Record(0, 5'000'001'000, w.Text("i440FX") + w.U64(0) + w.U64(1) + w.U64(2) + w.U64(16) + w.U64(0x12378086));
  w.Record(0, 5'000'002'000, w.Text("i440FX") + w.U64(8) + w.U64(2) + w.U64(16) + w.U64(0x12378086));
  w.Dropped(17);
  w.Record(7, 6'000'000'000, "");
  w.Record(9, 7'000'000'000, w.U64(1) + w.Text("text"));
  w.Record(3, 8'000'000'000, w.U64(1));
  w.Record(5, 9'000'000'000, w.U64(1));
  w.Dropped(3);
  return w;
}

constexpr std::string_view kWholeLines =
    "4711@1795408732.182800:ps2_put_keycode 0x55a7f0e0 keycode 0x34\n"
    "4711@5.000001:pci_cfg_read i440FX 00:01.2 @0x10 -> 0x12378086\n"
    "4711@5.000002:pci_cfg_read i440FX 08:2 @0x10 -> 0x12378086\n"
    "4711@6.000000:bmdma_reset \n"
    "4711@7.000000:made_up_event \n"
    "4711@8.000000:ps2_put_keycode (8 bytes of arguments, which match no declaration)\n"
    "4711@9.000000:(event 5, which the file does not name)\n";

}  // namespace

TEST_CASE("Records become lines of the log, in pieces of any size and in both byte orders") {
  for (ByteOrder order : {ByteOrder::kOwn, ByteOrder::kSwapped}) {
    const std::string bytes = Whole(order).bytes;
    for (size_t piece = 1; piece <= bytes.size(); ++piece) {
      const Outcome outcome = Read(bytes, piece);
      REQUIRE(outcome.error.empty());
      REQUIRE(outcome.lines == kWholeLines);
      REQUIRE(outcome.dropped == 20);
    }
  }
}

TEST_CASE("A trace behind another has ids and a byte order of its own") {
  Writer second{ByteOrder::kSwapped, {}};
  second.Header().Name(3, "bmdma_reset").Record(3, 0, "");
  CHECK(Read(Whole(ByteOrder::kOwn).bytes + second.bytes).lines ==
        std::string(kWholeLines) + "4711@0.000000:bmdma_reset \n");
}

TEST_CASE("A trace that ends in mid-entry is an error, and what came before is read") {
  const std::string bytes = Whole(ByteOrder::kOwn).bytes;
  size_t whole_entries = 0;
  for (size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    const Outcome outcome = Read(std::string_view(bytes).substr(0, size));
    CHECK(kWholeLines.starts_with(outcome.lines));
    whole_entries += outcome.error.empty() ? 1 : 0;
    if (!outcome.error.empty()) CHECK_THAT(outcome.error, ContainsSubstring("ends early"));
  }
  CHECK(whole_entries == 13);  // header, 4 names, 7 records, and the dropped ones but the last
}

TEST_CASE("An offset moves all times, never before 0") {
  Writer w;
  w.Header().Name(0, "bmdma_reset").Record(0, 2'000'000'000, "");
  CHECK(Read(w.bytes, 100, 1'795'000'000'000'001).lines == "4711@1795000002.000001:bmdma_reset \n");
  CHECK(Read(w.bytes, 100, -5'000'000).lines == "4711@0.000000:bmdma_reset \n");
}

TEST_CASE("Damage is an error with its place and reason") {
  const auto after_header = [](auto&& add) {
    Writer w;
    add(w.Header().Name(0, "bmdma_reset"));
    return w.bytes;
  };
  struct Case {
    std::string bytes, error;
  };
  const std::string at = "damaged simpletrace data at byte 55: ";
  for (const Case& c : {
           Case{Writer{}.Header(3).bytes, "simpletrace data of version 3, and only version 4 can be read"},
           Case{Writer{}.Name(0, "bmdma_reset").bytes, "damaged simpletrace data at byte 0: no header"},
           Case{std::string(24, '\xff'), "damaged simpletrace data at byte 0: a header without its magic number"},
           Case{after_header([](Writer& w) { w.bytes += w.U64(2); }),
                at + "an entry of type 2, which is neither 0 (a name) nor 1 (a record)"},
           Case{after_header([](Writer& w) { w.bytes += std::string(4096, '\0'); }), at + "an event with no name"},
           Case{after_header([](Writer& w) { w.Name(65'536, "a_b"); }),
                at + "an event with the id 65536, over the limit of 65,535"},
           Case{after_header([](Writer& w) { w.Name(1, std::string(257, 'a')); }),
                at + "an event's name of 257 bytes, over the limit of 256"},
           Case{after_header([](Writer& w) { w.Name(1, "a_b\n4711@1.000000:bmdma_reset"); }),
                at + "an event's name with other bytes than letters, digits and underscores"},
           Case{after_header([](Writer& w) { w.Record(0, 0, "", 23); }),
                at + "a record of 23 bytes, which is not between 24 and 262,144"},
           Case{after_header([](Writer& w) { w.Record(0, 0, "", UINT32_MAX); }),
                at + "a record of 4294967295 bytes, which is not between 24 and 262,144"},
           Case{after_header([](Writer& w) { w.Record(65'536, 0, ""); }),
                at + "a record of an event with the id 65536, over the limit of 65,535"},
           Case{after_header([](Writer& w) { w.Record(UINT64_MAX - 1, 0, ""); }),
                at + "dropped events without their number"},
       }) {
    CAPTURE(c.error);
    for (size_t piece : {size_t{1}, size_t{7}, c.bytes.size()}) CHECK(Read(c.bytes, piece).error == c.error);
  }
}

TEST_CASE("Extreme values stay lines") {
  Writer w;
  w.Header().Name(65'535, "bmdma_reset").Record(65'535, UINT64_MAX, "").Dropped(UINT64_MAX).Dropped(5);
  const Outcome outcome = Read(w.bytes);
  CHECK(outcome.lines == "4711@18446744073.709551:bmdma_reset \n");
  CHECK(outcome.dropped == UINT64_MAX);
  CHECK(outcome.error.empty());
}
