// TLS by OpenSSL, as a web config describes it.
//
// Certificates, keys and authorities are read again once their files have changed; where that fails, the old ones stay.
// Sessions are not resumed, so every connection's client certificate is looked at.
#pragma once

#include <chrono>
#include <ctime>
#include <map>
#include <memory>
#include <string>

#include "base/result.h"
#include "config/web_config.h"
#include "http/transport.h"

struct ssl_ctx_st;

namespace qte::http {

// A certificate and its key, ready to serve. On one thread at a time.
class Tls {
 public:
  // The error names the file and what is wrong with it.
  static Result<std::unique_ptr<Tls>> Make(const config::TlsConfig& settings);

  // For a new connection, whose socket does not block and stays open for as long as this.
  std::unique_ptr<Transport> Accept(int fd);

 private:
  using Context = std::shared_ptr<ssl_ctx_st>;
  // What tells that a file has changed.
  struct FileState {
    timespec modified{};
    off_t size = -1;
    ino_t inode = 0;
    bool operator==(const FileState& other) const;
  };
  using FileStates = std::map<std::string, FileState>;

  Tls(config::TlsConfig settings, Context context, FileStates states);
  static Result<Context> MakeContext(const config::TlsConfig& settings);
  static FileStates StatesOf(const config::TlsConfig& settings);
  void ReadAgainIfChanged();

  const config::TlsConfig settings_;
  Context context_;
  FileStates states_;
  std::chrono::steady_clock::time_point looked_at_;
};

}  // namespace qte::http
