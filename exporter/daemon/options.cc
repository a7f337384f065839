#include "daemon/options.h"

#include <CLI/CLI.hpp>
#include <cstdint>
#include <iostream>
#include <map>
#include <string>

#include "daemon/embedded.h"

namespace qte::daemon {
namespace {

constexpr const char* kDefaultAddress = "0.0.0.0:10177";

const std::map<std::string, int64_t> kUnitsOfTime = {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}};

constexpr const char* kFooter = R"(
Examples:
  qemu-system-x86_64 ... $(qemu-trace-exporter qemu-args) -D /var/log/qemu/vm1.log
  qemu-trace-exporter --trace.path='/var/log/qemu/*.log'
  qemu-trace-exporter replay trace.log.gz
  qemu-trace-exporter backfill --step=1s trace.log > trace.om
  qemu-trace-exporter explain 'ps2_put_keycode 0x55e759f09cf0 keycode 0x34'

Exit codes: 0 fine, 1 bad config or bad input, 2 wrong usage.)";

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
                 std::string("Address to serve on; repeatable (default: ") + kDefaultAddress + ")")
      ->type_name("ADDR:PORT")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  app.add_option("--web.config.file", options.web_config_file,
                 "Who may ask over HTTP: basic_auth_users as in Prometheus' exporter-toolkit (default: everybody)")
      ->type_name("FILE");
  app.add_option("--state.path", options.state_path,
                 "Directory for checkpoints, from which a restart goes on (default: none)")
      ->type_name("DIR");
  app.add_flag("--web.enable-lifecycle", options.enable_lifecycle, "Allow reloads by POST /-/reload");
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
  auto add = [&](const char* name, const char* help, Command command) {
    CLI::App* sub = app.add_subcommand(name, help);
    sub->callback([&options, command] { options.command = command; });
    sub->fallthrough();  // the flags may stand before and after the command
    return sub;
  };
  add("serve", "Follow trace logs and serve metrics (the default)", Command::kServe);
  add("check", "Check the config and say what it holds", Command::kCheck);
  CLI::App* replay = add("replay", "Read recorded traces to their end and print their metrics", Command::kReplay);
  replay
      ->add_option(
          "FILE", options.files,
          "Trace logs, plain, .gz or .zst; - for standard input. Files whose labels differ are read at the same "
          "time, those with the same labels in the order given")
      ->required();
  CLI::App* backfill =
      add("backfill", "Print what recorded traces hold over time, as OpenMetrics with timestamps", Command::kBackfill);
  backfill->add_option("FILE", options.files, "As for replay")->required();
  backfill->add_option("--step", options.step_ms, "Time between two samples: 15s, 500ms, 1m (default: 15s)")
      ->transform(CLI::AsNumberWithUnit(kUnitsOfTime, CLI::AsNumberWithUnit::UNIT_REQUIRED, "DURATION"))
      ->check(CLI::PositiveNumber);
  CLI::App* explain = add("explain", "Show how a line is read and which series it moves", Command::kExplain);
  explain->add_option("LINE", options.line, "A line of a trace log (default: lines of standard input)");
  add("qemu-args", "Print the QEMU options that switch on the events the config needs", Command::kQemuArgs);
  app.require_subcommand(0, 1);
}

}  // namespace

ParsedOptions ParseOptions(int argc, char** argv) {
  Options options;
  CLI::App app("Follows QEMU trace logs and serves what happens in them as Prometheus metrics.", "qemu-trace-exporter");
  app.set_version_flag("--version", "qemu-trace-exporter " + std::string(kVersion));
  app.footer(kFooter);
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
    std::cerr << "qemu-trace-exporter: " << error.what() << " (see --help)\n";
    return {std::nullopt, kExitUsage};
  }
  if (options.listen_addresses.empty()) options.listen_addresses = {kDefaultAddress};
  return {std::move(options), kExitFine};
}

}  // namespace qte::daemon
