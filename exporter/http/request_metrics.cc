#include "http/request_metrics.h"

namespace qte::http {
namespace {

const prometheus::Histogram::BucketBoundaries kSeconds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
const prometheus::Histogram::BucketBoundaries kBytes = {1e3, 1e4, 1e5, 1e6, 1e7, 1e8};

}  // namespace

RequestMetrics::RequestMetrics()
    : requests_(prometheus::BuildCounter()
                    .Name("qemu_trace_exporter_http_requests_total")
                    .Help("Total number of HTTP requests answered since the exporter started, by path and status.")
                    .Register(registry_)),
      durations_(prometheus::BuildHistogram()
                     .Name("qemu_trace_exporter_http_request_duration_seconds")
                     .Help("Time from a whole HTTP request to its answer, without sending it, by path.")
                     .Register(registry_)),
      sizes_(prometheus::BuildHistogram()
                 .Name("qemu_trace_exporter_http_response_size_bytes")
                 .Help("Sizes of the bodies of HTTP responses as they are sent, by path.")
                 .Register(registry_)) {}

void RequestMetrics::Count(const std::string& path, int status, double seconds, size_t bytes) {
  requests_.Add({{"path", path}, {"code", std::to_string(status)}}).Increment();
  durations_.Add({{"path", path}}, kSeconds).Observe(seconds);
  sizes_.Add({{"path", path}}, kBytes).Observe(static_cast<double>(bytes));
}

}  // namespace qte::http
