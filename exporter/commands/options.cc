#include "commands/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/suggest.h"
#include "commands/embedded.h"
#include "config/scalar.h"
#include "http/listen_address.h"

namespace qte::commands {
namespace {

constexpr const char* kDefaultAddress = "[::]:10177";

constexpr const char* kExitCodes = "\nExit codes: 0 fine, 1 bad config or bad input, 2 wrong usage.";

struct Help {
  Command command;
  const char* name;
  const char* what;
  const char* examples;
};

constexpr Help kCommands[] = {
    {Command::kServe, "serve", "Follow trace logs and serve metrics (the default)",
     R"(
  qemu-trace-exporter --trace.path='/var/log/qemu/*.log'
  qemu-trace-exporter serve --config.file=vms.yaml --state.path=/var/lib/qemu-trace-exporter)"},
    {Command::kCheck, "check", "Check the config and say what it holds",
     R"(
  qemu-trace-exporter check --config.file=vms.yaml
  qemu-trace-exporter check --config.file=default --config.file=mine.yaml)"},
    {Command::kReplay, "replay", "Read recorded traces to their end and print their metrics",
     R"(
  qemu-trace-exporter replay vm1.log vm2.log.gz
  zcat vm1.log.gz | qemu-trace-exporter replay --config.file=mine.yaml -)"},
    {Command::kBackfill, "backfill", "Print what recorded traces hold over time, as OpenMetrics with timestamps",
     R"(
  qemu-trace-exporter backfill --step=15s vm1.log > vm1.om
  promtool tsdb create-blocks-from openmetrics vm1.om data)"},
    {Command::kExplain, "explain", "Show how a line is read and which series it moves",
     R"(
  qemu-trace-exporter explain 'ps2_put_keycode 0x55e759f09cf0 keycode 0x34'
  tail -n 20 vm1.log | qemu-trace-exporter explain)"},
    {Command::kQemuArgs, "qemu-args", "Print the QEMU options that switch on the events the config needs",
     R"(
  qemu-system-x86_64 -drive file=disk.img,format=raw $(qemu-trace-exporter qemu-args) -D vm1.log)"},
    {Command::kBpftrace, "bpftrace", "Print a bpftrace script for the events the config needs, for QEMU without a log",
     R"(
  qemu-trace-exporter bpftrace --pid=4711 > vm1.bt
  bpftrace -p 4711 vm1.bt | qemu-trace-exporter --trace.path=-)"},
};

enum class Zero { kRefused, kAllowed };

// Turns "1m30s" into the milliseconds that the option's number holds.
CLI::Validator Milliseconds(Zero zero) {
  auto convert = [zero](std::string& text) -> std::string {
    const bool is_zero = text == "0" || text == "0s";
    const auto duration = config::ParseDuration(text).value_or(std::chrono::microseconds(0));
    const int64_t count = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
    if (count == 0 && !(is_zero && zero == Zero::kAllowed)) {
      return "invalid duration \"" + text + "\": expected 500ms, 15s, 10m or 1h30m";
    }
    text = std::to_string(count);
    return {};
  };
  return {convert, ""};
}

// Of a route: empty, or a slash and what needs no escape.
bool IsPath(const std::string& path) {
  auto is_plain = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == '/'; };
  return path.empty() || (path.starts_with('/') && path.find("//") == std::string::npos &&
                          std::all_of(path.begin(), path.end(), is_plain));
}

void AddConfigFlag(CLI::App& app, Options& options) {
  app.add_option("--config.file", options.config_files,
                 "Config file; repeatable, files combine; `default` is the built-in config, used without this flag")
      ->type_name("FILE")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
}

void AddServeFlags(CLI::App& app, Options& options) {
  app.add_option("--trace.path", options.trace_paths,
                 "Trace log, glob, FIFO, or - for standard input; repeatable; instead of the config's sources")
      ->type_name("GLOB")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  app.add_option("--web.listen-address", options.listen_addresses,
                 std::string("HOST:PORT, [IPV6]:PORT or unix:/PATH to serve on; repeatable (default: ") + kDefaultAddress +
                     ", IPv6 and IPv4)")
      ->type_name("ADDRESS")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  app.add_option("--web.config.file", options.web_config_file,
                 "TLS, users, headers and a rate limit, as in Prometheus' exporter-toolkit (default: none of these)")
      ->type_name("FILE");
  app.add_flag("--web.systemd-socket", options.systemd_socket,
               "Serve on the sockets that systemd hands over, and on no others unless --web.listen-address names them");
  app.add_option("--web.telemetry-path", options.telemetry_path, "Path of the metrics")
      ->type_name("PATH")
      ->default_str("/metrics");
  app.add_option("--web.route-prefix", options.route_prefix, "Path that all others are below (default: /)")->type_name("PATH");
  app.add_option("--state.path", options.state_path,
                 "Directory for checkpoints, from which a restart goes on (default: none)")
      ->type_name("DIR");
  app.add_option(
         "--web.startup-timeout", options.startup_timeout_ms,
         "Longest time to answer 503 while reading what was there at the start: 30s, 10m; 0: not at all (default: 5m)")
      ->type_name("DURATION")
      ->transform(Milliseconds(Zero::kAllowed));
  app.add_flag("--web.enable-lifecycle", options.enable_lifecycle, "Allow POST /-/reload, and PUT /-/log-level?level=LEVEL");
}

void AddLogFlags(CLI::App& app, Options& options) {
  app.add_option("--log.level", options.log_level, "debug, info, warn or error")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->type_name("LEVEL")
      ->default_str("info");
  app.add_option("--log.format", options.log_format, "logfmt or json")
      ->check(CLI::IsMember({"logfmt", "json"}))
      ->type_name("FORMAT")
      ->default_str("logfmt");
}

void AddCommands(CLI::App& app, Options& options) {
  std::map<Command, CLI::App*> added;
  std::string examples = "Examples:";
  for (const Help& help : kCommands) {
    CLI::App* sub = app.add_subcommand(help.name, help.what);
    sub->callback([&options, command = help.command] { options.command = command; });
    sub->fallthrough();  // the flags may stand before and after the command
    sub->footer(std::string("Examples:") + help.examples + "\n\nMore flags: qemu-trace-exporter --help");
    examples += help.examples;
    added[help.command] = sub;
  }
  app.footer(examples + '\n' + kExitCodes);
  CLI::App* replay = added[Command::kReplay];
  replay
      ->add_option(
          "FILE", options.files,
          "Trace logs, plain or compressed; - for standard input. Files whose labels differ are read at the same "
          "time, those with the same labels in the order given")
      ->required();
  replay->add_flag("--strict", options.is_strict, "Exit with 1 if more than half of the lines were not read");
  CLI::App* backfill = added[Command::kBackfill];
  backfill->add_option("FILE", options.files, "As for replay")->required();
  backfill->add_option("--step", options.step_ms, "Time between two samples: 15s, 500ms, 1m (default: 1s)")
      ->type_name("DURATION")
      ->transform(Milliseconds(Zero::kRefused));
  added[Command::kExplain]->add_option("LINE", options.line,
                                       "A line of a trace log (default: lines of standard input)");
  CLI::App* bpftrace = added[Command::kBpftrace];
  bpftrace
      ->add_option("--binary", options.binary, "QEMU's binary, to tell which events it has (default: that of --pid)")
      ->type_name("PATH");
  bpftrace->add_option("--pid", options.pid, "A running QEMU (default: none)")
      ->type_name("PID")
      ->check(CLI::PositiveNumber);
  app.require_subcommand(0, 1);
}

// What is no flag, command or file that is expected here.
std::string Unexpected(const CLI::App& app, const std::string& word) {
  bool is_flag = word.starts_with('-');
  std::string typed = word.substr(0, word.find('='));
  std::vector<std::string> known;
  auto add_flags = [&known](const CLI::App& of) {
    for (const CLI::Option* option : of.get_options()) known.push_back(option->get_name());
  };
  if (is_flag) add_flags(app);
  for (const CLI::App* command : app.get_subcommands(nullptr)) {
    if (is_flag && command->parsed()) add_flags(*command);
    if (!is_flag) known.push_back(command->get_name());
  }
  std::vector<std::string_view> candidates(known.begin(), known.end());
  if (is_flag) return "unknown flag \"" + typed + '"' + DidYouMean(typed, candidates);
  if (app.get_subcommands().empty()) return "unknown command \"" + word + '"' + DidYouMean(word, candidates);
  bool is_log = app.got_subcommand("serve");
  return "unexpected \"" + word + '"' + (is_log ? "; logs are named by --trace.path" : "");
}

ParsedOptions WrongUsage(const std::string& what) {
  std::cerr << "qemu-trace-exporter: " << what << " (see --help)\n";
  return {std::nullopt, kExitUsage};
}

}  // namespace

ParsedOptions ParseOptions(int argc, char** argv) {
  Options options;
  CLI::App app("Follows QEMU trace logs and serves what happens in them as Prometheus metrics.", "qemu-trace-exporter");
  app.set_version_flag("--version", "qemu-trace-exporter " + std::string(kVersion));
  AddConfigFlag(app, options);
  AddServeFlags(app, options);
  AddLogFlags(app, options);
  AddCommands(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
      app.exit(error);
      return {std::nullopt, kExitFine};
    }
    std::vector<std::string> unexpected = app.remaining(true);
    return WrongUsage(unexpected.empty() ? error.what() : Unexpected(app, unexpected.front()));
  }
  for (const std::string& address : options.listen_addresses) {
    Result<http::ListenAddress> parsed = http::ParseListenAddress(address);
    if (!parsed.ok()) return WrongUsage(parsed.error());
  }
  for (std::string* path : {&options.telemetry_path, &options.route_prefix}) {
    while (path->ends_with('/')) path->pop_back();
    if (!IsPath(*path)) return WrongUsage("\"" + *path + "\" is not a path of letters, digits, \"-\", \"_\", \".\" and \"/\"");
  }
  if (options.telemetry_path.empty()) return WrongUsage("--web.telemetry-path needs a path other than /, which is the page's");
  if (options.listen_addresses.empty() && !options.systemd_socket) options.listen_addresses = {kDefaultAddress};
  return {std::move(options), kExitFine};
}

}  // namespace qte::commands
