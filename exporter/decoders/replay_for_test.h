// Plays lines of a QEMU log to one part of a decoder and records what it emits, for tests of decoders alone.
//
// It finds arguments in a line by their labels (`bs `, `bs=`, `filename "`). That is enough for the events that
// decoders read, and it is independent of the parser in trace/.
#pragma once

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catch.h"
#include "decoders/decoder.h"

namespace qte::decoders {

using Lines = std::vector<std::string>;

inline Lines operator+(Lines a, const Lines& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

struct LogLine {
  uint64_t thread = kNoThread;
  int64_t time_us = kNoTime;
  std::string event;
  std::string arguments;
};

inline LogLine ParseLogLine(const std::string& text) {
  LogLine line;
  unsigned long thread = 0;
  long seconds = 0;
  long hours = 0;
  long minutes = 0;
  long micros = 0;
  int size = 0;
  if (std::sscanf(text.c_str(), "%lu@%ld.%6ld:%n", &thread, &seconds, &micros, &size) == 3 && size > 0) {
    line.thread = thread;
    line.time_us = seconds * 1'000'000 + micros;
  } else if (std::sscanf(text.c_str(), "%*4d-%*2d-%*2dT%2ld:%2ld:%2ld.%6ldZ %n", &hours, &minutes, &seconds, &micros,
                         &size) == 4 &&
             size > 0) {
    line.time_us = ((hours * 60 + minutes) * 60 + seconds) * 1'000'000 + micros;  // of its day
  } else {
    size = 0;
  }
  std::string rest = text.substr(static_cast<size_t>(size));
  size_t blank = rest.find(' ');
  line.event = rest.substr(0, blank);
  if (blank != std::string::npos) line.arguments = rest.substr(blank + 1);
  return line;
}

// Replaces the labels that QEMU prints by the argument names that decoders use, where they differ.
inline std::string Relabelled(const std::string& event, std::string arguments) {
  struct Label {
    const char* event;
    const char* printed;
    const char* name;
  };
  static constexpr Label kLabels[] = {{"scsi_req_parsed", " command ", " cmd "},
                                      {"scsi_req_parsed", " length ", " xfer "},
                                      {"pci_nvme_io_cmd", " opc ", " opcode "},
                                      {"pci_nvme_rw_cb", " blk ", " blkname "},
                                      {"pci_nvme_rw_complete_cb", " blk ", " blkname "},
                                      {"pci_nvme_write", " opname ", " verb "},
                                      {"ide_sector_read", "sector=", "sector_num="},
                                      {"ide_sector_write", "sector=", "sector_num="},
                                      {"ide_dma_cb", "IDEState ", "s "},
                                      {"ide_dma_cb", "cmd=DMA ", "dma=\"DMA "},
                                      {"ide_exec_cmd", "IDE exec cmd: ", ""},
                                      {"ide_bus_exec_cmd", "IDE exec cmd: ", ""},
                                      {"process_ncq_command", "ahci(", "s "},
                                      {"process_ncq_command", ")[", " port "},
                                      {"process_ncq_command", "][", " "},
                                      {"process_ncq_command", "NCQ op ", "cmd "},
                                      {"process_ncq_command", "on sectors [", "lba "},
                                      {"process_ncq_command", ",", " "},
                                      {"ahci_pio_transfer", "ahci(", "s "},
                                      {"ahci_pio_transfer", ")[", " port "},
                                      {"ahci_pio_transfer", "]:", " "},
                                      {"ide_atapi_cmd_read", "IDEState: ", "s "},
                                      {"ide_atapi_cmd_read", " read ", " method "},
                                      {"ide_atapi_cmd_read", ": LBA=", " lba="},
                                      {"input_event_key_qcode", "con ", "conidx "},
                                      {"input_event_key_qcode", "key qcode ", "qcode "},
                                      {"input_event_key_number", "con ", "conidx "},
                                      {"input_event_key_number", "[", "qcode "},
                                      {"input_event_key_number", "],", " "}};
  for (const Label& label : kLabels) {
    size_t at = event == label.event ? arguments.find(label.printed) : arguments.npos;
    if (at != arguments.npos) arguments.replace(at, std::strlen(label.printed), label.name);
  }
  if (event == "ide_dma_cb") arguments += "\" flags";
  if (event.starts_with("input_event_key_")) std::erase(arguments, ',');
  std::erase(arguments, ';');
  std::erase(arguments, '\'');
  return arguments;
}

// The text of argument `name`: after its label, or the first word if it has none.
inline std::string_view ArgumentText(std::string_view arguments, std::string_view name) {
  size_t begin = 0;
  for (char end : {' ', '='}) {
    std::string label = std::string(name) + end;
    size_t at = arguments.starts_with(label) ? 0 : arguments.find(" " + label);
    if (at == arguments.npos) continue;
    begin = at + label.size() + (arguments.starts_with(label) ? 0 : 1);
    break;
  }
  std::string_view rest = arguments.substr(begin);
  if (rest.starts_with('"')) {
    size_t end = rest.find("\" flags");  // ends the file name, which may contain quotes
    return rest.substr(1, (end == rest.npos ? rest.find('"', 1) : end) - 1);
  }
  return rest.substr(0, rest.find(' '));
}

inline trace::Value ValueOf(std::string_view text) {
  std::string copy(text);
  if (text.starts_with("0x")) return trace::Value::Unsigned(std::strtoull(copy.c_str(), nullptr, 16), text);
  if (text == "(nil)") return trace::Value::Unsigned(0, text);
  char* end = nullptr;
  long long number = std::strtoll(copy.c_str(), &end, 10);
  return *end == 0 && !copy.empty() ? trace::Value::Signed(number, text) : trace::Value::Text(text);
}

inline std::string Printed(const trace::Value& value) {
  if (!value.has_value()) return "-";
  if (value.size > 0) return std::string(value.text());
  if (value.kind == trace::ValueKind::kInteger) return std::to_string(value.bits);
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%g", value.AsDouble());
  return text.data();
}

inline std::vector<std::string> ReadTrace(const std::string& name) {
  std::ifstream file("tests/data/traces/" + name);
  REQUIRE(file.is_open());
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

// A part of a decoder, by its name.
struct PartNamed {
  explicit PartNamed(std::string_view name) {
    for (const DecoderKind& each : BuiltinDecoders()) {
      for (size_t i = 0; i < each.parts.size(); ++i) {
        if (each.parts[i].name != name) continue;
        kind = &each;
        part = i;
        outputs = each.parts[i].outputs;
      }
    }
    REQUIRE(kind != nullptr);
  }

  const DecoderKind* kind = nullptr;
  size_t part = 0;
  OutputSet outputs = 0;

  // Whether it needs this input.
  bool Reads(size_t which) const { return (kind->inputs[which].outputs & outputs) != 0; }
};

class Replay final : public Sink {
 public:
  explicit Replay(std::string_view name, const DecoderLimits& limits = {})
      : part_(name), kind_(*part_.kind), decoder_(kind_.make(limits)) {}

  void Play(const std::string& text) { Play(ParseLogLine(text)); }
  void Play(const LogLine& line) {
    for (size_t which = 0; which < kind_.inputs.size(); ++which) {
      if (kind_.inputs[which].event != line.event || !part_.Reads(which)) continue;
      std::string arguments = Relabelled(line.event, line.arguments);
      std::vector<trace::Value> args;
      for (std::string_view name : kind_.inputs[which].arguments) {
        args.push_back(ValueOf(ArgumentText(arguments, name)));
      }
      decoder_->OnEvent({which, args, line.time_us, line.thread}, *this);
    }
    if (looks) LookAtInFlight();
  }
  void Play(const std::vector<std::string>& lines) {
    for (const std::string& line : lines) Play(line);
  }

  void Emit(size_t which, std::span<const trace::Value> args) override {
    const DecoderOutput& output = kind_.outputs[which];
    REQUIRE(args.size() == output.arguments.size());
    for (size_t i = 0; i < args.size(); ++i) {
      bool is_declared = std::ranges::find(output.texts, output.arguments[i]) != output.texts.end();
      CHECK((is_declared || args[i].kind != trace::ValueKind::kText));
    }
    if ((part_.outputs & OutputSet{1} << which) == 0) return;
    CHECK(output.is_in_flight == counting_);
    if (counting_ && output.event == "block_device") {
      std::string info;
      for (const trace::Value& arg : args.first(args.size() - 1)) info += (info.empty() ? "" : " ") + std::string(arg.text());
      infos.push_back(info.substr(0, info.find_last_not_of(' ') + 1));
      return;
    }
    if (counting_) {
      std::string disk = Printed(args[0]) + " " + Printed(args[1]);
      CHECK(now_.emplace(disk, args[2].bits).second);
      return;
    }
    std::string text(output.event);
    for (const trace::Value& arg : args) text += " " + Printed(arg);
    emitted.push_back(text);
  }

  Decoder& decoder() { return *decoder_; }
  size_t open() const { return decoder_->open(part_.part); }
  uint64_t abandoned() const { return decoder_->abandoned(part_.part); }

  // What is in flight, by "interface device".
  std::map<std::string, uint64_t> InFlight() {
    now_.clear();
    infos.clear();
    counting_ = true;
    std::as_const(*decoder_).CountInFlight(*this);
    counting_ = false;
    return now_;
  }

  std::vector<std::string> emitted;  // "dma_request a.img read 4096 0.5", "-" for what is missing
  bool looks = false;                // at what is in flight after each line
  std::vector<std::string> infos;    // disks found by InFlight(): "interface device image format ..."
  std::vector<std::string> changes;  // changes of the number in flight: "interface device number"

 private:
  void LookAtInFlight() {
    std::map<std::string, uint64_t> before = before_;
    before_ = InFlight();
    for (const auto& [disk, count] : before) {
      if (count != 0 && !before_.contains(disk)) changes.push_back(disk + " 0");
    }
    for (const auto& [disk, count] : before_) {
      if (before[disk] != count) changes.push_back(disk + " " + std::to_string(count));
    }
  }

  std::map<std::string, uint64_t> before_;
  std::map<std::string, uint64_t> now_;
  bool counting_ = false;
  PartNamed part_;
  const DecoderKind& kind_;
  std::unique_ptr<Decoder> decoder_;
};

}  // namespace qte::decoders
