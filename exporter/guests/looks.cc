#include "guests/looks.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "base/content.h"
#include "base/printed.h"

namespace qte::guests {
namespace {

constexpr std::string_view kUseTheLog = "let the exporter read the file that QEMU writes itself (-D FILE)";
// Of what is read wherever events are within.
constexpr std::string_view kNoEvents =
    "no trace events are within; switch on those of `qemu-trace-exporter qemu-args`, and leave `envelope:` out";

struct LineLook {
  const char* regex;  // on a line
  Look look;
};

// The first that matches a line counts, so the special ones stand before the general.
const std::array kLineLooks = {
    LineLook{R"(^[A-Za-z_]\w* -?\d+\.\d{3} pid=\d+( |$))",
             {"the output of simpletrace.py",
              "replay the binary trace from which it was made: qemu-trace-exporter replay FILE"}},
    LineLook{R"(^\{"log":")", {"Docker's json-file log", kNoEvents}},
    LineLook{R"(^\d{4}-\d\d-\d\dT\S+ (stdout|stderr) [FP] )", {"a container's log (CRI)", kNoEvents}},
    LineLook{R"(^\s*\{".*\}\s*$)", {"JSON, one object a line", kNoEvents}},
    LineLook{R"(^\d+@\d{16,} [A-Za-z_])", {"the output of qemu-trace-stap", kNoEvents}},
    LineLook{R"(^\[\d\d:\d\d:\d\d\.\d+\] \([+?])", {"the output of LTTng's babeltrace", kUseTheLog}},
    LineLook{R"(^\s*\S.*\s\[\d+\]\s+\S*\s*\d+\.\d+: \w)", {"the output of perf or ftrace", kUseTheLog}},
    LineLook{R"(^(<\d+>\d? ?)?([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S+) \S+ [^\s:]+(\[\d+\])?:? )",
             {"a log of syslog or the journal", kNoEvents}},
    LineLook{R"(^\d{4}-\d\d-\d\dT\S+Z? +[A-Za-z_]\w*( |$))",
             {"lines with a time that something else has put before them", kNoEvents}},
    LineLook{R"(\x1b\[)", {"text with escape codes of a terminal", kNoEvents}},
    LineLook{R"(^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+[+-]\d{4}: )"
             R"(|^[A-Z][A-Z_]*=\S* \\$|^/\S*qemu\S* \\$|^-\S+( .*)? \\$|^-\S+ \S+$|^-\S+$)",
             {"libvirt's log of a domain without trace events",
              "switch on trace events for it, see docs/how-to/libvirt.md", true}},
    LineLook{R"(^\S*qemu-\S+: |^char device redirected)",
             {"messages of QEMU without trace events", "switch on the events of `qemu-trace-exporter qemu-args`", true}},
    LineLook{R"(^(IN:|OUT:|OP:|Trace \d|-{4,}|(0x)?[0-9a-fA-F]{8,}: |[ER]AX=|EIP=|RIP=|[CDEFGS]S =|[GIL]DT=|CR0=|EFER=|)"
             R"(\s*\d+: v=|CC[SD]=|DR\d=|SMM: |CPU Reset|Servicing hardware|check_exception old))",
             {"output of -d (in_asm, cpu, int, exec)",
              "switch on trace events (qemu-trace-exporter qemu-args), and let -d write elsewhere", true}},
};

const std::vector<std::unique_ptr<const re2::RE2>>& Regexes() {
  static const auto regexes = [] {
    re2::RE2::Options options(re2::RE2::Latin1);
    std::vector<std::unique_ptr<const re2::RE2>> compiled;
    for (const LineLook& line : kLineLooks) compiled.push_back(std::make_unique<const re2::RE2>(line.regex, options));
    return compiled;
  }();
  return regexes;
}

// Of text as bytes, not lines.
const Look* ByteLookOf(std::string_view text) {
  constexpr std::string_view kNeedsRecording = "give recorded traces to `replay`, which reads compressed ones";
  static const Look kCompressed{"compressed data", kNeedsRecording};
  static const Look kSimpletrace{"a binary trace of QEMU's `simple` backend", "read it by `replay` or `backfill`"};
  static const Look kUtf16{"UTF-16", kNoEvents};
  static const Look kBinary{"binary data", kUseTheLog};
  switch (ContentOf(text).content) {
    case Content::kCompressed:
      return &kCompressed;
    case Content::kSimpletrace:
      return &kSimpletrace;
    case Content::kText:
      break;
  }
  const auto nuls = static_cast<size_t>(std::count(text.begin(), text.end(), '\0'));
  const bool is_marked = text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff");
  constexpr size_t kMany = 3;  // every third byte
  if (nuls > text.size() / kMany || is_marked) return &kUtf16;
  constexpr size_t kSome = 50;
  const auto others = static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < ' ' && c != '\n' && c != '\r' && c != '\t' && c != '\x1b';
  }));
  return others > text.size() / kSome ? &kBinary : nullptr;
}

}  // namespace

const Look* LookOf(std::string_view text) {
  if (const Look* look = ByteLookOf(text)) return look;
  constexpr size_t kMostLines = 20;  // asked again at each look at a log that is still in doubt
  std::array<size_t, kLineLooks.size()> counts{};
  size_t lines = 0;
  for (; !text.empty() && lines < kMostLines; ++lines) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    for (size_t i = 0; i < counts.size(); ++i) {
      if (!re2::RE2::PartialMatch(re2::StringPiece(line.data(), line.size()), *Regexes()[i])) continue;
      ++counts[i];
      break;
    }
  }
  const auto most = std::max_element(counts.begin(), counts.end());
  return *most * 2 > lines ? &kLineLooks[static_cast<size_t>(most - counts.begin())].look : nullptr;
}

std::string Shown(std::string_view text) {
  constexpr size_t kMost = 80;
  text = text.substr(0, text.find('\n'));
  std::string shown = "\"";
  for (const char c : text.substr(0, kMost)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < ' ' || byte >= 0x7f) {
      shown.append("\\x").append(HexByte(c));
    } else {
      shown += c;
    }
  }
  return shown + (text.size() > kMost ? "...\"" : "\"");
}

}  // namespace qte::guests
