#include "http/gzip.h"

#include "catch.h"
#include "http/http_client_for_test.h"

using qte::http::AcceptsGzip;
using qte::http::Gunzip;
using qte::http::Gzip;

TEST_CASE("Accept-Encoding is read with its weights") {
  struct Case {
    std::string_view header;
    bool want;
  };
  for (const Case& c : {Case{"gzip", true}, Case{"deflate, gzip;q=1.0, *;q=0.5", true}, Case{"gzip;q=0", false},
                        Case{"gzip; q=0.0", false}, Case{"*", true}, Case{"*;q=0", false}, Case{"GZIP", true},
                        Case{"gzip;q=0, *", false}, Case{"identity", false}, Case{"", false}, Case{"xgzip", false},
                        Case{"br,,gzip ;q=0.1", true}, Case{"gzip;q=oops", false}, Case{";;,,", false}}) {
    CAPTURE(c.header);
    CHECK(AcceptsGzip(c.header) == c.want);
  }
}

TEST_CASE("What is compressed comes back") {
  for (size_t size : {0, 1, 1000, 1000000}) {
    std::string text;
    while (text.size() < size) text += "line " + std::to_string(text.size()) + "\n";
    CHECK(Gunzip(Gzip(text)) == text);
  }
}
