#include "base/hash.h"

#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "base/flat_index.h"
#include "catch.h"

using namespace qte;

namespace {

constexpr uint32_t kKeys = 20000;
// With random hashes a search of 200 cells comes about once in 10^12 tables of this size.
constexpr size_t kMostCells = 200;

size_t LongestProbe(const std::function<uint64_t(uint64_t i)>& hash_of) {
  FlatIndex index;
  for (uint32_t i = 0; i < kKeys; ++i) index.Insert(hash_of(i), i);
  return index.LongestProbe();
}

std::string Eight(uint64_t number) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &number, 8);
  return bytes;
}

}  // namespace

TEST_CASE("HashBytes looks at every byte") {
  for (size_t size = 1; size < 70; ++size) {
    std::string text(size, 'a');
    uint64_t plain = HashBytes(text);
    CHECK(plain != HashBytes(text + "a"));
    for (size_t i = 0; i < size; ++i) {
      std::string changed = text;
      changed[i] = 'b';
      CHECK(plain != HashBytes(changed));
    }
  }
}

TEST_CASE("StableHash is what checkpoints hold") {
  std::string text;
  for (char c = 'a'; c <= 'z'; ++c) text += c;
  CHECK(StableHash("") == 0x63b0cc8c4c21b8a9);
  CHECK(StableHash("abc") == 0x05c2b4fc9c21e069);
  CHECK(StableHash("abcdefg") == 0xa8e0d13c0b8fa47d);
  CHECK(StableHash(text.substr(0, 16)) == 0x34e24a6f0a4c079a);
  CHECK(StableHash(text.substr(0, 17)) == 0xc4691f2a12647600);
  CHECK(StableHash((text + text + text).substr(0, 64)) == 0xdb7abad442f7b4bc);
}

TEST_CASE("Each secret makes other hashes") {
  HashSecret one;
  HashSecret other;
  auto hash = [](const HashSecret& secret) { return HashState::Of("key", secret.a, secret.b, secret.seed).Fold(); };
  CHECK(hash(one) != hash(other));
  CHECK(hash(kHashSecret) != hash(other));
}

TEST_CASE("No choice of numbers makes a table slow") {
  struct Case {
    const char* name;
    std::function<uint64_t(uint64_t i)> key;
  };
  auto c = GENERATE(Case{"in a row", [](uint64_t i) { return i; }},
                    Case{"aligned pointers", [](uint64_t i) { return 0x550000000000 + 16 * i; }},
                    Case{"pages", [](uint64_t i) { return i << 12; }},
                    Case{"multiples of 2^32", [](uint64_t i) { return i << 32; }},
                    Case{"multiples of 2^48", [](uint64_t i) { return i << 48; }},
                    Case{"equal low bits", [](uint64_t i) { return i << 20 | 0xabcde; }},
                    Case{"equal high bits", [](uint64_t i) { return 0xffffffff00000000 | i; }},
                    Case{"equal when the halves are combined", [](uint64_t i) { return i << 32 | (i ^ 0x12345678); }},
                    Case{"equal when the halves are added", [](uint64_t i) { return i << 32 | (UINT32_MAX - i); }},
                    Case{"bits turned around", [](uint64_t i) { return (i & 1) != 0 ? ~i : i; }},
                    Case{"multiples of a known factor", [](uint64_t i) { return i * 0x9e3779b97f4a7c15; }});
  CAPTURE(c.name);
  CHECK(LongestProbe([&](uint64_t i) { return HashNumber(c.key(i)); }) < kMostCells);
  CHECK(LongestProbe([&](uint64_t i) { return HashBytes(Eight(c.key(i))); }) < kMostCells);
}

TEST_CASE("Numbers that collide under another secret do not under this one") {
  const HashSecret other;
  std::vector<uint64_t> colliding;
  for (uint64_t key = 0; colliding.size() < 1000; ++key) {
    uint64_t hash = HashState{key ^ other.a, other.b}.FoldTwice();
    if ((hash & 0x7ff) == 0) colliding.push_back(key);
  }
  FlatIndex index;
  for (uint32_t i = 0; i < colliding.size(); ++i) index.Insert(HashNumber(colliding[i]), i);
  CHECK(index.LongestProbe() < kMostCells);
}

TEST_CASE("No choice of texts makes a table slow") {
  struct Case {
    const char* name;
    std::function<std::string(uint64_t i)> key;
  };
  const std::string kLong(40, 'x');
  auto c = GENERATE_COPY(
      Case{"numbers in decimal", [](uint64_t i) { return std::to_string(i); }},
      Case{"an equal start", [=](uint64_t i) { return kLong + std::to_string(i); }},
      Case{"an equal end", [=](uint64_t i) { return std::to_string(i) + kLong; }},
      Case{"an equal start and end", [=](uint64_t i) { return kLong + std::to_string(i) + kLong; }},
      Case{"one byte, of many sizes", [](uint64_t i) { return std::string(i % 4096, 'a') + std::to_string(i / 4096); }},
      Case{"equal halves", [](uint64_t i) { return Eight(i) + Eight(i); }},
      Case{"halves that are equal when combined", [](uint64_t i) { return Eight(i) + Eight(~i); }},
      // To the known numbers of StableHash, which would make of the rest what is multiplied by 0.
      Case{"a half that cancels out", [](uint64_t i) { return Eight(0xa0761d6478bd642f) + Eight(i) + "0123456789"; }});
  CAPTURE(c.name);
  CHECK(LongestProbe([&](uint64_t i) { return HashBytes(c.key(i)); }) < kMostCells);
  CHECK(LongestProbe([&](uint64_t i) { return HashBytes("value", HashBytes(c.key(i))); }) < kMostCells);
}

TEST_CASE("No text makes up for the number that is hashed with it") {
  auto hash_of = [](uint64_t i) { return HashBytesAndNumber(Eight(0x1234 ^ i) + Eight(0x5678 ^ i), i); };
  CHECK(LongestProbe(hash_of) < kMostCells);
}
