// Guests over a config text, fed with texts: what the tests of this folder share.
#pragma once

#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>

#include "catch.h"
#include "config/config.h"
#include "guests/checkpoint.h"
#include "guests/checkpoint_file.h"
#include "guests/guests.h"
#include "rules/compiler.h"

namespace qte::guests {

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

inline SavedState ThroughFile(Guests& guests) {
  Checkpoint checkpoint;
  checkpoint.guests = guests.Save();
  Result<nlohmann::json> payload = DecodeCheckpoint(EncodeCheckpoint(ToJson(checkpoint)));
  REQUIRE(payload);
  return SavedStateFromJson(*payload);
}

class GuestsForTest {
 public:
  explicit GuestsForTest(const std::string& yaml, const std::string& path = "/log/vm1.log")
      : GuestsForTest(yaml, path, BundledCatalog()) {}
  GuestsForTest(const std::string& yaml, const std::string& path, const trace::Catalog& catalog) {
    Compiled compiled = Compile(yaml, catalog);
    guests_ = std::make_unique<Guests>(compiled.program, compiled.labels, 1);
    if (!path.empty()) guests_->OnOpen(0, 0, path, 0);
  }

  // As the daemon does it: `sources` tells which source of the config follows a log.
  void Reload(const std::string& yaml, const std::map<source::StreamId, size_t>& sources = {{0, 0}}) {
    Compiled compiled = Compile(yaml, BundledCatalog());
    guests_->Use(compiled.program, compiled.labels, sources);
  }

  // What a later process with this config goes on from, through the bytes of a checkpoint's file. Logs keep their ids.
  std::unique_ptr<GuestsForTest> Resume(const std::string& yaml) {
    auto next = std::make_unique<GuestsForTest>(yaml, "");
    Status restored = (*next)->Restore(ThroughFile(*guests_).guests, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
    INFO((restored ? "" : restored.error()));
    REQUIRE(restored);
    return next;
  }

  // Feeds text in pieces of `chunk` bytes, each in its own allocation.
  void Feed(const std::string& text, size_t chunk = std::string::npos, source::StreamId id = 0) {
    for (size_t at = 0; at < text.size();) {
      std::string piece = text.substr(at, chunk);
      size_t size = piece.size();
      piece.append(source::kReadPadding, '\xEE');
      guests_->OnBytes(id, std::string_view(piece).substr(0, size));
      at += size;
    }
  }

  // Every series but zeros, as name{label=value,...} without `vm`; a histogram is its _count and _sum.
  std::map<std::string, double> Values() const {
    std::map<std::string, double> values;
    metrics::Snapshot snapshot = guests_->TakeSnapshot();
    for (const metrics::FamilySnapshot& family : snapshot.families) {
      for (size_t i = 0; i < family.series_count(); ++i) {
        std::string labels;
        for (size_t l = 0; l < family.spec->label_names.size(); ++l) {
          labels += (l == 0 ? "" : ",") + family.spec->label_names[l] + "=";
          labels += family.LabelsOf(i)[l];
        }
        if (!labels.empty()) labels = "{" + labels + "}";
        Put(values, family.spec->name, labels, family, i);
      }
    }
    for (const metrics::CountsByName& counts : snapshot.counts) {
      for (const metrics::CountsSnapshot& guest : counts.guests) {
        for (const auto& [id, count] : guest.counts) {
          std::string labels;
          for (const auto& [name, value] : *guest.base) {
            if (name != "vm") labels += name + "=" + value + ",";
          }
          labels += counts.label + "=" + std::string(counts.NameOf(guest, id));
          values[counts.name + "{" + labels + "}"] += static_cast<double>(count);
        }
      }
    }
    for (const metrics::PlainFamily& family : snapshot.plain) {
      for (const metrics::PlainFamily::Series& series : family.series) {
        std::string labels;
        for (const auto& [name, value] : *series.labels) {
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

  Guests& operator*() { return *guests_; }
  Guests* operator->() { return guests_.get(); }

 private:
  struct Compiled {
    std::shared_ptr<const rules::Program> program;
    SourceLabels labels;
  };
  static Compiled Compile(const std::string& yaml, const trace::Catalog& catalog) {
    config::Loaded loaded = config::Parse(yaml, "test.yaml");
    for (const config::Diagnostic& diagnostic : loaded.diagnostics) UNSCOPED_INFO(diagnostic.Format());
    REQUIRE(loaded.config.has_value());
    rules::Compiled compiled = rules::Compile(*loaded.config, catalog);
    for (const config::Diagnostic& diagnostic : compiled.diagnostics) UNSCOPED_INFO(diagnostic.Format());
    REQUIRE(compiled.program != nullptr);
    return {compiled.program, SourceLabels(loaded.config->sources)};
  }

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

  std::unique_ptr<Guests> guests_;
};

}  // namespace qte::guests
