#include "config/web_config.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "config/config_file.h"
#include "config/document.h"
#include "config/fields.h"
#include "config/scalar.h"
#include "config/tls_section.h"

namespace qte::config {
namespace {

constexpr auto kSections = std::to_array<std::string_view>(
    {"basic_auth_users", "tls_server_config", "http_server_config", "rate_limit"});
constexpr auto kHttpKeys = std::to_array<std::string_view>({"http2", "headers"});
constexpr auto kRateKeys = std::to_array<std::string_view>({"interval", "burst"});

// "$2y$", two digits of cost, "$", 22 characters of salt, 31 of hash.
constexpr size_t kBcryptLength = 60;
constexpr size_t kSaltAt = 7;
constexpr uint64_t kLowestCost = 4;
constexpr uint64_t kHighestCost = 31;

bool IsBcryptLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '/';
}

bool LooksLikeBcrypt(std::string_view hash) {
  bool known = hash.starts_with("$2y$") || hash.starts_with("$2a$") || hash.starts_with("$2b$");
  if (!known || hash.size() != kBcryptLength || hash[kSaltAt - 1] != '$') return false;
  return std::all_of(hash.begin() + kSaltAt, hash.end(), IsBcryptLetter);
}

// What is wrong with a hash, in words that do not show it; empty where it is good.
std::string WrongHash(const YamlNode& node) {
  constexpr std::string_view kRemedy = " of the password; make one by `htpasswd -nBC 10 NAME`";
  if (node.kind != YamlNode::Kind::kScalar || !LooksLikeBcrypt(node.text)) {
    return "must be a bcrypt hash ($2y$10$... of 60 characters)" + std::string(kRemedy);
  }
  std::string_view cost = std::string_view(node.text).substr(4, 2);
  uint64_t value = ParseCount(cost).value_or(0);
  if (value < kLowestCost || value > kHighestCost) {
    return "is a bcrypt hash of cost " + std::string(cost) + "; from " + std::to_string(kLowestCost) + " to " +
           std::to_string(kHighestCost) + " will do";
  }
  return {};
}

std::vector<WebUser> ReadUsers(const Field& field, Report& report) {
  std::vector<WebUser> users;
  if (field.node->kind == YamlNode::Kind::kScalar) {  // which may be a password
    report.Add(field.at, "\"basic_auth_users\" must be a map of names and bcrypt hashes");
    return users;
  }
  for (const Field& entry : Entries(field, "a map of names and bcrypt hashes", report)) {
    std::string user = "the hash of user " + Quoted(entry.name);
    if (entry.name.empty() || entry.name.find(':') != std::string_view::npos) {
      std::string name = Quoted(entry.name);
      report.Add(entry.at, "no user can be called " + name + ": a name has at least one character, and no \":\"");
    } else if (std::string wrong = WrongHash(*entry.node); !wrong.empty()) {
      bool is_text = entry.node->kind == YamlNode::Kind::kScalar;
      report.Add(is_text ? entry.node->at : entry.at, user.append(" ").append(wrong));
    } else {
      users.push_back({std::string(entry.name), entry.node->text});
    }
  }
  return users;
}

// The headers that may be set, and the values that each may have; none: any.
struct SettableHeader {
  std::string_view name;
  std::vector<std::string_view> values;
};

const std::vector<SettableHeader>& SettableHeaders() {
  static const std::vector<SettableHeader> headers = {{"Strict-Transport-Security", {}},
                                                      {"X-Content-Type-Options", {"nosniff"}},
                                                      {"X-Frame-Options", {"deny", "sameorigin"}},
                                                      {"X-XSS-Protection", {}},
                                                      {"Content-Security-Policy", {}}};
  return headers;
}

bool IsOneLine(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return c >= ' ' && c != 127; });
}

void ReadHeader(const Field& entry, WebConfig& config, Report& report) {
  const auto& settable = SettableHeaders();
  auto known = std::find_if(settable.begin(), settable.end(), [&](const auto& each) { return each.name == entry.name; });
  if (known == settable.end()) {
    std::string all;
    for (const SettableHeader& each : settable) all.append(all.empty() ? "" : ", ").append(each.name);
    report.Add(entry.at, "the header " + Quoted(entry.name) + " cannot be set; these can: " + all);
    return;
  }
  std::optional<Text> value = ReadText(entry, "text", report);
  if (!value) return;
  const auto& values = known->values;
  if (!values.empty() && std::find(values.begin(), values.end(), value->value) == values.end()) {
    std::string all;
    for (std::string_view each : values) all.append(all.empty() ? "" : " or ").append(each);
    ReportMismatch(entry, all, report);
  } else if (!IsOneLine(value->value)) {
    report.Add(entry.node->at, "the value of " + Quoted(entry.name) + " must be one line");
  } else {
    config.headers.emplace_back(entry.name, value->value);
  }
}

// HTTP/2 is something that a client may ask for, so that switch says nothing here.
void ReadHttp(const Field& field, WebConfig& config, Report& report) {
  if (!HasContent(*field.node)) return;
  Fields fields(field, {"\"http_server_config\"", kHttpKeys}, report);
  if (const Field* http2 = fields.Find("http2")) std::ignore = ReadChoice(*http2, kBools, report);
  const Field* headers = fields.Find("headers");
  if (headers == nullptr || !HasContent(*headers->node)) return;
  for (const Field& entry : Entries(*headers, "a map of headers and values", report)) ReadHeader(entry, config, report);
}

void ReadRateLimit(const Field& field, WebConfig& config, Report& report) {
  if (!HasContent(*field.node)) return;
  Fields fields(field, {"\"rate_limit\"", kRateKeys}, report);
  RateLimit limit;
  if (const Field* interval = fields.Find("interval")) {
    std::optional<Text> text = ReadText(*interval, "a duration such as 100ms or 1s", report);
    std::optional<std::chrono::microseconds> duration = text ? ParseDuration(text->value) : std::nullopt;
    if (text && !duration) ReportMismatch(*interval, "a duration such as 100ms or 1s", report);
    limit.interval = duration.value_or(std::chrono::microseconds(0));
  }
  if (const Field* burst = fields.Find("burst")) {
    std::optional<Text> text = ReadText(*burst, "a number", report);
    std::optional<uint64_t> count = text ? ParseCount(text->value) : std::nullopt;
    if (text && (!count || *count > INT32_MAX)) ReportMismatch(*burst, "a number", report);
    limit.burst = static_cast<int>(count.value_or(0));
  }
  if (limit.interval.count() > 0) config.rate_limit = limit;
}

}  // namespace

LoadedWeb ParseWeb(std::string_view yaml, const std::string& name) {
  Report report(name);
  WebConfig config;
  config.file = name;
  // A file that is half written must not open the daemon to everyone. A file of comments alone was meant so.
  if (yaml.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    report.Add(Position{1, 1}, "the web config is empty; to serve without passwords, leave out --web.config.file");
  }
  std::optional<YamlNode> root = ReadDocument(yaml, report);
  if (root && root->kind != YamlNode::Kind::kEmpty) {
    Fields sections({"", root->at, &*root}, {"a web config", kSections}, report);
    if (const Field* field = sections.Find("basic_auth_users")) config.users = ReadUsers(*field, report);
    if (const Field* field = sections.Find("tls_server_config")) config.tls = ReadTls(*field, name, report);
    if (const Field* field = sections.Find("http_server_config")) ReadHttp(*field, config, report);
    if (const Field* field = sections.Find("rate_limit")) ReadRateLimit(*field, config, report);
  }
  if (!report.empty()) return {std::nullopt, report.Take()};
  return {std::move(config), {}};
}

LoadedWeb LoadWeb(const std::string& path) {
  Result<std::string> text = ReadConfigFile(path);
  if (!text) return {std::nullopt, {{Place{path, 0, 0}, text.error()}}};
  return ParseWeb(*text, path);
}

}  // namespace qte::config
