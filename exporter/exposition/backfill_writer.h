// Collects expositions at many points in time and writes them as OpenMetrics with timestamps, from which promtool makes
// blocks of a database.
//
// Every series has the same text as in a scrape, so backfilled and scraped samples belong to the same series. Unchanged
// values take no memory.
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

  // Call this before the text of other sources. Their time starts anew.
  void BeginSources() { latest_.clear(); }
  // `text` is the result of ToText. Consecutive texts are one step apart, or more if nothing is known in between. A
  // counter or histogram that is new gets a sample of 0 at the previous time, so that its first value is an increase.
  void Add(std::string_view text, int64_t at_ms);
  // Adds the latest text again.
  void AddSame(int64_t at_ms);

  size_t samples() const { return samples_; }
  void Write(std::ostream& out) const;

 private:
  struct Run {
    int64_t first_ms = 0;
    uint64_t count = 1;  // number of samples with this value, one step apart
    std::string value;
  };
  struct Sample {
    std::string series;  // name and labels
    std::vector<Run> runs;
  };
  // Series that OpenMetrics requires to be adjacent: all series of a histogram for one set of labels, otherwise one
  // series.
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
  std::map<std::string, Family> families_;                   // by the name in the exposition
  std::unordered_map<std::string, Place, TextHash> places_;  // by series
  std::vector<Place> latest_;                                // the series of the latest text
  int64_t latest_ms_ = 0;
  bool is_first_ = true;  // the current text is the first of these sources
  size_t samples_ = 0;
};

}  // namespace qte::exposition
