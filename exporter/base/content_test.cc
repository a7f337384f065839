#include "base/content.h"

#include <string>
#include <vector>

#include "catch.h"

namespace qte {
namespace {

using namespace std::string_literals;

}  // namespace

TEST_CASE("content: first bytes") {
  struct Case {
    std::string head;
    std::string_view name;
  };
  // As the tools write them: gzip, zstd, xz, bzip2 (and one of nothing), lz4, lzma, lzip, zip, compress, 7z.
  for (const Case& c : std::vector<Case>{
           {"", ""},
           {"\x1f\x8b\x08\x00"s, "gzip"},
           {"\x28\xb5\x2f\xfd\x24"s, "zstd"},
           {"\xfd\x37\x7a\x58\x5a\x00\x00"s, "xz"},
           {"BZh91AY&SY\x12"s, "bzip2"},
           {"BZh9\x17rE8P\x90"s, "bzip2"},
           {"\x04\x22\x4d\x18\x64"s, "lz4"},
           {"\x5d\x00\x00\x80\x00"s, "lzma"},
           {"LZIP\x01\x0c"s, "lzip"},
           {"PK\x03\x04\x14"s, "zip"},
           {"\x1f\x9d\x90"s, "compress"},
           {"\x37\x7a\xbc\xaf\x27\x1c\x00"s, "7z"},
           {"\xff\xff\xff\xff\xff\xff\xff\xff\xb4\x29\xa4\x0a\xcb\x77\xb1\xf2\x04"s, "simpletrace"},
           // What may stand at the start of a log.
           {"BZh9 is no event", ""},
           {"BZh", ""},
           {"PK\n", ""},
           {"\x1f", ""},
           {"]", ""},
           {"]\n", ""},
           {"\xff\xfep\0s\0"s, ""},
           {"\0\0\0\0"s, ""},
           {"26638@1795408732.182800:ps2_put_keycode 0x1 keycode 0x34", ""},
           {"2026-11-23T04:41:06.310976Z pci_cfg_read", ""},
       }) {
    INFO(c.head);
    const ContentKind kind = ContentOf(c.head);
    CHECK(kind.name == c.name);
    CHECK((kind.content == Content::kText) == c.name.empty());
    CHECK(RefusalOf(kind).empty() == c.name.empty());
  }
}

}  // namespace qte
