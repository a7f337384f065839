// Expositions of many moments, gathered and written as OpenMetrics with timestamps, so that promtool can make a
// database's blocks of them.
//
// Every series has the text that a scrape shows for it, so what was backfilled and what is scraped later are the same
// series. Values that stay as they are take no memory.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"

namespace qte::exposition {

class BackfillWriter {
 public:
  explicit BackfillWriter(int64_t step_ms) : step_ms_(step_ms) {}

  // What comes next belongs to other series, whose time begins anew.
  void BeginSources() { latest_.clear(); }
  // `text` is what ToText makes. Moments are a step apart, or further where nothing is known in between. A counter or
  // histogram that is new since the moment before gets a sample of 0 there, so that its first value is an increase.
  void Add(std::string_view text, int64_t at_ms);
  // As Add of the text that was added last.
  void AddSame(int64_t at_ms);

  size_t samples() const { return samples_; }
  void Write(std::ostream& out) const;

 private:
  struct Run {
    int64_t first_ms = 0;
    uint64_t count = 1;  // samples of this value, a step apart
    std::string value;
  };
  struct Sample {
    std::string series;  // name and labels
    std::vector<Run> runs;
  };
  // What OpenMetrics wants to stand together: all series of a histogram for one set of labels; else one series.
  struct Metric {
    std::vector<Sample> samples;
  };
  struct Family {
    std::string help;  // escaped
    std::string type;
    std::map<std::string, Metric> metrics;  // by labels
  };
  struct Place {
    Metric* metric = nullptr;
    size_t sample = 0;
  };

  Family& ReadComment(std::string_view line);
  void AddSample(Family& family, std::string_view line, int64_t at_ms);
  Place FindOrMake(Family& family, std::string_view series);
  void Append(Sample& sample, std::string_view value, int64_t at_ms);
  void WriteMetric(const Metric& metric, std::ostream& out) const;

  int64_t step_ms_;
  std::map<std::string, Family> families_;                   // by name as it is in the exposition
  std::unordered_map<std::string, Place, TextHash> places_;  // by series
  std::vector<Place> latest_;                                // of the text that was added last
  int64_t latest_ms_ = 0;
  bool is_first_ = true;  // no text of these sources was added before the one at work
  size_t samples_ = 0;
};

}  // namespace qte::exposition
