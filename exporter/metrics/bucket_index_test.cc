#include "metrics/bucket_index.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "catch.h"

using qte::metrics::BucketIndex;

TEST_CASE("A bucket is found just where a search finds it") {
  auto growing = [](double start, double factor, int count) {
    std::vector<double> bounds;
    for (int i = 0; i < count; ++i, start *= factor) bounds.push_back(start);
    return bounds;
  };
  auto even = [](double start, double width, int count) {
    std::vector<double> bounds;
    for (int i = 0; i < count; ++i) bounds.push_back(start + i * width);
    return bounds;
  };
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const std::vector<double>& bounds : {std::vector<double>{},
                                            {0},
                                            {-1},
                                            {1},
                                            {1e-310, 1e-309, 1},
                                            {-5, -1, 0, 1, 5},
                                            {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10},
                                            {1, 2, 3, 1000, 1001, 1002, 1003, 1004, 1005, 1006},
                                            {1, kInfinity},
                                            {1e-300, 1e300},
                                            growing(512, 2, 14),
                                            growing(0.00001, 2, 21),
                                            growing(0.000001, 4, 14),
                                            growing(1, 1.1, 100),
                                            growing(0.1, 1.5, 30),
                                            growing(3, 10, 12),
                                            even(0, 1, 50),
                                            even(0.1, 0.1, 64),
                                            even(-3, 0.25, 40),
                                            even(1e9, 1, 20),
                                            even(1e16, 2, 20)}) {
    BucketIndex index(bounds);
    auto check = [&](double value) {
      auto want = static_cast<size_t>(std::lower_bound(bounds.begin(), bounds.end(), value) - bounds.begin());
      CAPTURE(bounds, value);
      REQUIRE(index.Find(bounds, value) == want);
    };
    std::vector<double> values = {0, -0.0, 1, -1, 1e-320, 1e308, kInfinity, -kInfinity};
    for (double bound : bounds) {
      for (double near : {bound, std::nextafter(bound, -kInfinity), std::nextafter(bound, kInfinity)}) {
        values.insert(values.end(), {near, near * 1.01, near * 0.99, near + 0.05, -near});
      }
    }
    for (double value : values) check(value);
    CHECK(index.Find(bounds, std::numeric_limits<double>::quiet_NaN()) == 0);
  }
}
