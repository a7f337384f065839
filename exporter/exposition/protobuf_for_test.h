// Parses Prometheus' protobuf format into the samples of the text format.
#pragma once

#include <cmath>
#include <cstdint>
#include <map>
#include <protozero/pbf_reader.hpp>
#include <protozero/varint.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "exposition/output.h"
#include "exposition/samples_for_test.h"

namespace qte::exposition {

// Each message is preceded by its length.
inline std::vector<std::string_view> MessagesOf(std::string_view all) {
  std::vector<std::string_view> messages;
  while (!all.empty()) {
    const char* at = all.data();
    const uint64_t size = protozero::decode_varint(&at, all.data() + all.size());
    all.remove_prefix(static_cast<size_t>(at - all.data()));
    messages.push_back(all.substr(0, size));
    all.remove_prefix(size);
  }
  return messages;
}

inline protozero::pbf_reader ReaderOf(std::string_view message) {
  return protozero::pbf_reader(message.data(), message.size());
}

// One side of a native histogram.
struct SideMessage {
  size_t spans = 0;
  std::vector<int32_t> buckets;  // buckets in the spans
  std::vector<int64_t> deltas;

  // Counts by bucket, without empty buckets.
  std::map<int32_t, int64_t> Buckets() const {
    std::map<int32_t, int64_t> counts;
    int64_t count = 0;
    for (size_t i = 0; i < buckets.size(); ++i) {
      count += deltas.at(i);
      if (count != 0) counts[buckets[i]] = count;
    }
    return counts;
  }
};

inline void ReadSpan(protozero::pbf_reader span, SideMessage& side) {
  int32_t bucket = side.buckets.empty() ? 0 : side.buckets.back() + 1;
  uint32_t length = 0;
  while (span.next()) {
    if (span.tag() == 1) bucket += span.get_sint32();
    else if (span.tag() == 2) length = span.get_uint32();
    else span.skip();
  }
  ++side.spans;
  for (uint32_t i = 0; i < length; ++i) side.buckets.push_back(bucket + static_cast<int32_t>(i));
}

inline void ReadDeltas(protozero::pbf_reader& histogram, SideMessage& side) {
  for (int64_t delta : histogram.get_packed_sint64()) side.deltas.push_back(delta);
}

// The fields of a message that tests check; other fields are skipped.
struct MetricMessage {
  std::string labels;  // vm="a",device="b"
  double value = 0;
  bool is_histogram = false;
  uint64_t count = 0;
  double sum = 0;
  std::vector<std::pair<double, uint64_t>> buckets;  // upper bound and cumulated count
  int64_t created = 0;
  int32_t schema = 0;
  double zero_threshold = 0;
  uint64_t zero_count = 0;
  SideMessage positive;
  SideMessage negative;
};

inline void ReadLabel(protozero::pbf_reader label, std::string& labels) {
  if (!labels.empty()) labels += ',';
  while (label.next()) {
    if (label.tag() == 1) labels += label.get_string() + "=\"";
    else if (label.tag() == 2) Output(labels).PutLabelValue(label.get_string());
  }
  labels += '"';
}

inline void ReadCreated(protozero::pbf_reader time, MetricMessage& metric) {
  while (time.next()) {
    if (time.tag() == 1) metric.created = time.get_int64();
    else time.skip();
  }
}

inline void ReadHistogram(protozero::pbf_reader histogram, MetricMessage& metric) {
  metric.is_histogram = true;
  while (histogram.next()) {
    switch (histogram.tag()) {
      case 1: metric.count = histogram.get_uint64(); break;
      case 2: metric.sum = histogram.get_double(); break;
      case 3: {
        protozero::pbf_reader bucket = histogram.get_message();
        auto& [bound, count] = metric.buckets.emplace_back();
        while (bucket.next()) {
          if (bucket.tag() == 1) count = bucket.get_uint64();
          else if (bucket.tag() == 2) bound = bucket.get_double();
          else bucket.skip();
        }
        break;
      }
      case 5: metric.schema = histogram.get_sint32(); break;
      case 6: metric.zero_threshold = histogram.get_double(); break;
      case 7: metric.zero_count = histogram.get_uint64(); break;
      case 9: ReadSpan(histogram.get_message(), metric.negative); break;
      case 10: ReadDeltas(histogram, metric.negative); break;
      case 12: ReadSpan(histogram.get_message(), metric.positive); break;
      case 13: ReadDeltas(histogram, metric.positive); break;
      case 15: ReadCreated(histogram.get_message(), metric); break;
      default: histogram.skip();
    }
  }
}

inline MetricMessage ReadMetric(protozero::pbf_reader reader) {
  MetricMessage metric;
  while (reader.next()) {
    switch (reader.tag()) {
      case 1: ReadLabel(reader.get_message(), metric.labels); break;
      case 2:
      case 3: {
        protozero::pbf_reader number = reader.get_message();
        while (number.next()) {
          if (number.tag() == 1) metric.value = number.get_double();
          else if (number.tag() == 3) ReadCreated(number.get_message(), metric);
          else number.skip();
        }
        break;
      }
      case 7: ReadHistogram(reader.get_message(), metric); break;
      default: reader.skip();
    }
  }
  return metric;
}

struct FamilyMessage {
  std::string name;
  std::string help;
  int32_t type = -1;
  std::vector<MetricMessage> metrics;
};

inline std::vector<FamilyMessage> ReadProtobuf(std::string_view all) {
  std::vector<FamilyMessage> families;
  for (std::string_view message : MessagesOf(all)) {
    FamilyMessage& family = families.emplace_back();
    protozero::pbf_reader reader = ReaderOf(message);
    while (reader.next()) {
      switch (reader.tag()) {
        case 1: family.name = reader.get_string(); break;
        case 2: family.help = reader.get_string(); break;
        case 3: family.type = reader.get_enum(); break;
        case 4: family.metrics.push_back(ReadMetric(reader.get_message())); break;
        default: reader.skip();
      }
    }
  }
  return families;
}

inline Samples SamplesOf(const std::vector<FamilyMessage>& families) {
  Samples samples;
  for (const FamilyMessage& family : families) {
    for (const MetricMessage& metric : family.metrics) {
      const std::string braced = metric.labels.empty() ? "" : "{" + metric.labels + "}";
      if (!metric.is_histogram) {
        samples[family.name + braced] = metric.value;
        continue;
      }
      samples[family.name + "_count" + braced] = static_cast<double>(metric.count);
      samples[family.name + "_sum" + braced] = metric.sum;
      for (const auto& [bound, count] : metric.buckets) {
        std::string number;
        Output(number).PutNumber(bound);
        const std::string labels = metric.labels + (metric.labels.empty() ? "" : ",") + "le=\"" + number + "\"";
        samples[WithPlainBound(family.name + "_bucket{" + labels + "}")] = static_cast<double>(count);
      }
    }
  }
  return samples;
}

}  // namespace qte::exposition
