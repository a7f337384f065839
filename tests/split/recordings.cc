#include "recordings.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "commands/trace_reader.h"
#include "exposition/text.h"
#include "rules/compiler.h"
#include "trace/catalog.h"

namespace qte::split {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTraces = "tests/data/traces";
constexpr const char* kConfigs = "config";
// Everything that may hold state between two lines, in one config.
constexpr const char* kStateful = R"yaml(
sources: [{path: /unused}]
lookups: {image: {event: bdrv_open_common, key: bs, value: filename}}
spans:
  transfer: {start: dma_blk_io, end: dma_complete, key: dbs}
  virtio: {start: virtio_blk_handle_read, end: virtio_blk_req_complete, key: req}
metrics:
  - {name: reads_total, type: counter, help: x, event: blk_co_preadv, labels: {image: {lookup: image, key: bs}}}
  - {name: open_transfers, type: gauge, help: x, event: transfer, value: in_flight}
  - {name: transfer_seconds, type: histogram, help: x, event: transfer, value: duration, buckets: [0.001, 0.01]}
  - {name: virtio_seconds, type: histogram, help: x, event: virtio, value: duration, buckets: [0.001, 0.01]}
  - {name: last_offset, type: gauge, help: x, event: blk_co_pwritev, value: offset, labels: {blk: blk}}
  - {name: pretty_lines_total, type: counter, help: x, match: '^ *"(?P<key>[a-z-]+)":', labels: {key: key}}
)yaml";

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string ReadRecording(const fs::path& path) {
  std::string text;
  Status read = commands::ReadTrace(path, [&](std::string_view bytes) { text += bytes; });
  if (!read) throw std::runtime_error(read.error());
  return text;
}

Rules Compile(const std::string& name, const std::string& yaml, const trace::Catalog& catalog) {
  Rules rules{name, {}};
  for (auto& program : rules.programs) {
    config::Loaded loaded = config::Parse(yaml, name);
    if (!loaded.config) throw std::runtime_error(loaded.diagnostics.at(0).Format());
    rules::Compiled compiled = rules::Compile(*loaded.config, catalog);
    if (compiled.program == nullptr) throw std::runtime_error(compiled.diagnostics.at(0).Format());
    program = compiled.program;
  }
  return rules;
}

std::vector<fs::path> FilesIn(const char* directory) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(directory)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Series SeriesOf(guests::Guests& guests) {
  Series series;
  std::istringstream text(exposition::ToText(guests.TakeSnapshot()));
  for (std::string line; std::getline(text, line);) {
    if (!line.starts_with('#')) series.insert(line);
  }
  return series;
}

Recordings::Recordings() {
  for (const fs::path& file : FilesIn(kTraces)) {
    if (file.extension() == ".log" || file.extension() == ".gz") traces_.push_back({file.filename(), ReadRecording(file)});
  }
  trace::Catalog catalog;
  catalog.Add(ReadFile(fs::path(kConfigs) / "trace-events"));
  for (const fs::path& file : FilesIn(kConfigs)) {
    if (file.extension() == ".yaml") rules_.push_back(Compile(file.filename(), ReadFile(file), catalog));
  }
  rules_.push_back(Compile("stateful", kStateful, catalog));
}

const Series& Recordings::Unsplit(const Rules& rules, const Logs& logs) {
  std::string key = rules.name;
  for (const auto& [path, trace] : logs) key += ' ' + path + '=' + trace->name;
  auto [known, is_new] = unsplit_.try_emplace(key);
  if (!is_new) return known->second;
  guests::Guests guests(rules.programs[0], guests::SourceLabels({}), 1);
  source::StreamId id = 0;
  for (const auto& [path, trace] : logs) {
    guests.OnOpen(++id, 0, path, 0);
    std::string text = trace->text + std::string(source::kReadPadding, '\0');
    guests.OnBytes(id, std::string_view(text).substr(0, trace->text.size()));
  }
  return known->second = SeriesOf(guests);
}

}  // namespace qte::split
