// How many requests were answered since the start, how long that took, and how large the answers were, by path.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/metric_family.h>
#include <prometheus/registry.h>

#include <string>
#include <vector>

namespace qte::http {

// Any thread.
class RequestMetrics {
 public:
  RequestMetrics();

  // `path` is a route's, or "other"; `bytes` are those of the body as it is sent.
  void Count(const std::string& path, int status, double seconds, size_t bytes);
  std::vector<prometheus::MetricFamily> Collect() const { return registry_.Collect(); }

 private:
  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>& requests_;
  prometheus::Family<prometheus::Histogram>& durations_;
  prometheus::Family<prometheus::Histogram>& sizes_;
};

}  // namespace qte::http
