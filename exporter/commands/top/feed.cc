#include "commands/top/feed.h"

#include <array>
#include <ctime>
#include <utility>

#include "commands/top/password.h"

namespace qte::commands::top {
namespace {

constexpr const char* kPort = "10177";

std::string TimeOfDay() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  std::array<char, 16> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%H:%M:%S", &local)};
}

std::string FirstLine(const std::string& text) {
  return text.substr(0, std::min(text.find('\n'), size_t{200}));
}

Result<http::Identity> IdentityOf(const TopOptions& options) {
  http::Identity identity{.user = options.user,
                          .password = {},
                          .ca_file = options.ca_file,
                          .cert_file = options.cert_file,
                          .key_file = options.key_file.empty() ? options.cert_file : options.key_file};
  if (options.password_file.empty()) return identity;
  Result<std::string> password = ReadPasswordFile(options.password_file);
  if (!password) return Error{password.error()};
  identity.password = std::move(*password);
  return identity;
}

std::string Joined(const std::vector<std::string>& files) {
  std::string text;
  for (const std::string& file : files) text.append(text.empty() ? "" : " ").append(file);
  return text;
}

}  // namespace

Feed::Feed(http::Target target, http::Identity identity, std::unique_ptr<LocalDaemon> daemon, std::string name)
    : target_(std::move(target)), identity_(std::move(identity)), daemon_(std::move(daemon)), name_(std::move(name)) {}

Result<std::unique_ptr<Feed>> Feed::Open(const Options& options) {
  Result<http::Identity> identity = IdentityOf(options.top);
  if (!identity) return Error{identity.error()};
  std::unique_ptr<LocalDaemon> daemon;
  std::string address = options.top.address;
  std::string path = options.route_prefix + options.telemetry_path;
  if (!options.files.empty()) {
    Result<std::unique_ptr<LocalDaemon>> started = LocalDaemon::Start(options);
    if (!started) return Error{started.error()};
    daemon = std::move(*started);
    address = daemon->address();
    path = "/metrics";
  }
  Result<http::Target> target = http::ParseTarget(address, kPort, path);
  if (!target) return Error{target.error()};
  std::string name = daemon ? Joined(options.files) : address;
  return std::unique_ptr<Feed>(new Feed(std::move(*target), std::move(*identity), std::move(daemon), std::move(name)));
}

Scrape Feed::Get(int cancel) {
  Scrape scrape = Read(cancel);
  scrape.at = std::chrono::steady_clock::now();
  scrape.time = TimeOfDay();
  return scrape;
}

Scrape Feed::Read(int cancel) {
  Result<http::Fetched> fetched = http::Fetch(target_, identity_, cancel);
  if (!fetched) return AfterError(fetched.error());
  has_answered_ = true;
  return AfterAnswer(std::move(*fetched));
}

Scrape Feed::AfterError(const std::string& reason) {
  using State = Scrape::State;
  if (reason == http::kCancelled) return {State::kCancelled, {}, {}, {}};
  if (daemon_ != nullptr) {
    if (auto failure = daemon_->TakeFailure()) return {State::kFailed, *failure, {}, {}};
    if (!has_answered_) return {State::kWaiting, "starting to read", {}, {}};
  }
  std::string text = "cannot read " + name_ + ": " + reason;
  const bool is_absent = reason == "connection refused" || reason == "no such file or directory";
  if (is_absent && daemon_ == nullptr) {
    text += ": is the daemon running there? Name its address by --address, or a log to follow: top FILE";
  }
  return {State::kFailed, std::move(text), {}, {}};
}

Scrape Feed::AfterAnswer(http::Fetched&& fetched) {
  using State = Scrape::State;
  constexpr int kOk = 200;
  constexpr int kUnauthorized = 401;
  constexpr int kNotFound = 404;
  constexpr int kUnavailable = 503;
  needs_password_ = fetched.status == kUnauthorized;
  const std::string said = FirstLine(fetched.body);
  switch (fetched.status) {
    case kOk:
      return {State::kMetrics, std::move(fetched.body), {}, {}};
    case kUnavailable:
      return {State::kWaiting, said, {}, {}};
    case kUnauthorized:
      return {State::kFailed,
              name_ + (identity_.user.empty() ? " asks for a user and a password: add --user=NAME"
                                              : " refuses user \"" + identity_.user + "\" or the password"),
              {},
              {}};
    case kNotFound:
      return {State::kFailed, name_ + " has no metrics at " + target_.path + ": add the path to --address", {}, {}};
    default:
      return {State::kFailed, name_ + " answers " + std::to_string(fetched.status) + ": " + said, {}, {}};
  }
}

}  // namespace qte::commands::top
