#include "config/tls_section.h"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

namespace qte::config {
namespace {

constexpr auto kKeys = std::to_array<std::string_view>(
    {"cert", "cert_file", "key", "key_file", "client_ca", "client_ca_file", "client_auth_type", "client_allowed_sans",
     "min_version", "max_version", "cipher_suites", "curve_preferences", "prefer_server_cipher_suites"});

constexpr auto kVersions = std::to_array<std::string_view>({"TLS10", "TLS11", "TLS12", "TLS13"});
constexpr int kTls10 = 0x0301;

constexpr auto kClientAuths =
    std::to_array<std::string_view>({"NoClientCert", "RequestClientCert", "RequireAnyClientCert", "RequireClientCert",
                                     "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"});
constexpr TlsConfig::ClientAuth kClientAuthValues[] = {
    TlsConfig::ClientAuth::kNone,       TlsConfig::ClientAuth::kRequest,       TlsConfig::ClientAuth::kRequireAny,
    TlsConfig::ClientAuth::kRequireAny, TlsConfig::ClientAuth::kVerifyIfGiven, TlsConfig::ClientAuth::kRequireAndVerify};

// Those of TLS 1.3 are always on, as in Go, where naming them does nothing either.
constexpr auto kCipherSuites = std::to_array<std::string_view>({"TLS_AES_128_GCM_SHA256",
                                                                "TLS_AES_256_GCM_SHA384",
                                                                "TLS_CHACHA20_POLY1305_SHA256",
                                                                "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
                                                                "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
                                                                "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
                                                                "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
                                                                "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
                                                                "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
                                                                "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
                                                                "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
                                                                "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
                                                                "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
                                                                "TLS_RSA_WITH_AES_128_CBC_SHA",
                                                                "TLS_RSA_WITH_AES_256_CBC_SHA",
                                                                "TLS_RSA_WITH_AES_128_GCM_SHA256",
                                                                "TLS_RSA_WITH_AES_256_GCM_SHA384"});
constexpr size_t kSuitesOfTls13 = 3;

constexpr auto kCurves = std::to_array<std::string_view>({"CurveP256", "CurveP384", "CurveP521", "X25519"});
constexpr std::string_view kOpenSslCurves[] = {"P-256", "P-384", "P-521", "X25519"};

std::string Beside(const std::string& web_config, const std::string& path) {
  const size_t slash = web_config.rfind('/');
  if (path.starts_with('/') || slash == std::string::npos) return path;
  return web_config.substr(0, slash + 1) + path;
}

class Reader {
 public:
  Reader(const Fields& fields, const std::string& web_config, Report& report)
      : fields_(fields), web_config_(web_config), report_(report) {}

  // `key` holds a text; the same with "_file" behind it, a path.
  Pem ReadPem(std::string_view key) const {
    Pem pem{ReadIfThere(key), ReadIfThere(std::string(key) + "_file")};
    if (pem.file.empty()) return pem;
    return {"", Beside(web_config_, pem.file)};
  }

  // Both lists say what is written and what it means.
  template <typename Words, typename Values>
  auto Choose(std::string_view key, const Words& words, const Values& values) const {
    const Field* field = fields_.Find(key);
    std::optional<size_t> index;
    bool is_said = field != nullptr && HasContent(*field->node) &&
                   !(field->node->kind == YamlNode::Kind::kScalar && field->node->text.empty());
    if (is_said) index = ReadChoice(*field, words, report_);
    return index ? std::optional(values[*index]) : std::nullopt;
  }

  // The indexes of words in a list.
  template <typename Words>
  std::vector<size_t> ChooseAll(std::string_view key, const Words& words) const {
    std::vector<size_t> chosen;
    const Field* field = fields_.Find(key);
    if (field == nullptr || !HasContent(*field->node)) return chosen;
    for (const Field& item : Items(*field, "a list of names", report_)) {
      Field named = item;
      named.name = key;
      if (std::optional<size_t> index = ReadChoice(named, words, report_)) chosen.push_back(*index);
    }
    return chosen;
  }

  std::optional<std::vector<std::string>> ReadNames(std::string_view key) const {
    const Field* field = fields_.Find(key);
    if (field == nullptr || field->node->kind == YamlNode::Kind::kEmpty) return {};
    std::vector<std::string> names;
    for (const Field& item : Items(*field, "a list of names", report_)) {
      if (std::optional<Text> text = ReadText(item, "a name", report_)) names.push_back(text->value);
    }
    return names;
  }

 private:
  std::string ReadIfThere(std::string_view key) const {
    const Field* field = fields_.Find(key);
    if (field == nullptr || !HasContent(*field->node)) return {};
    if (field->node->kind != YamlNode::Kind::kScalar) {
      report_.Add(field->at, Quoted(key) + " must be text");
      return {};
    }
    return field->node->text;  // which may be a private key, and is not shown
  }

  const Fields& fields_;
  const std::string& web_config_;
  Report& report_;
};

void ReadChoices(const Fields& fields, const Reader& reader, TlsConfig& tls, Report& report) {
  constexpr int kVersionValues[] = {kTls10, kTls10 + 1, kTls10 + 2, kTls10 + 3};
  tls.min_version = reader.Choose("min_version", kVersions, kVersionValues).value_or(tls.min_version);
  tls.max_version = reader.Choose("max_version", kVersions, kVersionValues).value_or(tls.max_version);
  for (size_t index : reader.ChooseAll("cipher_suites", kCipherSuites)) {
    if (index >= kSuitesOfTls13) tls.cipher_suites.emplace_back(kCipherSuites[index]);
  }
  for (size_t index : reader.ChooseAll("curve_preferences", kCurves)) tls.curves.emplace_back(kOpenSslCurves[index]);
  tls.client_allowed_sans = reader.ReadNames("client_allowed_sans");
  const Field* prefer = fields.Find("prefer_server_cipher_suites");
  if (prefer != nullptr) std::ignore = ReadChoice(*prefer, kBools, report);
}

}  // namespace

std::optional<TlsConfig> ReadTls(const Field& section, const std::string& web_config, Report& report) {
  if (!HasContent(*section.node)) return {};
  Fields fields(section, {"\"tls_server_config\"", kKeys}, report);
  if (!fields.is_map()) return {};
  Reader reader(fields, web_config, report);
  TlsConfig tls;
  tls.certificate = reader.ReadPem("cert");
  tls.key = reader.ReadPem("key");
  tls.client_ca = reader.ReadPem("client_ca");
  std::optional<TlsConfig::ClientAuth> auth = reader.Choose("client_auth_type", kClientAuths, kClientAuthValues);
  tls.client_auth = auth.value_or(TlsConfig::ClientAuth::kNone);
  ReadChoices(fields, reader, tls, report);
  if (tls.certificate.empty() && tls.key.empty() && tls.client_ca.empty() && !auth) return {};
  if (tls.certificate.empty()) report.Add(section.at, "\"tls_server_config\" needs \"cert_file\" or \"cert\"");
  if (tls.key.empty()) report.Add(section.at, "\"tls_server_config\" needs \"key_file\" or \"key\"");
  if (!tls.client_ca.empty() && tls.client_auth == TlsConfig::ClientAuth::kNone) {
    report.Add(section.at, "\"client_ca_file\" does nothing without a \"client_auth_type\" that asks for certificates");
  }
  return tls;
}

}  // namespace qte::config
