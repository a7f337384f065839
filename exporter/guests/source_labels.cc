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
    for (const auto& [name, value] : source.labels) {
      if (source.usdt) {
        compiled.templates.emplace_back(name.value, *config::ParsePathTemplate(value));  // config/ has read it already
      } else {
        compiled.fixed.emplace_back(name.value, value);
      }
    }
    if (const std::optional<config::Text>& pattern = source.usdt ? source.name_pattern : source.path_pattern) {
      re2::RE2::Options options(re2::RE2::Latin1);
      options.set_log_errors(false);
      compiled.pattern = std::make_shared<const re2::RE2>(pattern->value, options);
    }
    if (source.envelope) compiled.envelope = trace::EnvelopeNamed(*source.envelope);
    sources_.push_back(std::move(compiled));
  }
}

// What the pattern finds in a text.
void SourceLabels::AddGroups(const Source& source, const std::string& text,
                             std::map<std::string, std::string>& labels) {
  const re2::RE2* pattern = source.pattern.get();
  if (pattern == nullptr) return;
  std::vector<re2::StringPiece> groups(static_cast<size_t>(pattern->NumberOfCapturingGroups()) + 1);
  bool matches =
      pattern->Match(text, 0, text.size(), re2::RE2::UNANCHORED, groups.data(), static_cast<int>(groups.size()));
  for (const auto& [name, group] : pattern->NamedCapturingGroups()) {
    // re2's StringPiece is a class of its own before 2023 and absl's string_view since: they share data() and size().
    const re2::StringPiece& piece = groups[static_cast<size_t>(group)];
    if (matches) labels[name] = std::string(piece.data(), piece.size());
  }
}

// A QEMU without a name is known by its uuid, or by its number.
std::map<std::string, std::string> SourceLabels::ForProcess(const Source& source,
                                                            const source::TracedProcess& process) {
  const std::string pid = std::to_string(process.pid);
  std::map<std::string, std::string> labels;
  labels["vm"] = !process.name.empty() ? process.name : !process.uuid.empty() ? process.uuid : pid;
  std::map<std::string, std::string> groups;
  AddGroups(source, process.name, groups);
  std::map<std::string, std::string> known = {{"name", process.name}, {"uuid", process.uuid}, {"pid", pid}};
  known.insert(groups.begin(), groups.end());
  for (const auto& [name, pieces] : source.templates) {
    std::string& text = labels[name];
    text.clear();
    for (const config::TemplatePiece& piece : pieces)
      text += piece.literal + (piece.argument ? known[*piece.argument] : "");
  }
  for (auto& [name, text] : groups) labels[name] = std::move(text);
  return labels;
}

metrics::Labels SourceLabels::For(size_t source, const std::string& path) const {
  static const Source kNone;
  const Source& of = source < sources_.size() ? sources_[source] : kNone;
  std::map<std::string, std::string> labels;
  if (const std::optional<source::TracedProcess> process = source::ParseStreamName(path)) {
    labels = ForProcess(of, *process);
  } else {
    labels["vm"] = VmOfPath(path);
    for (const auto& [name, value] : of.fixed) labels[name] = value;
    AddGroups(of, path, labels);
  }
  metrics::Labels sorted;
  for (auto& [name, value] : labels) {
    MakeValidUtf8(value);
    sorted.emplace_back(name, std::move(value));
  }
  return sorted;
}

}  // namespace qte::guests
