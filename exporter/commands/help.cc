#include "commands/help.h"

#include <algorithm>

namespace qte::commands {
namespace {

constexpr std::string_view kProgram = "qemu-trace-exporter";
constexpr std::string_view kWhat = "Follows QEMU trace logs and serves their events as Prometheus metrics.";

const std::vector<CommandHelp>& All() {
  static const std::vector<CommandHelp> all = {
      {Command::kServe,
       "serve",
       "",
       "Follow trace logs and serve metrics (the default)",
       {"qemu-trace-exporter --trace.path='/var/log/qemu/*.log'",
        "qemu-trace-exporter serve --config.file=vms.yaml --state.path=/var/lib/qemu-trace-exporter"}},
      {Command::kCheck,
       "check",
       "[FILE...]",
       "Check the config and summarize it",
       {"qemu-trace-exporter check vms.yaml", "qemu-trace-exporter check --lint default mine.yaml"}},
      {Command::kReplay,
       "replay",
       "FILE...",
       "Read recorded traces and print their metrics",
       {"qemu-trace-exporter replay vm1.log vm2.log.gz",
        "zcat vm1.log.gz | qemu-trace-exporter replay --config.file=mine.yaml -"}},
      {Command::kBackfill,
       "backfill",
       "FILE...",
       "Print the metrics of recorded traces over time, as OpenMetrics with timestamps",
       {"qemu-trace-exporter backfill --step=15s vm1.log > vm1.om",
        "promtool tsdb create-blocks-from openmetrics vm1.om data"}},
      {Command::kExplain,
       "explain",
       "[LINE | --summary FILE...]",
       "Show how a line is read and which series it changes",
       {"qemu-trace-exporter explain 'ps2_put_keycode 0x55e759f09cf0 keycode 0x34'",
        "tail -n 20 vm1.log | qemu-trace-exporter explain",
        "qemu-trace-exporter explain --summary --svg=vm1.svg vm1.log"}},
      {Command::kQemuArgs,
       "qemu-args",
       "",
       "Print the QEMU options that enable the events the config needs",
       {"qemu-system-x86_64 -drive file=disk.img,format=raw $(qemu-trace-exporter qemu-args) -D vm1.log"}},
      {Command::kBpftrace,
       "bpftrace",
       "",
       "Print a bpftrace script that traces the events the config needs, for a QEMU without a log",
       {"qemu-trace-exporter bpftrace --pid=4711 > vm1.bt",
        "bpftrace -p 4711 vm1.bt | qemu-trace-exporter --trace.path=-"}},
      {Command::kSchema,
       "schema",
       "",
       "Print the JSON Schema of the config, for editors",
       {"qemu-trace-exporter schema > config.schema.json"}},
      {Command::kTop,
       "top",
       "[FILE...]",
       "Show VMs and disks by rate and latency, of a running daemon or of trace logs",
       {"qemu-trace-exporter top", "qemu-trace-exporter top vm1.log",
        "qemu-trace-exporter top --batch --iterations=3 --address=unix:/run/qemu-trace-exporter.sock"}},
  };
  return all;
}

std::string Paragraph(std::string_view text, size_t width) {
  return '\n' + WrapText(text, width);
}

std::string Section(std::string_view title, const std::vector<HelpEntry>& entries, size_t width) {
  if (entries.empty()) return {};
  return '\n' + std::string(title) + ":\n" + LayOutEntries(entries, width);
}

std::string Examples(const CommandHelp& command, size_t width) {
  std::string text;
  for (std::string_view example : command.examples) text += LayOutExample(example, width);
  return text;
}

}  // namespace

std::span<const CommandHelp> CommandHelps() {
  return All();
}

const CommandHelp& HelpOf(Command command) {
  return *std::find_if(All().begin(), All().end(), [=](const CommandHelp& help) { return help.command == command; });
}

const CommandHelp* FindCommand(std::string_view name) {
  auto found = std::find_if(All().begin(), All().end(), [=](const CommandHelp& help) { return help.name == name; });
  return found == All().end() ? nullptr : &*found;
}

std::string ProgramHelpText(const std::vector<HelpEntry>& flags, size_t width) {
  std::vector<HelpEntry> commands;
  std::string examples;
  for (const CommandHelp& help : All()) {
    commands.push_back({std::string(help.name), std::string(help.what)});
    examples += Examples(help, width);
  }
  return WrapText(kWhat, width) + "\nUsage: " + std::string(kProgram) + " [FLAG...] [COMMAND] [FLAG...]\n" +
         Section("Commands", commands, width) + Section("Flags", flags, width) +
         Paragraph("`help COMMAND` shows the flags of one command. Flags may stand before and after the command.",
                   width) +
         Paragraph(
             "An environment variable sets a flag that the command line lacks: QTE_STATE_PATH sets --state.path, and "
             "so on. Commas separate the values of a repeatable flag.",
             width) +
         "\nExamples:\n" + examples + Paragraph("Exit codes: 0 fine, 1 bad config or bad input, 2 wrong usage.", width);
}

std::string CommandHelpText(const CommandHelp& command, const std::vector<HelpEntry>& arguments,
                            const std::vector<HelpEntry>& flags, size_t width) {
  std::string usage = std::string(kProgram) + ' ' + std::string(command.name) + " [FLAG...]";
  if (!command.arguments.empty()) usage.append(" ").append(command.arguments);
  return WrapText(command.what, width) + '\n' + WrapText("Usage: " + usage, width) + Section("Arguments", arguments, width) +
         Section("Flags", flags, width) + "\nExamples:\n" + Examples(command, width) +
         "\nMore flags: " + std::string(kProgram) + " --help\n";
}

}  // namespace qte::commands
