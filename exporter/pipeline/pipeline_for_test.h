// A pipeline over a config text, fed with texts: what the tests of this folder share.
#pragma once

#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>

#include "catch.h"
#include "config/config.h"
#include "pipeline/pipeline.h"
#include "rules/compiler.h"

namespace qte::pipeline {

inline std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file.good());
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

inline trace::Catalog BundledCatalog() {
  trace::Catalog catalog;
  REQUIRE(catalog.Add(ReadFile("config/trace-events")).empty());
  return catalog;
}

inline std::string DefaultConfig() {
  return ReadFile("config/default.yaml");
}

// All that is wrong with a config, a line each; empty if nothing is.
inline std::string Problems(const std::string& yaml) {
  config::Loaded loaded = config::Parse(yaml, "test.yaml");
  std::vector<config::Diagnostic> diagnostics = loaded.diagnostics;
  if (loaded.config) diagnostics = rules::Compile(*loaded.config, BundledCatalog()).diagnostics;
  std::string text;
  for (const config::Diagnostic& diagnostic : diagnostics) text += diagnostic.Format() + "\n";
  return text;
}

class PipelineForTest {
 public:
  explicit PipelineForTest(const std::string& yaml, const std::string& path = "/log/vm1.log")
      : PipelineForTest(yaml, path, BundledCatalog()) {}
  PipelineForTest(const std::string& yaml, const std::string& path, const trace::Catalog& catalog) {
    config::Loaded loaded = config::Parse(yaml, "test.yaml");
    for (const config::Diagnostic& diagnostic : loaded.diagnostics) UNSCOPED_INFO(diagnostic.Format());
    REQUIRE(loaded.config.has_value());
    rules::Compiled compiled = rules::Compile(*loaded.config, catalog);
    for (const config::Diagnostic& diagnostic : compiled.diagnostics) UNSCOPED_INFO(diagnostic.Format());
    REQUIRE(compiled.program != nullptr);
    pipeline_ = std::make_unique<Pipeline>(compiled.program, SourceLabels(loaded.config->sources));
    pipeline_->OnOpen(0, 0, path);
  }

  // Feeds text in pieces of `chunk` bytes, each in its own allocation.
  void Feed(const std::string& text, size_t chunk = std::string::npos, source::StreamId id = 0) {
    for (size_t at = 0; at < text.size();) {
      std::string piece = text.substr(at, chunk);
      size_t size = piece.size();
      piece.append(source::kReadPadding, '\xEE');
      pipeline_->OnBytes(id, std::string_view(piece).substr(0, size));
      at += size;
    }
  }

  // Every series but zeros, as name{label=value,...} without `vm`; a histogram is its _count and _sum.
  std::map<std::string, double> Values() const {
    std::map<std::string, double> values;
    metrics::Snapshot snapshot = pipeline_->TakeSnapshot();
    for (const metrics::FamilySnapshot& family : snapshot.families) {
      for (size_t i = 0; i < family.series_count(); ++i) {
        std::string labels;
        for (size_t l = 0; l < family.spec->label_names.size(); ++l) {
          labels += (l == 0 ? "" : ",") + family.spec->label_names[l] + "=";
          labels += family.LabelsOf(i).values[l];
        }
        if (!labels.empty()) labels = "{" + labels + "}";
        Put(values, family.spec->name, labels, family, i);
      }
    }
    for (const metrics::CountsSnapshot& counts : snapshot.counts) {
      counts.ForEach([&](const metrics::Labels& base, uint32_t id, uint64_t count) {
        std::string labels;
        for (const auto& [name, value] : base) {
          if (name != "vm") labels += name + "=" + value + ",";
        }
        labels += counts.label + "=" + std::string(counts.name_of(id));
        values[counts.name + "{" + labels + "}"] += static_cast<double>(count);
      });
    }
    for (const metrics::PlainFamily& family : snapshot.plain) {
      for (const metrics::PlainFamily::Series& series : family.series) {
        std::string labels;
        for (const auto& [name, value] : series.labels) {
          if (name != "vm") labels += (labels.empty() ? "" : ",") + name + "=" + value;
        }
        if (!labels.empty()) labels = "{" + labels + "}";
        if (series.value != 0) values[family.name + labels] += series.value;
      }
    }
    return values;
  }

  double Value(const std::string& series) const {
    std::map<std::string, double> values = Values();
    auto found = values.find(series);
    return found == values.end() ? 0 : found->second;
  }

  Pipeline& operator*() { return *pipeline_; }
  Pipeline* operator->() { return pipeline_.get(); }

 private:
  static void Put(std::map<std::string, double>& values, const std::string& name, const std::string& labels,
                  const metrics::FamilySnapshot& family, size_t series) {
    if (family.spec->type != metrics::Type::kHistogram) {
      if (family.values[series] != 0) values[name + labels] += family.values[series];
      return;
    }
    size_t buckets = family.spec->bounds.size() + 1;
    uint64_t count = 0;
    for (size_t i = 0; i < buckets; ++i) count += family.bucket_counts[series * buckets + i];
    if (count == 0) return;
    values[name + "_count" + labels] += static_cast<double>(count);
    values[name + "_sum" + labels] += family.values[series];
  }

  std::unique_ptr<Pipeline> pipeline_;
};

}  // namespace qte::pipeline
