// The last minutes of the metrics that the page at "/" draws: rates per device, and mean durations.
//
// Sampled every few seconds, and more often while a page is open. Bounded in both directions: points older than kWindow
// go, and of each chart the kMostSeries largest series are kept, with one more for the rest. Rates are made from two
// points when they are asked for, so a counter that begins anew is a gap.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "metrics/snapshot.h"

namespace qte::page {

// What one chart shows: the sum of some metrics, per source and device.
struct Chart {
  enum class Kind {
    kRate,  // a second
    kMean,  // of what a histogram observed since the point before
  };
  std::string_view id;
  std::string_view group;
  std::string_view title;
  std::string_view unit;  // of a value: "1/s", "B/s" or "s"
  Kind kind = Kind::kRate;
  std::vector<std::string_view> families;
  bool is_largest = false;  // of the families, since they count the same in two ways; else their sum
};

class ChartHistory {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kWindow{300};
  static constexpr std::chrono::milliseconds kLeastStep{900};
  static constexpr std::chrono::seconds kStep{5};
  // A value is of so much time at least, where there is as much: guests work in bursts.
  static constexpr std::chrono::milliseconds kRateOver{4500};
  static constexpr size_t kMostSeries = 32;
  static constexpr std::string_view kOthers = "others";

  struct Series {
    std::string source;                         // its `vm`, where it has one
    std::string device;                         // "" where the metric has none
    std::vector<std::optional<double>> values;  // at times()
  };

  static std::span<const Chart> Charts();
  // Whether a chart shows this metric.
  static bool Wants(std::string_view family);

  // False while the last point is too young for another one.
  bool IsDue(Clock::time_point now) const;
  // `families` may hold one several times, with other series each time.
  void Sample(Clock::time_point now, const std::vector<metrics::FamilySnapshot>& families);

  // Repeats the last point as often as one was due since then, for nothing has moved.
  void Repeat(Clock::time_point now);

  // When the values of all series were: at every point but the first.
  std::vector<Clock::time_point> Times() const;
  // In the order of their names, those of the rest last.
  std::vector<Series> SeriesOf(const Chart& chart) const;

 private:
  using Name = std::pair<std::string, std::string>;  // source and device
  // A counter, or a histogram's sum and count.
  struct Value {
    double sum = 0;
    double count = 0;
    Value& operator+=(const Value& other);
    Value operator-(const Value& other) const { return {sum - other.sum, count - other.count}; }
  };
  struct Sums {
    std::map<std::shared_ptr<const Name>, Value> of;  // the largest
    Value all;
    bool has_rest = false;
  };
  struct Point {
    Clock::time_point time;
    std::vector<Sums> charts;  // as in Charts()
  };

  // The point that the one at `index` is compared with.
  const Point& Before(size_t index) const;
  Sums SumsOf(const Chart& chart, const std::vector<metrics::FamilySnapshot>& families);
  std::shared_ptr<const Name> Intern(Name name);
  void Append(Point point);

  std::deque<Point> points_;
  std::map<Name, std::weak_ptr<const Name>> names_;  // of the points
};

}  // namespace qte::page
