// The reader of recorded traces: any file is read to its end or to its damage, and what was compressed comes back. A
// binary trace of QEMU's `simple` backend comes out as whole lines, compressed or not.
//
// Input: a file, plain, compressed or binary.
#include "commands/trace_reader.h"

#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include <optional>

#include "base/content.h"
#include "base/unique_fd.h"
#include "fuzz.h"
#include "http/gzip.h"

using namespace qte;
using fuzz::Require;

namespace {

const trace::Catalog& Declared() {
  static const trace::Catalog catalog = [] {
    trace::Catalog declared;
    const auto problems = declared.Add(
        "ps2_put_keycode(void *opaque, int keycode) \"%p keycode 0x%02x\"\n"
        "pci_cfg_read(const char *dev, int bus, int slot, int func, int offs, int val) \"%s %02x:%02x.%x @0x%x -> "
        "0x%x\"\n"
        "pci_cfg_read(const char *dev, int devid, int fnid, int offs, int val) \"%s %02u:%u @0x%x -> 0x%x\"\n"
        "every_kind(int w, int64_t n, int p, const char *s, char c, double d) \"%-*ld|%.*s|%c|%f\\n\"\n");
    Require(problems.empty(), "good declarations");
    return declared;
  }();
  return catalog;
}

// What ReadTrace makes of a file with these bytes; nullopt where it finds fault with them.
std::optional<std::string> Read(std::string_view bytes) {
  UniqueFd file(::memfd_create("trace", MFD_CLOEXEC));
  Require(file && ::write(file.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()), "a file");
  std::string path = "/proc/self/fd/" + std::to_string(file.get());
  std::string text;
  commands::TraceReading reading;
  reading.catalog = &Declared();
  const auto on_bytes = [&](std::string_view piece) {
    Require(!piece.empty(), "a piece holds something");
    volatile char padded = piece.data()[piece.size() + source::kReadPadding - 1];
    static_cast<void>(padded);
    // Ten bytes can stand for gigabytes; their start says enough.
    constexpr size_t kEnough = 1 << 20;
    if (text.size() < kEnough) text += piece;
  };
  Status status = commands::ReadTrace(path, on_bytes, reading);
  static_cast<void>(commands::ClockOffsetOf(path));
  if (!status) Require(status.error().starts_with(path + ": "), "an error names the file");
  if (!status) return std::nullopt;
  return text;
}

std::string Zstd(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 1));
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text = fuzz::View(data, size);
  std::optional<std::string> read = Read(text);
  const Content content = ContentOf(text).content;
  const bool is_binary = content == Content::kSimpletrace;
  Require(content != Content::kText || read == text, "a plain file is read as it is");
  Require(!is_binary || !read || read->empty() || read->ends_with('\n'), "records are whole lines");
  const std::optional<std::string> want = is_binary ? read : std::string(text);
  for (const std::string& packed : {http::Gzip(text), Zstd(text)}) {
    Require(Read(packed) == want, "what was compressed comes back");
    Require(!want || Read(packed + packed) == *want + *want, "two members are one after the other");
    Require(!Read(packed.substr(0, packed.size() - 1)), "a compressed file that lacks its end is told of");
  }
  return 0;
}
