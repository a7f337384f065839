// explain: shows how a line is read, and which series it changes or why it changes none.
//
// The command feeds the line to a real guest and compares the guest's series before and after. The result is therefore
// what `serve` does. Lines of standard input are explained in order, with the state that earlier lines left.
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>

#include "base/printed.h"
#include "commands/commands.h"
#include "commands/explain_joins.h"
#include "commands/explain_summary.h"
#include "commands/load.h"
#include "commands/recordings.h"
#include "commands/sources.h"
#include "commands/summary.h"
#include "exposition/text.h"
#include "guests/guests.h"
#include "joins/elapsed.h"
#include "rules/ready_rule.h"

namespace qte::commands {
namespace {

using guests::Guests;

constexpr source::StreamId kStream = 1;

// Every sample of an exposition by its series, without the exporter's own metrics.
std::map<std::string, std::string> Samples(Guests& guests) {
  std::map<std::string, std::string> samples;
  std::istringstream text(exposition::ToText(guests.TakeSnapshot()));
  for (std::string line; std::getline(text, line);) {
    size_t space = line.rfind(' ');
    if (line.starts_with('#') || line.starts_with("qemu_trace_exporter_") || space == std::string::npos) continue;
    samples[line.substr(0, space)] = line.substr(space + 1);
  }
  return samples;
}

std::string KindOf(const trace::Value& value) {
  switch (value.kind) {
    case trace::ValueKind::kInteger:
      return "integer";
    case trace::ValueKind::kReal:
      return "real";
    case trace::ValueKind::kText:
      return "text";
    case trace::ValueKind::kMissing:
      break;
  }
  return "not printed";
}

class Explainer {
 public:
  explicit Explainer(const LoadedConfig& loaded)
      : loaded_(loaded), guests_(loaded.program, guests::SourceLabels(loaded.config.sources), 1) {
    const size_t source = SourceOf(source::Discovery(SourceSpecs(loaded.config)), "-");
    guests_.OnOpen(kStream, source, "-", 0);
    opener_.Use(guests::SourceLabels(loaded.config.sources).EnvelopeOf(source));
  }

  void ExplainLine(const std::string& given) {
    // Pad the line like a chunk, because parsers read whole words past its end.
    std::string padded = given + '\n' + std::string(source::kReadPadding, '\0');
    std::string_view line = std::string_view(padded).substr(0, given.size());
    std::cout << "line      " << Escaped(line) << '\n';
    std::optional<JoinsOfLine> joins;
    const auto lines = opener_.Open(line, loaded_.program->names);
    if (lines.empty()) std::cout << "envelope  holds the first part of a line; the next record continues it\n";
    for (const trace::LineOpener::Opened& opened : lines) ExplainOpened(line, opened, joins);
    ExplainEffect(std::string_view(padded).substr(0, line.size() + 1), joins);
  }

  // Prints a summary of all lines on standard error.
  void Finish() {
    guests_.EndOfRecording(kStream);
    Summary summary;
    summary.Add(guests_);
    std::cout.flush();
    if (summary.is_mostly_unread()) Tell(guests_.TakeUnread(guests::FirstLines::Input::kHasEnded));
    std::cerr << summary.Text() << '\n';
  }

 private:
  // Escapes control characters as in C, because a terminal would interpret them.
  static std::string Escaped(std::string_view text) {
    std::string escaped;
    for (char c : text) {
      if (c == '\r') {
        escaped += "\\r";
      } else if (static_cast<unsigned char>(c) < 0x20 && c != '\t') {
        escaped.append("\\x").append(HexByte(c));
      } else {
        escaped += c;
      }
    }
    return escaped;
  }

  // Shows the envelope of the line.
  void ExplainEnvelopes(std::string_view line, const trace::LineOpener::Opened& opened) {
    for (size_t i = 0; i < opened.layers; ++i) std::cout << "envelope  " << trace::NameOf(opened.envelopes[i]) << '\n';
    if (std::optional<int64_t> micros = opener_.TimeOf(opened))
      std::cout << "          its time: " << Seconds(*micros) << " s\n";
    if (opened.line != line) std::cout << "read as   " << Escaped(opened.line) << '\n';
  }

  void ExplainOpened(std::string_view whole, const trace::LineOpener::Opened& opened,
                     std::optional<JoinsOfLine>& joins) {
    using Kind = trace::LineOpener::Opened::Kind;
    ExplainEnvelopes(whole, opened);
    if (opened.kind != Kind::kLine) return;
    const std::string_view line = opened.line;
    trace::Prefix prefix = trace::FindPrefix(line);
    ExplainPrefix(line, prefix);
    std::string_view text = line.substr(prefix.size);
    std::string_view name = text.substr(0, text.find(' '));
    const trace::EventDeclaration* event = loaded_.catalog->Find(name);
    if (event != nullptr) {
      std::cout << "event     " << name << '\n';
      std::optional<Arguments> read = ExplainArguments(*event, text.substr(std::min(name.size() + 1, text.size())));
      const rules::EventPlan* plan = ExplainUses(*event);
      if (plan != nullptr && read) {
        arguments_ = std::move(*read);
        joins.emplace(*loaded_.program, *plan, arguments_, TimeOf(line, prefix));
      }
    } else if (trace::LooksLikeEventName(name)) {
      std::cout << "event     " << name << ", which no loaded declaration describes: it is counted by name only;\n"
                << "          add the file that declares it to trace_events, e.g. /usr/share/qemu/trace-events-all\n";
    } else {
      std::cout << "event     none: the first word is not an event name\n";
    }
  }

  static std::string Seconds(int64_t micros) {
    return std::to_string(micros / 1'000'000) + '.' + std::to_string(1'000'000 + micros % 1'000'000).substr(1);
  }

  static void ExplainPrefix(std::string_view line, const trace::Prefix& prefix) {
    std::cout << "prefix    ";
    if (prefix.kind == trace::PrefixKind::kNone) {
      std::cout << "none: no time, so durations cannot be measured (-msg timestamp=on)\n";
      return;
    }
    std::cout << line.substr(0, prefix.size) << '\n';
    int64_t micros = trace::ReadTime(line, prefix);
    std::cout << "time      " << Seconds(micros) << " s\n";
    if (uint64_t thread = trace::ReadThread(line, prefix)) std::cout << "thread    " << thread << '\n';
  }

  static int64_t TimeOf(std::string_view line, const trace::Prefix& prefix) {
    return prefix.kind == trace::PrefixKind::kNone ? joins::kNoTime : trace::ReadTime(line, prefix);
  }

  // Arguments of the line, parsed by the first format that fits. Empty if no format fits.
  static std::optional<Arguments> ExplainArguments(const trace::EventDeclaration& event, std::string_view text) {
    size_t furthest = 0;
    for (const trace::Variant& variant : event.variants) {
      std::vector<trace::FormatReader::Selected> all(variant.declaration.arguments.size());
      for (size_t i = 0; i < all.size(); ++i) all[i].slot = static_cast<uint8_t>(i);
      trace::FormatReader reader = variant.reader;
      reader.SelectArguments(all);
      trace::Value values[trace::kMaxArguments];
      if (!reader.Read(text, values)) {
        furthest = std::max(furthest, reader.FirstMismatch(text));
        continue;
      }
      Arguments arguments;
      std::cout << "format    \"" << variant.declaration.format << "\"\n";
      for (size_t i = 0; i < all.size(); ++i) {
        const trace::Argument& argument = variant.declaration.arguments[i];
        std::cout << "argument  " << argument.name << " = " << values[i].text() << "   (" << argument.type << ", "
                  << KindOf(values[i]) << ")\n";
        arguments.emplace(argument.name, values[i]);
      }
      return arguments;
    }
    std::cout << "format    none of " << event.variants.size() << " fits: it fails at \"" << text.substr(furthest)
              << "\"\n";
    for (const trace::Variant& variant : event.variants) {
      std::cout << "          \"" << variant.declaration.format << "\"\n";
    }
    return std::nullopt;
  }

  // The event's plan; null if nothing uses the event.
  const rules::EventPlan* ExplainUses(const trace::EventDeclaration& event) const {
    const rules::Program& program = *loaded_.program;
    uint32_t index = program.plan_of[program.names.Find(event.name)];
    if (index == rules::kNone) {
      std::cout << "used by   no rule; it counts in qemu_trace_events_total alone. A rule to add under metrics:\n"
                << rules::ReadyRule(event);
      return nullptr;
    }
    const rules::EventPlan& plan = program.plans[index];
    for (const rules::RulePlan& rule : plan.rules) {
      std::cout << "used by   metric " << program.families[rule.family].name << '\n';
    }
    for (const rules::LookupFeed& feed : plan.lookups) {
      std::cout << "used by   lookup " << program.lookups[feed.lookup].name << '\n';
    }
    for (const rules::SpanFeed& feed : plan.spans) {
      std::cout << "used by   span " << program.spans[feed.span].name << (feed.is_start ? " (start)\n" : " (end)\n");
    }
    for (const rules::DecoderFeed& feed : plan.decoders) {
      const decoders::DecoderKind& kind = *program.decoders[feed.decoder].kind;
      std::cout << "used by   decoder " << kind.name << ", which emits";
      for (const decoders::DecoderOutput& output : kind.outputs) std::cout << ' ' << output.event;
      std::cout << '\n';
    }
    return &plan;
  }

  void ExplainEffect(std::string_view line_and_newline, std::optional<JoinsOfLine>& joins) {
    std::map<std::string, std::string> before = Samples(guests_);
    if (joins) joins->Look(*guests_.process(kStream));
    guests_.OnBytes(kStream, line_and_newline);
    if (joins) joins->Print(*guests_.process(kStream), std::cout);
    bool moved = false;
    for (const auto& [series, value] : Samples(guests_)) {
      auto known = before.find(series);
      std::string old = known == before.end() ? "(new)" : known->second;
      if (old == value) continue;
      moved = true;
      std::cout << "moves     " << series << "  " << old << " -> " << value << '\n';
    }
    if (!moved) std::cout << "moves     nothing: " << Reason() << '\n';
  }

  std::string Reason() {
    std::string reason = "it only feeds what later lines need, or a condition of its rules does not hold";
    for (size_t i = 0; i < guests::kUnparsedReasons; ++i) {
      auto which = static_cast<guests::Unparsed>(i);
      uint64_t count = guests_.unparsed(which);
      if (count != unparsed_[i]) reason = "unparsed, reason " + std::string(guests::NameOf(which));
      unparsed_[i] = count;
    }
    return reason;
  }

  const LoadedConfig& loaded_;
  Guests guests_;
  trace::LineOpener opener_{loaded_.program->limits.max_line_bytes};
  std::array<uint64_t, guests::kUnparsedReasons> unparsed_{};
  Arguments arguments_;  // arguments of the current line
};

}  // namespace

int Explain(const Options& options) {
  LoadOutcome outcome = LoadConfig(options);
  PrintProblems(outcome);
  if (!outcome.loaded) return kExitBadInput;
  if (options.summary) return ExplainSummary(*outcome.loaded, options.files, options.svg_path);
  std::error_code error;
  if (options.line && std::filesystem::is_regular_file(*options.line, error)) {
    std::cerr << "warning: " << *options.line
              << " is a file: `explain --summary FILE` explains what it holds, `explain < FILE` each of its lines\n";
  }
  Explainer explainer(*outcome.loaded);
  if (options.line) {
    explainer.ExplainLine(*options.line);
    explainer.Finish();
    return kExitFine;
  }
  bool first = true;
  for (std::string line; std::getline(std::cin, line); first = false) {
    if (!first) std::cout << '\n';
    explainer.ExplainLine(line);
  }
  explainer.Finish();
  return kExitFine;
}

}  // namespace qte::commands
