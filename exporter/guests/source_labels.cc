#include "guests/source_labels.h"

#include <map>
#include <string_view>

#include "base/utf8.h"

namespace qte::guests {

std::string VmOfPath(const std::string& path) {
  if (path == "-") return "stdin";
  std::string name = path.substr(path.rfind('/') + 1);
  auto strip = [&name](std::initializer_list<std::string_view> suffixes) {
    for (std::string_view suffix : suffixes) {
      if (name.size() > suffix.size() && name.ends_with(suffix)) {
        name.erase(name.size() - suffix.size());
        return;
      }
    }
  };
  strip({".gz", ".zst"});
  strip({".log", ".trace", ".txt", ".fifo", ".pipe"});
  return name;
}

std::string TextOf(const metrics::Labels& labels) {
  std::string text;
  for (const auto& [name, value] : labels) text += (text.empty() ? "" : ",") + name + "=\"" + value + '"';
  return '{' + text + '}';
}

std::string SameLabelsText(const std::string& other_path, const metrics::Labels& labels) {
  return "has the same labels as " + other_path + ", " + TextOf(labels) +
         ", so their series add up; tell them apart by path_pattern or labels";
}

SourceLabels::SourceLabels(const std::vector<config::Source>& sources) {
  for (const config::Source& source : sources) {
    Source compiled;
    for (const auto& [name, value] : source.labels) compiled.fixed.emplace_back(name.value, value);
    if (source.path_pattern) {
      re2::RE2::Options options(re2::RE2::Latin1);
      options.set_log_errors(false);
      compiled.pattern = std::make_shared<const re2::RE2>(source.path_pattern->value, options);
    }
    if (source.envelope) compiled.envelope = trace::EnvelopeNamed(*source.envelope);
    sources_.push_back(std::move(compiled));
  }
}

metrics::Labels SourceLabels::For(size_t source, const std::string& path) const {
  std::map<std::string, std::string> labels = {{"vm", VmOfPath(path)}};
  if (source < sources_.size()) {
    for (const auto& [name, value] : sources_[source].fixed) labels[name] = value;
    if (const re2::RE2* pattern = sources_[source].pattern.get()) {
      std::vector<re2::StringPiece> groups(static_cast<size_t>(pattern->NumberOfCapturingGroups()) + 1);
      bool matches =
          pattern->Match(path, 0, path.size(), re2::RE2::UNANCHORED, groups.data(), static_cast<int>(groups.size()));
      for (const auto& [name, group] : pattern->NamedCapturingGroups()) {
        // re2's StringPiece is a class of its own before 2023 and absl's string_view since: they share data() and size().
        const re2::StringPiece& piece = groups[static_cast<size_t>(group)];
        if (matches) labels[name] = std::string(piece.data(), piece.size());
      }
    }
  }
  metrics::Labels sorted;
  for (auto& [name, value] : labels) {
    MakeValidUtf8(value);
    sorted.emplace_back(name, std::move(value));
  }
  return sorted;
}

}  // namespace qte::guests
