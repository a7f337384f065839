#include "http/base64.h"

#include "catch.h"

namespace qte::http {

TEST_CASE("Base64") {
  struct Case {
    const char* text;
    std::optional<std::string> bytes;
  };
  for (const Case& c : {Case{"", ""}, Case{"Zg==", "f"}, Case{"Zm8=", "fo"}, Case{"Zm9v", "foo"}, Case{"Zg", "f"},
                        Case{"QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin:open sesame"}, Case{"//79", "\xff\xfe\xfd"},
                        Case{"AAAA", std::string(3, '\0')}, Case{"Zm9vY", std::nullopt}, Case{"Zm9 v", std::nullopt},
                        Case{"Zm=v", std::nullopt}, Case{"Zg===", std::nullopt}, Case{"Zm-_", std::nullopt},
                        Case{"===", std::nullopt}}) {
    CAPTURE(c.text);
    CHECK(DecodeBase64(c.text) == c.bytes);
  }
}

TEST_CASE("Base64 of bytes") {
  CHECK(EncodeBase64("") == "");
  CHECK(EncodeBase64("f") == "Zg==");
  CHECK(EncodeBase64("fo") == "Zm8=");
  CHECK(EncodeBase64("foo") == "Zm9v");
  CHECK(EncodeBase64("\xff\xfe\xfd") == "//79");
  CHECK(EncodeBase64("Aladdin:open sesame") == "QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
}

}  // namespace qte::http
