#include "commands/options.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/suggest.h"
#include "commands/embedded.h"
#include "commands/environment.h"
#include "commands/flag_values.h"
#include "commands/help.h"
#include "commands/top/view.h"
#include "http/listen_address.h"

namespace qte::commands {
namespace {

constexpr const char* kDefaultAddress = "[::]:10177";

// Flags that only some commands take. Every command takes all other flags, so `check` accepts the flags of `serve`.
struct OwnedFlag {
  std::string_view name;
  std::vector<Command> commands;
};

const std::vector<OwnedFlag>& OwnedFlags() {
  static const std::vector<OwnedFlag> flags = {
      {"--step", {Command::kBackfill}},   {"--strict", {Command::kReplay, Command::kCheck}},
      {"--format", {Command::kCheck}},    {"--lint", {Command::kCheck}},
      {"--summary", {Command::kExplain}}, {"--svg", {Command::kExplain}},
      {"--binary", {Command::kBpftrace}}, {"--pid", {Command::kBpftrace}},
      {"--address", {Command::kTop}},     {"--user", {Command::kTop}},
      {"--password-file", {Command::kTop}}, {"--ca-file", {Command::kTop}},
      {"--cert-file", {Command::kTop}},   {"--key-file", {Command::kTop}},
      {"--batch", {Command::kTop}},       {"--iterations", {Command::kTop}},
      {"--interval", {Command::kTop}},    {"--sort", {Command::kTop}},
      {"--vm", {Command::kTop}}};
  return flags;
}

// Null for a flag that every command takes.
const OwnedFlag* FindOwned(const std::string& name) {
  const auto& flags = OwnedFlags();
  auto found = std::find_if(flags.begin(), flags.end(), [&](const OwnedFlag& flag) { return flag.name == name; });
  return found == flags.end() ? nullptr : &*found;
}

bool IsOf(const OwnedFlag& flag, Command command) {
  return std::find(flag.commands.begin(), flag.commands.end(), command) != flag.commands.end();
}

// True for a route: empty, or a slash followed by characters that need no escape.
bool IsPath(const std::string& path) {
  auto is_plain = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == '/'; };
  return path.empty() || (path.starts_with('/') && path.find("//") == std::string::npos &&
                          std::all_of(path.begin(), path.end(), is_plain));
}

void AddRepeatable(CLI::App& app, const char* name, std::vector<std::string>& values, const char* type,
                   const std::string& text) {
  app.add_option(name, values, text)->type_name(type)->take_all()->expected(1)->allow_extra_args(false);
}

// A switch also takes a value, because an environment variable sets it to true or false.
void AddSwitch(CLI::App& app, const char* name, bool& value, const char* text) {
  app.add_flag(name, value, text)->check(OneOf({"true", "false"}));
}

void AddSharedFlags(CLI::App& app, Options& options) {
  AddRepeatable(
      app, "--config.file", options.config_files, "FILE",
      "Config file, or a directory of *.yaml files. Repeatable: files are merged. `default` names the built-in config, "
      "which is used without this flag");
  AddRepeatable(app, "--trace.path", options.trace_paths, "GLOB",
                "Trace log, glob, FIFO, or - for standard input. Repeatable. Replaces the config's sources");
  AddRepeatable(app, "--web.listen-address", options.listen_addresses, "ADDRESS",
                std::string("Address to listen on: HOST:PORT, [IPV6]:PORT or unix:/PATH. Repeatable (default: ") +
                    kDefaultAddress + ", IPv6 and IPv4)");
  app.add_option("--web.config.file", options.web_config_file,
                 "Web config file (exporter-toolkit format): TLS, users, headers, rate limit (default: none of these)")
      ->type_name("FILE");
  AddSwitch(app, "--web.systemd-socket", options.systemd_socket,
            "Listen on the sockets that systemd passes, and on the addresses of --web.listen-address if it is given");
  app.add_option("--web.telemetry-path", options.telemetry_path, "Path of the metrics (default: /metrics)")
      ->type_name("PATH");
  app.add_option("--web.route-prefix", options.route_prefix, "Prefix of all HTTP paths (default: /)")
      ->type_name("PATH");
  app.add_option("--state.path", options.state_path,
                 "Directory for checkpoints, so that a restart resumes where it stopped (default: none)")
      ->type_name("DIR");
  app.add_option(
         "--web.startup-timeout", options.startup_timeout_ms,
         "Longest time to answer 503 while reading existing logs at startup: 30s, 10m; 0 disables it (default: 5m)")
      ->type_name("DURATION")
      ->transform(Milliseconds(Zero::kAllowed));
  AddSwitch(app, "--web.enable-lifecycle", options.enable_lifecycle,
            "Allow POST /-/reload and PUT /-/log-level?level=LEVEL");
  app.add_option("--log.level", options.log_level, "debug, info, warn or error (default: info)")
      ->check(OneOf({"debug", "info", "warn", "error"}))
      ->type_name("LEVEL");
  app.add_option("--log.format", options.log_format, "logfmt or json (default: logfmt)")
      ->check(OneOf({"logfmt", "json"}))
      ->type_name("FORMAT");
}

void AddOwnedFlags(CLI::App& app, Options& options) {
  app.add_option("--step", options.step_ms, "Time between two samples: 15s, 500ms, 1m (default: 1s)")
      ->type_name("DURATION")
      ->transform(Milliseconds(Zero::kRefused));
  AddSwitch(app, "--strict", options.is_strict,
            "Exit with 1 if more than half of the lines were not read (replay), or if there are warnings (check)");
  app.add_option_function<std::string>(
         "--format", [&options](const std::string& format) { options.is_json = format == "json"; },
         "Output format: text, or json for editors and scripts (default: text)")
      ->check(OneOf({"text", "json"}))
      ->type_name("FORMAT");
  AddSwitch(app, "--lint", options.lint,
            "Also warn of names without base units, missing help texts, pointers as labels and too many series");
  AddSwitch(
      app, "--summary", options.summary,
      "Explain whole trace logs: which events they hold, their rates, which rules use them, and which are missing");
  app.add_option("--svg", options.svg_path,
                 "With --summary: write a picture of rates and latencies over time (default: none)")
      ->type_name("FILE");
  app.add_option("--binary", options.binary, "QEMU binary to read the available events from (default: that of --pid)")
      ->type_name("PATH");
  app.add_option("--pid", options.pid, "Process ID of a running QEMU (default: none)")
      ->type_name("PID")
      ->check(Positive());
}

void AddTopFlags(CLI::App& app, TopOptions& values) {
  auto add = [&app](const char* name, std::string& value, const char* type, const char* text) {
    return app.add_option(name, value, text)->type_name(type);
  };
  add("--address", values.address, "ADDRESS",
      "The daemon's address: http://HOST:PORT, https://HOST:PORT or unix:/PATH (default: http://localhost:10177)");
  add("--user", values.user, "NAME", "Name for a daemon that asks for a password (default: none)");
  add("--password-file", values.password_file, "FILE", "File whose first line is the password (default: it is typed)");
  add("--ca-file", values.ca_file, "FILE", "Authorities that may have signed the daemon's certificate (default: the system's)");
  add("--cert-file", values.cert_file, "FILE", "Certificate for a daemon that asks for one (default: none)");
  add("--key-file", values.key_file, "FILE", "Key of --cert-file (default: in the same file)");
  AddSwitch(app, "--batch", values.is_batch, "Print plain text: all rows, numbers without units, and no keys");
  app.add_option("--iterations", values.iterations, "End after so many updates (default: never)")
      ->type_name("N")
      ->check(Positive());
  app.add_option("--interval", values.interval_ms, "Time between two updates: 500ms, 2s, 1m (default: 2s)")
      ->type_name("DURATION")
      ->transform(Milliseconds(Zero::kRefused));
  add("--sort", values.sort, "KEY", "requests, bytes, latency, events, errors or name (default: requests)")
      ->check(OneOf(top::SortKeyNames()));
  add("--vm", values.vm, "NAME", "Show one VM alone (default: all)");
}

// What the command line can hold besides flags.
struct Words {
  std::vector<std::string> files;
  std::string topic;  // of `help`
};

void AddCommands(CLI::App& app, Options& options, Words& words) {
  std::map<Command, CLI::App*> added;
  for (const CommandHelp& help : CommandHelps()) {
    CLI::App* sub = app.add_subcommand(std::string(help.name), std::string(help.what));
    sub->callback([&options, command = help.command] { options.command = command; });
    sub->fallthrough();  // flags may precede and follow the command
    added[help.command] = sub;
  }
  added[Command::kCheck]->add_option("FILE", words.files, "Config files, as for --config.file");
  added[Command::kReplay]
      ->add_option(
          "FILE", words.files,
          "Trace logs, plain or compressed; - for standard input. Files with the same labels are read in the given "
          "order, files with different labels in parallel")
      ->required();
  added[Command::kBackfill]->add_option("FILE", words.files, "As for replay")->required();
  added[Command::kExplain]->add_option("LINE", words.files,
                                       "A line of a trace log (default: lines of standard input). With --summary: "
                                       "trace logs, as for replay");
  added[Command::kTop]->add_option(
      "FILE", words.files,
      "Trace logs to follow, as --trace.path names them, where there is no daemon; durations need timestamps in them");
  app.add_subcommand("help", "")->fallthrough()->add_option("COMMAND", words.topic, "");
  app.add_subcommand("version", "")->fallthrough();
  app.require_subcommand(0, 1);
}

std::vector<HelpEntry> FlagEntries(const CLI::App& app, const std::function<bool(const std::string&)>& is_shown) {
  std::vector<HelpEntry> entries;
  for (const CLI::Option* option : app.get_options()) {
    const std::string name = option->get_name();
    if (!name.starts_with("--") || !is_shown(name)) continue;
    const bool takes_value = option->get_items_expected_max() > 0;
    const std::string short_name = name == "--help" ? "-h, " : "";
    entries.push_back(
        {short_name + name + (takes_value ? '=' + option->get_type_name() : ""), option->get_description()});
  }
  return entries;
}

void PrintHelp(const CLI::App& app, const CommandHelp* command) {
  const size_t width = HelpWidth();
  if (command == nullptr) {
    auto is_shared = [](const std::string& name) { return FindOwned(name) == nullptr; };
    std::cout << ProgramHelpText(FlagEntries(app, is_shared), width);
    return;
  }
  std::vector<HelpEntry> arguments;
  for (const CLI::Option* option : app.get_subcommand(std::string(command->name))->get_options()) {
    if (option->get_positional()) arguments.push_back({option->get_name(), option->get_description()});
  }
  auto is_shown = [&](const std::string& name) {
    const OwnedFlag* owned = FindOwned(name);
    if (owned != nullptr) return IsOf(*owned, command->command);
    return command->command == Command::kServe || name == "--config.file";
  };
  std::cout << CommandHelpText(*command, arguments, FlagEntries(app, is_shown), width);
}

// The error for a word that is not an expected flag, command or file.
std::string Unexpected(const CLI::App& app, const std::string& word) {
  const bool is_flag = word.starts_with('-');
  std::vector<std::string> known;
  for (const CLI::Option* option : app.get_options()) {
    if (is_flag) known.push_back(option->get_name());
  }
  for (const CLI::App* command : app.get_subcommands(nullptr)) {
    if (!is_flag) known.push_back(command->get_name());
  }
  const std::vector<std::string_view> candidates(known.begin(), known.end());
  const std::string typed = word.substr(0, is_flag ? word.find('=') : word.size());
  if (is_flag) return "unknown flag \"" + typed + '"' + DidYouMean(typed, candidates);
  if (app.get_subcommands().empty()) {
    std::string suggestion = DidYouMean(word, candidates);
    std::error_code error;
    if (suggestion.empty() && std::filesystem::exists(word, error)) {
      suggestion = "; it is a file: use `replay FILE` to read a trace, `serve --trace.path=FILE` to follow it";
    }
    return "unknown command \"" + word + '"' + suggestion;
  }
  bool is_log = app.got_subcommand("serve");
  return "unexpected \"" + word + '"' + (is_log ? "; name logs with --trace.path" : "");
}

ParsedOptions WrongUsage(const std::string& what) {
  std::cerr << "qemu-trace-exporter: " << what << " (see --help)\n";
  return {std::nullopt, kExitUsage};
}

// Reports an invalid value of a flag, and names the environment variable if the value came from there.
ParsedOptions WrongValue(const FromEnvironment& environment, std::string_view flag, const std::string& what) {
  const auto& flags = environment.flags;
  const bool is_variable = std::find(flags.begin(), flags.end(), flag) != flags.end();
  return WrongUsage(what + (is_variable ? ", from the environment variable " + VariableOf(flag) : ""));
}

FromEnvironment ReadEnvironment(const CLI::App& app, const std::vector<std::string>& given) {
  std::vector<EnvironmentFlag> flags;
  for (const CLI::Option* option : app.get_options()) {
    const std::string name = option->get_name();
    if (name == "--help" || name == "--version" || FindOwned(name) != nullptr) continue;
    flags.push_back({name, option->get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll});
  }
  std::vector<std::string_view> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) variables.emplace_back(*variable);
  return FlagsFromEnvironment(flags, variables, given);
}

// An error for a flag of another command, such as `--step` with `check`. Empty if all flags belong to the command.
std::string MisplacedFlag(const CLI::App& app, Command command) {
  for (const OwnedFlag& flag : OwnedFlags()) {
    if (app.count(std::string(flag.name)) == 0 || IsOf(flag, command)) continue;
    std::string owners;
    for (Command owner : flag.commands) {
      owners.append(owners.empty() ? "`" : " and `").append(HelpOf(owner).name).append("`");
    }
    return std::string(flag.name) + " belongs to " + owners + ", not with `" + std::string(HelpOf(command).name) + '`';
  }
  return {};
}

// Stores the words of the command line in the options of the command. Returns an error, or an empty text.
std::string TakeWords(Words&& words, bool has_address, Options& options) {
  if (options.command == Command::kCheck) {
    options.config_files.insert(options.config_files.end(), words.files.begin(), words.files.end());
  } else if (options.command == Command::kExplain && !options.summary) {
    if (!options.svg_path.empty()) return "--svg needs --summary and at least one FILE";
    if (words.files.size() > 1) return "unexpected \"" + words.files[1] + "\"; quote the line to make it one argument";
    if (!words.files.empty()) options.line = std::move(words.files.front());
  } else {
    options.files = std::move(words.files);
    if (options.command == Command::kTop && !options.files.empty() && has_address) {
      return "--address names a daemon, so there can be no FILE";
    }
    if (options.summary && options.files.empty()) options.files.emplace_back("-");
  }
  return {};
}

ParsedOptions CheckValues(Options options, const FromEnvironment& environment) {
  for (const std::string& address : options.listen_addresses) {
    Result<http::ListenAddress> parsed = http::ParseListenAddress(address);
    if (!parsed.ok()) return WrongValue(environment, "--web.listen-address", parsed.error());
  }
  const std::pair<const char*, std::string*> paths[] = {{"--web.telemetry-path", &options.telemetry_path},
                                                        {"--web.route-prefix", &options.route_prefix}};
  for (const auto& [flag, path] : paths) {
    while (path->ends_with('/')) path->pop_back();
    if (IsPath(*path)) continue;
    return WrongValue(
        environment, flag,
        std::string(flag) + ": \"" + *path + "\" is not a path of letters, digits, \"-\", \"_\", \".\" and \"/\"");
  }
  if (options.telemetry_path.empty()) {
    return WrongValue(environment, "--web.telemetry-path",
                      "--web.telemetry-path must not be /, which is the landing page");
  }
  if (options.listen_addresses.empty() && !options.systemd_socket) options.listen_addresses = {kDefaultAddress};
  return {std::move(options), kExitFine};
}

}  // namespace

ParsedOptions ParseOptions(int argc, char** argv) {
  Options options;
  Words words;
  CLI::App app("", "qemu-trace-exporter");
  app.set_version_flag("--version", "qemu-trace-exporter " + std::string(kVersion));
  AddSharedFlags(app, options);
  AddOwnedFlags(app, options);
  AddTopFlags(app, options.top);
  AddCommands(app, options, words);
  std::vector<std::string> arguments(argv + 1, argv + argc);
  const FromEnvironment environment = ReadEnvironment(app, arguments);
  arguments.insert(arguments.begin(), environment.arguments.begin(), environment.arguments.end());
  std::reverse(arguments.begin(), arguments.end());  // CLI11 expects them in reverse order
  for (const std::string& warning : environment.warnings) std::cerr << "warning: " << warning << '\n';
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    const auto commands = app.get_subcommands();
    PrintHelp(app, commands.empty() ? nullptr : FindCommand(commands.front()->get_name()));
    return {std::nullopt, kExitFine};
  } catch (const CLI::CallForVersion& version) {
    std::cout << version.what() << '\n';
    return {std::nullopt, kExitFine};
  } catch (const CLI::ParseError& error) {
    const std::vector<std::string> unexpected = app.remaining(true);
    if (!unexpected.empty()) return WrongUsage(Unexpected(app, unexpected.front()));
    const std::string_view what = error.what();
    return WrongValue(environment, what.substr(0, what.find_first_of(": ")), std::string(what));
  }
  if (app.got_subcommand("version")) {
    std::cout << "qemu-trace-exporter " << kVersion << '\n';
    return {std::nullopt, kExitFine};
  }
  if (app.got_subcommand("help")) {
    const CommandHelp* topic = FindCommand(words.topic);
    if (topic == nullptr && !words.topic.empty()) {
      std::vector<std::string_view> names;
      for (const CommandHelp& help : CommandHelps()) names.push_back(help.name);
      return WrongUsage("unknown command \"" + words.topic + '"' + DidYouMean(words.topic, names));
    }
    PrintHelp(app, topic);
    return {std::nullopt, kExitFine};
  }
  if (std::string wrong = MisplacedFlag(app, options.command); !wrong.empty()) return WrongUsage(wrong);
  if (std::string wrong = TakeWords(std::move(words), app.count("--address") > 0, options); !wrong.empty()) return WrongUsage(wrong);
  return CheckValues(std::move(options), environment);
}

}  // namespace qte::commands
