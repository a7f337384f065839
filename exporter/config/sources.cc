#include "config/sources.h"

#include <sys/un.h>

#include <algorithm>
#include <array>

#include "base/suggest.h"
#include "config/keys.h"
#include "config/names.h"
#include "config/regex.h"
#include "config/scalar.h"
#include "config/template.h"

namespace qte::config {
namespace {

// What a source of processes has not.
constexpr auto kOnlyOfPaths = std::to_array<std::string_view>(
    {"path", "exclude", "path_pattern", "envelope", "start", "reclaim", "max_disk_bytes"});
constexpr auto kBools = std::to_array<std::string_view>({"true", "false"});

std::optional<Text> ReadPattern(const Field& field, Report& report) {
  std::optional<Text> pattern = ReadText(field, "a regex", report);
  if (!pattern) return pattern;
  Position at = field.node->at;
  Result<std::vector<std::string>> groups = NamedGroups(pattern->value);
  if (!groups) {
    report.Add(at, groups.error());
  } else if (groups->empty()) {
    report.Add(at, Quoted(field.name) + " has no named group (?P<vm>...), so it would label nothing");
  } else {
    for (const std::string& group : *groups) {
      if (std::optional<std::string> wrong = WrongSourceLabelName(group)) report.Add(at, *wrong);
    }
  }
  return pattern;
}

std::vector<std::pair<Text, std::string>> ReadFixedLabels(const Field& field, Report& report) {
  std::vector<std::pair<Text, std::string>> labels;
  for (const Field& entry : Entries(field, "a map of label names and texts", report)) {
    if (std::optional<std::string> wrong = WrongSourceLabelName(entry.name)) report.Add(entry.at, *wrong);
    std::optional<Text> text = ReadText(entry, "text", report, EmptyText::kAllowed);
    if (text) labels.emplace_back(NameOf(entry, report), text->value);
  }
  return labels;
}

// Below this, checkpoints would be written all the time.
constexpr uint64_t kLeastDiskBytes = uint64_t{1} << 20;

void ReadReclaim(Fields& fields, Source& source, Report& report) {
  if (const Field* reclaim = fields.Find("reclaim")) {
    std::optional<size_t> choice = ReadChoice(*reclaim, kBools, report);
    if (choice && kBools[*choice] == "true") source.reclaim = report.PlaceOf(reclaim->node->at);
  }
  const Field* most = fields.Find("max_disk_bytes");
  if (most == nullptr) return;
  std::optional<uint64_t> bytes;
  if (most->node->kind == YamlNode::Kind::kScalar) bytes = ParseCount(most->node->text);
  if (bytes.value_or(0) < kLeastDiskBytes) {
    ReportMismatch(*most, "a number of bytes, 1048576 (1 MiB) or more", report);
  } else if (!source.reclaim) {
    report.Add(most->at, "\"max_disk_bytes\" does nothing without \"reclaim: true\"");
  } else {
    source.max_disk_bytes = *bytes;
  }
}

std::vector<Text> ReadExclude(const Field& field, const Source& source, Report& report) {
  if (source.path.value == "-") report.Add(field.at, "\"exclude\" goes by paths, and standard input has none");
  return ReadTexts(field, "a glob or a list of globs", report);
}

// The groups of its pattern, which become labels.
std::vector<std::string> GroupsOf(const Source& source) {
  const std::optional<Text>& pattern = source.usdt ? source.name_pattern : source.path_pattern;
  if (!pattern) return {};
  Result<std::vector<std::string>> groups = NamedGroups(pattern->value);
  return groups ? std::move(*groups) : std::vector<std::string>{};
}

// The labels that every series of the source has.
std::vector<std::string> LabelsOf(const Source& source) {
  std::vector<std::string> labels = {"vm"};
  for (const auto& [name, text] : source.labels) labels.push_back(name.value);
  const std::vector<std::string> groups = GroupsOf(source);
  labels.insert(labels.end(), groups.begin(), groups.end());
  std::sort(labels.begin(), labels.end());
  labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
  return labels;
}

// Which socket each log means has to be known from its labels.
void CheckSocket(const Text& socket, const Source& source, Report& report) {
  // As long as the path of a UNIX socket may be, in Linux.
  constexpr size_t kLongest = sizeof(sockaddr_un::sun_path) - 1;
  Result<std::vector<TemplatePiece>> pieces = ParsePathTemplate(socket.value);
  if (!pieces) return report.Add(socket.place, "\"qmp\": " + pieces.error());
  std::vector<std::string> labels = LabelsOf(source);
  std::vector<std::string_view> known(labels.begin(), labels.end());
  size_t literals = 0;
  bool has_label = false;
  for (const TemplatePiece& piece : *pieces) {
    literals += piece.literal.size();
    if (!piece.argument) continue;
    has_label = true;
    if (std::find(known.begin(), known.end(), *piece.argument) != known.end()) continue;
    std::string hint = DidYouMean(*piece.argument, known);
    if (hint.empty()) hint = "; this source has " + OneOf(known);
    report.Add(socket.place, "\"qmp\" names no label of the source: " + Quoted(*piece.argument) + hint);
  }
  if (!has_label && (source.usdt || source.path.value.find_first_of("*?[") != std::string::npos)) {
    report.Add(socket.place,
               "\"qmp\" is one socket for all logs of a glob; say which is whose by a label, as in "
               "/run/qemu/{vm}.qmp");
  }
  if (literals > kLongest) report.Add(socket.place, "\"qmp\" is longer than the path of a socket may be (107 bytes)");
}

bool ReadSwitch(const Field& field, Report& report) {
  std::optional<size_t> choice = ReadChoice(field, kBools, report);
  return choice && kBools[*choice] == "true";
}

std::optional<Qmp> ReadQmp(const Field& field, const Source& source, Report& report) {
  constexpr std::string_view kSocket = "QEMU's QMP socket, as in /run/qemu/{vm}.qmp";
  Qmp qmp;
  std::optional<Text> socket;
  if (field.node->kind == YamlNode::Kind::kMap) {
    Fields fields(field, {"\"qmp\"", kQmpKeys}, report);
    if (const Field* path = fields.Require("socket", kSocket)) socket = ReadText(*path, kSocket, report);
    if (const Field* names = fields.Find("drive_names")) qmp.drive_names = ReadSwitch(*names, report);
    if (const Field* off = fields.Find("switch_off_at_exit")) qmp.switch_off_at_exit = ReadSwitch(*off, report);
  } else {
    socket = ReadText(field, kSocket, report);
  }
  if (!socket) return std::nullopt;
  CheckSocket(*socket, source, report);
  qmp.socket = *socket;
  return qmp;
}

// Labels of a source of processes are templates.
void CheckLabelTemplates(const Source& source, Report& report) {
  const std::vector<std::string> groups = GroupsOf(source);
  std::vector<std::string_view> known(std::begin(kProcessArguments), std::end(kProcessArguments));
  known.insert(known.end(), groups.begin(), groups.end());
  for (const auto& [name, text] : source.labels) {
    Result<std::vector<TemplatePiece>> pieces = ParsePathTemplate(text);
    if (!pieces) {
      report.Add(name.place, "label " + Quoted(name.value) + ": " + pieces.error());
      continue;
    }
    for (const TemplatePiece& piece : *pieces) {
      if (!piece.argument || std::find(known.begin(), known.end(), *piece.argument) != known.end()) continue;
      std::string hint = DidYouMean(*piece.argument, known);
      if (hint.empty()) hint = "; a traced QEMU has " + OneOf(known);
      report.Add(name.place,
                 "label " + Quoted(name.value) + " uses what is not known: " + Quoted(*piece.argument) + hint);
    }
  }
}

// A source of processes: QEMUs with the dtrace backend.
void ReadProcesses(const Field& usdt, Fields& fields, Source& source, Report& report) {
  source.usdt = ReadText(usdt, "the path of QEMU's binary, as in /usr/libexec/qemu-kvm", report);
  if (!source.usdt) return;
  if (!source.usdt->value.starts_with('/')) report.Add(source.usdt->place, "\"usdt\" must be an absolute path");
  source.path = {"usdt:" + source.usdt->value, source.usdt->place};
  for (std::string_view key : kOnlyOfPaths) {
    if (const Field* field = fields.Find(key)) report.Add(field->at, Quoted(key) + " does not go with \"usdt\"");
  }
  if (const Field* pattern = fields.Find("name_pattern")) source.name_pattern = ReadPattern(*pattern, report);
  if (const Field* labels = fields.Find("labels")) source.labels = ReadFixedLabels(*labels, report);
  CheckLabelTemplates(source, report);
}

void ReadPaths(Fields& fields, Source& source, Report& report) {
  if (const Field* path = fields.Require("path", "a file, a glob, a FIFO, or \"-\" for standard input")) {
    source.path = ReadText(*path, "a path", report).value_or(Text{});
  }
  if (const Field* exclude = fields.Find("exclude")) source.exclude = ReadExclude(*exclude, source, report);
  if (const Field* pattern = fields.Find("path_pattern")) source.path_pattern = ReadPattern(*pattern, report);
  if (const Field* labels = fields.Find("labels")) source.labels = ReadFixedLabels(*labels, report);
  if (const Field* envelope = fields.Find("envelope")) {
    if (auto choice = ReadChoice(*envelope, kEnvelopes, report)) source.envelope = kEnvelopes[*choice];
  }
  if (const Field* start = fields.Find("start")) {
    source.start = ReadChoice(*start, kStarts, report) == 1 ? Start::kEnd : Start::kBeginning;
  }
  if (const Field* pattern = fields.Find("name_pattern")) {
    report.Add(pattern->at, "\"name_pattern\" goes with \"usdt\"; of a path it is \"path_pattern\"");
  }
  ReadReclaim(fields, source, report);
}

Source ReadSource(const Field& item, Report& report) {
  Source source;
  Fields fields(item, {"a source", kSourceKeys}, report);
  if (const Field* usdt = fields.Find("usdt")) {
    ReadProcesses(*usdt, fields, source, report);
  } else {
    ReadPaths(fields, source, report);
  }
  if (const Field* qmp = fields.Find("qmp")) source.qmp = ReadQmp(*qmp, source, report);
  return source;
}

}  // namespace

std::vector<Source> ReadSources(const Field& field, Report& report) {
  std::vector<Source> sources;
  for (const Field& item : Items(field, "a list of maps with path, path_pattern, labels, start", report)) {
    sources.push_back(ReadSource(item, report));
  }
  return sources;
}

std::vector<Text> ReadTraceEvents(const Field& field, Report& report) {
  if (field.node->kind == YamlNode::Kind::kEmpty) return {};
  return ReadTexts(field, "a path or a list of paths", report);
}

}  // namespace qte::config
