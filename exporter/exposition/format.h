// The formats of a scrape's answer.
#pragma once

#include <string_view>

namespace qte::exposition {

enum class Format { kText, kOpenMetrics, kProtobuf };

constexpr std::string_view ContentTypeOf(Format format) {
  switch (format) {
    case Format::kOpenMetrics:
      return "application/openmetrics-text; version=1.0.0; charset=utf-8";
    case Format::kProtobuf:
      return "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
    case Format::kText:
      break;
  }
  return "text/plain; version=0.0.4; charset=utf-8";
}

}  // namespace qte::exposition
