// The command line, parsed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace qte::commands {

enum class Command { kServe, kCheck, kReplay, kBackfill, kExplain, kQemuArgs, kBpftrace, kSchema, kTop };

// What goes with `top` alone.
struct TopOptions {
  std::string address = "http://localhost:10177";
  std::string user;           // empty: none
  std::string password_file;  // empty: it is typed where the daemon asks for one
  std::string ca_file;
  std::string cert_file;
  std::string key_file;
  bool is_batch = false;
  int64_t iterations = 0;  // 0: until it is left
  int64_t interval_ms = 2'000;
  std::string sort = "requests";
  std::string vm;  // empty: all
};

struct Options {
  Command command = Command::kServe;
  std::vector<std::string> config_files;  // none: the built-in default config
  std::vector<std::string> trace_paths;   // instead of the config's sources
  std::vector<std::string> listen_addresses;
  bool systemd_socket = false;
  std::string telemetry_path = "/metrics";
  std::string route_prefix;     // prefix of every path: "/qemu"
  std::string state_path;       // empty: no checkpoints
  std::string web_config_file;  // empty: no authentication
  bool enable_lifecycle = false;
  int64_t startup_timeout_ms = 300'000;  // 0: never answers 503
  std::string log_level = "info";
  std::string log_format = "logfmt";
  std::vector<std::string> files;   // replay, backfill, explain, top
  int64_t step_ms = 1'000;          // backfill
  bool is_strict = false;           // replay: fail if most lines were not read; check: fail if there are warnings
  bool is_json = false;             // check
  bool lint = false;                // check
  std::optional<std::string> line;  // explain
  bool summary = false;             // explain: summarize `files`
  std::string svg_path;             // explain; empty: no picture
  std::string binary;               // bpftrace; empty: that of `pid`, or the distribution's usual path
  int pid = 0;                      // bpftrace; 0: none
  TopOptions top;
};

// Exit codes of the program.
inline constexpr int kExitFine = 0;
inline constexpr int kExitBadInput = 1;
inline constexpr int kExitUsage = 2;

struct ParsedOptions {
  std::optional<Options> options;  // empty: help, version or an error has been printed
  int exit_code = kExitFine;
};

ParsedOptions ParseOptions(int argc, char** argv);

}  // namespace qte::commands
