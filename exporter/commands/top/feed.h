// Where `top` gets /metrics from: a daemon that runs, or one of its own that follows logs.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/result.h"
#include "commands/options.h"
#include "commands/top/local_daemon.h"
#include "http/fetch.h"

namespace qte::commands::top {

struct Scrape {
  enum class State {
    kMetrics,
    kWaiting,  // the daemon still reads what was there; `text` says how far it is
    kFailed,   // `text` says why, and what to do
    kCancelled,
  };
  State state = State::kFailed;
  std::string text;
  std::chrono::steady_clock::time_point at;
  std::string time;  // "14:05:03"
};

class Feed {
 public:
  // Starts a daemon of its own if the options name files. The error says what is wrong with them.
  static Result<std::unique_ptr<Feed>> Open(const Options& options);

  // Waits for the answer, or until `cancel` is readable.
  Scrape Get(int cancel);

  bool has_answered() const { return has_answered_; }
  // True once the daemon has refused the password, or that there is none.
  bool needs_password() const { return needs_password_; }
  const http::Identity& identity() const { return identity_; }
  void SetPassword(std::string password) { identity_.password = std::move(password); }

  // What the figures are from.
  const std::string& name() const { return name_; }

 private:
  Feed(http::Target target, http::Identity identity, std::unique_ptr<LocalDaemon> daemon, std::string name);
  Scrape Read(int cancel);
  Scrape AfterError(const std::string& reason);
  Scrape AfterAnswer(http::Fetched&& fetched);

  const http::Target target_;
  http::Identity identity_;
  const std::unique_ptr<LocalDaemon> daemon_;  // null if another one is read
  const std::string name_;
  bool has_answered_ = false;
  bool needs_password_ = false;
};

}  // namespace qte::commands::top
