#include "base/content.h"

#include <array>

namespace qte {
namespace {

using namespace std::string_view_literals;

struct Magic {
  std::string_view bytes;
  ContentKind kind;
};

constexpr std::array kMagics = {
    Magic{"\x1f\x8b\x08"sv, {Content::kCompressed, "gzip"}},
    Magic{"\x28\xb5\x2f\xfd"sv, {Content::kCompressed, "zstd"}},
    Magic{"\xfd"
          "7zXZ\0"sv,
          {Content::kCompressed, "xz"}},
    Magic{"\x04\x22\x4d\x18"sv, {Content::kCompressed, "lz4"}},
    Magic{"\x02\x21\x4c\x18"sv, {Content::kCompressed, "lz4"}},  // lz4 -l, as of Linux kernels
    Magic{"\x5d\0\0"sv, {Content::kCompressed, "lzma"}},
    Magic{"LZIP\x01"sv, {Content::kCompressed, "lzip"}},
    Magic{"\x89LZO\0"sv, {Content::kCompressed, "lzop"}},
    Magic{"\x1f\x9d"sv, {Content::kCompressed, "compress"}},
    Magic{"PK\x03\x04"sv, {Content::kCompressed, "zip"}},
    Magic{"7z\xbc\xaf\x27\x1c"sv, {Content::kCompressed, "7z"}},
    // A header's event id, then its magic, in the byte order of the host that wrote it.
    Magic{"\xff\xff\xff\xff\xff\xff\xff\xff\xb4\x29\xa4\x0a\xcb\x77\xb1\xf2"sv, {Content::kSimpletrace, "simpletrace"}},
    Magic{"\xff\xff\xff\xff\xff\xff\xff\xff\xf2\xb1\x77\xcb\x0a\xa4\x29\xb4"sv, {Content::kSimpletrace, "simpletrace"}},
};

// "BZh", a digit, and the start of a block, or of the end where there is none.
bool IsBzip2(std::string_view head) {
  constexpr size_t kBlock = 4;
  if (head.size() < kBlock || !head.starts_with("BZh") || head[3] < '1' || head[3] > '9') return false;
  std::string_view block = head.substr(kBlock);
  return block.starts_with("\x31\x41\x59\x26\x53\x59"sv) || block.starts_with("\x17\x72\x45\x38\x50\x90"sv);
}

}  // namespace

ContentKind ContentOf(std::string_view head) {
  for (const Magic& magic : kMagics) {
    if (head.starts_with(magic.bytes)) return magic.kind;
  }
  if (IsBzip2(head)) return {Content::kCompressed, "bzip2"};
  return {};
}

std::string RefusalOf(const ContentKind& kind) {
  switch (kind.content) {
    case Content::kCompressed:
      return "is compressed (" + std::string(kind.name) +
             "), so it is not followed; leave such files out by `exclude`, and read them by `replay`";
    case Content::kSimpletrace:
      return "is a binary trace of QEMU's `simple` backend, so it is not followed; leave such files out by "
             "`exclude`, and read them by `replay` or `backfill`";
    case Content::kText:
      break;
  }
  return {};
}

}  // namespace qte
