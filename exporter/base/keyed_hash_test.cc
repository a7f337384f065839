#include "base/keyed_hash.h"

#include <string>

#include "catch.h"

namespace qte {

TEST_CASE("SipHash gives what its authors' test vectors say") {
  const HashKey key{0x0706050403020100, 0x0f0e0d0c0b0a0908};
  std::string bytes;
  CHECK(KeyedHash(key, bytes) == 0x726fdb47dd0e0e31);
  for (char c = 0; c < 15; ++c) bytes += c;
  CHECK(KeyedHash(key, bytes.substr(0, 1)) == 0x74f839c593dc67fd);
  CHECK(KeyedHash(key, bytes.substr(0, 8)) == 0x93f5f5799a932462);
  CHECK(KeyedHash(key, bytes) == 0xa129ca6149be45e5);
}

TEST_CASE("Every process has keys of its own") {
  HashKey one = RandomHashKey();
  HashKey other = RandomHashKey();
  CHECK(KeyedHash(one, "secret") != KeyedHash(other, "secret"));
}

}  // namespace qte
