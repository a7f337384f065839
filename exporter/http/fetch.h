// A small HTTP client, for commands that read from a running daemon: one GET over TCP, TLS or a Unix socket.
//
// It blocks its thread until the whole answer is there, the time is up, or it is cancelled. It speaks HTTP/1.0,
// so answers come in one piece. It follows no redirects.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"

namespace qte::http {

// Where to send a request.
struct Target {
  std::string text;  // as the user wrote it, for messages
  bool is_tls = false;
  std::string host;  // without brackets
  std::string port;
  std::string socket_path;  // of a Unix socket; then there is no host and no port
  std::string path;         // "/metrics"
};

// Reads "http://host:10177/path", "https://host", "host:10177", "host" or "unix:/run/exporter.sock". What is not there
// is taken from the defaults. The error names the form that is expected.
Result<Target> ParseTarget(const std::string& text, const std::string& default_port, const std::string& default_path);

// How the client proves who it is, and which servers it trusts. All may be empty.
struct Identity {
  std::string user;
  std::string password;
  std::string ca_file;    // authorities in PEM format; empty: the system's
  std::string cert_file;  // of the client
  std::string key_file;
};

struct Fetched {
  int status = 0;
  std::string body;
};

inline constexpr std::chrono::seconds kFetchTimeout{10};

// The error where `cancel` was readable.
inline constexpr std::string_view kCancelled = "cancelled";

// Gives up once `cancel`, a descriptor, is readable. The error is the reason alone ("connection refused"), so that the
// caller can say what it was for.
Result<Fetched> Fetch(const Target& target, const Identity& identity, int cancel,
                      std::chrono::milliseconds timeout = kFetchTimeout);

}  // namespace qte::http
