#include "http/tls.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace qte::http {
namespace {

constexpr std::chrono::seconds kBetweenLooks{1};

template <typename T, void (*kFree)(T*)>
struct Freer {
  void operator()(T* object) const { kFree(object); }
};
using Bio = std::unique_ptr<BIO, Freer<BIO, BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Freer<X509, X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY, EVP_PKEY_free>>;

// The first reason that OpenSSL gave on this thread.
std::string WhyOpenSslFailed() {
  unsigned long code = ::ERR_get_error();
  ::ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ::ERR_reason_error_string(code);
  return reason != nullptr ? reason : "not accepted by OpenSSL";
}

std::string NameOf(const char* what, const config::Pem& pem) {
  return pem.file.empty() ? what : std::string(what) + "_file (" + pem.file + ")";
}

Result<std::string> TextOf(const char* what, const config::Pem& pem) {
  if (pem.file.empty()) return pem.text;
  std::ifstream file(pem.file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) return Error{"cannot read " + NameOf(what, pem)};
  return text;
}

Bio BioOf(const std::string& text) {
  return Bio(::BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// The certificate itself first, then those that lead from it to an authority.
Status UseCertificates(SSL_CTX* context, const config::Pem& pem) {
  Result<std::string> text = TextOf("cert", pem);
  if (!text) return Error{text.error()};
  Bio bio = BioOf(*text);
  Certificate leaf(::PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (leaf == nullptr) return Error{NameOf("cert", pem) + " holds no certificate in PEM format"};
  if (::SSL_CTX_use_certificate(context, leaf.get()) != 1) return Error{NameOf("cert", pem) + ": " + WhyOpenSslFailed()};
  while (Certificate next{::PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
    if (::SSL_CTX_add0_chain_cert(context, next.get()) == 1) std::ignore = next.release();
  }
  ::ERR_clear_error();  // the text's end
  return {};
}

// A key with a pass phrase is refused: a daemon cannot ask for it.
Status UseKey(SSL_CTX* context, const config::Pem& pem) {
  Result<std::string> text = TextOf("key", pem);
  if (!text) return Error{text.error()};
  auto no_pass_phrase = [](char*, int, int, void*) { return 0; };
  Key key(::PEM_read_bio_PrivateKey(BioOf(*text).get(), nullptr, no_pass_phrase, nullptr));
  if (key == nullptr) {
    ::ERR_clear_error();
    return Error{NameOf("key", pem) + " holds no private key in PEM format, or one with a pass phrase"};
  }
  if (::SSL_CTX_use_PrivateKey(context, key.get()) != 1 || ::SSL_CTX_check_private_key(context) != 1) {
    ::ERR_clear_error();
    return Error{NameOf("key", pem) + " is not the key of the certificate"};
  }
  return {};
}

Status UseAuthorities(SSL_CTX* context, const config::Pem& pem) {
  if (pem.empty()) {
    ::SSL_CTX_set_default_verify_paths(context);
    return {};
  }
  Result<std::string> text = TextOf("client_ca", pem);
  if (!text) return Error{text.error()};
  Bio bio = BioOf(*text);
  while (Certificate authority{::PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
    ::X509_STORE_add_cert(::SSL_CTX_get_cert_store(context), authority.get());
    ::SSL_CTX_add_client_CA(context, authority.get());
  }
  ::ERR_clear_error();
  return {};
}

void AskForClientCertificate(SSL_CTX* context, config::TlsConfig::ClientAuth auth) {
  using ClientAuth = config::TlsConfig::ClientAuth;
  if (auth == ClientAuth::kNone) return;
  bool is_required = auth == ClientAuth::kRequireAny || auth == ClientAuth::kRequireAndVerify;
  bool is_verified = auth == ClientAuth::kVerifyIfGiven || auth == ClientAuth::kRequireAndVerify;
  auto take_any = [](int, X509_STORE_CTX*) { return 1; };
  int mode = SSL_VERIFY_PEER | (is_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
  ::SSL_CTX_set_verify(context, mode, is_verified ? nullptr : static_cast<SSL_verify_cb>(take_any));
}

// Empty for what is neither of 4 nor of 16 bytes.
std::string IpText(const ASN1_OCTET_STRING& ip) {
  const auto size = static_cast<size_t>(::ASN1_STRING_length(&ip));
  if (size != sizeof(in_addr) && size != sizeof(in6_addr)) return {};
  char text[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(size == sizeof(in_addr) ? AF_INET : AF_INET6, ::ASN1_STRING_get0_data(&ip), text, sizeof text);
  return text;
}

// A subject alternative name as text; empty for kinds that are not compared.
std::string TextOf(const GENERAL_NAME& name) {
  switch (name.type) {
    case GEN_DNS:
    case GEN_EMAIL:
    case GEN_URI: {
      const ASN1_IA5STRING& text = *name.d.ia5;
      return {reinterpret_cast<const char*>(::ASN1_STRING_get0_data(&text)),
              static_cast<size_t>(::ASN1_STRING_length(&text))};
    }
    case GEN_IPADD:
      return IpText(*name.d.iPAddress);
    default:
      return {};
  }
}

bool HasAnyName(const X509& certificate, const std::vector<std::string>& allowed) {
  auto* names = static_cast<GENERAL_NAMES*>(::X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr));
  bool has = false;
  for (int i = 0; i < sk_GENERAL_NAME_num(names) && !has; ++i) {
    std::string text = TextOf(*sk_GENERAL_NAME_value(names, i));
    has = !text.empty() && std::find(allowed.begin(), allowed.end(), text) != allowed.end();
  }
  ::GENERAL_NAMES_free(names);
  return has;
}

// A list as OpenSSL takes it; `name` gives OpenSSL's name of each.
template <typename Name>
std::string Listed(const std::vector<std::string>& words, const Name& name) {
  std::string text;
  for (const std::string& word : words) text.append(text.empty() ? "" : ":").append(name(word));
  return text;
}

class TlsTransport final : public Transport {
 public:
  TlsTransport(SSL_CTX* context, int fd, const std::optional<std::vector<std::string>>& allowed_names)
      : ssl_(::SSL_new(context)), fd_(fd) {
    if (::SSL_get_verify_mode(ssl_.get()) != SSL_VERIFY_NONE) allowed_names_ = allowed_names;
    ::SSL_set_fd(ssl_.get(), fd);
    ::SSL_set_accept_state(ssl_.get());
  }

  Progress Handshake() override {
    ::ERR_clear_error();
    int result = ::SSL_do_handshake(ssl_.get());
    if (result != 1) return After(result);
    return !allowed_names_ || IsAllowed() ? Progress::Done(0) : Progress::Ended();
  }
  Progress Read(char* to, size_t size) override {
    ::ERR_clear_error();
    size_t read = 0;
    int result = ::SSL_read_ex(ssl_.get(), to, size, &read);
    return result == 1 ? Progress::Done(read) : After(result);
  }
  Progress Write(std::string_view bytes) override {
    if (bytes.empty()) return Progress::Done(0);
    ::ERR_clear_error();
    size_t written = 0;
    int result = ::SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &written);
    return result == 1 ? Progress::Done(written) : After(result);
  }
  void Finish() override {
    ::ERR_clear_error();
    if (::SSL_is_init_finished(ssl_.get()) == 1) ::SSL_shutdown(ssl_.get());
    ::shutdown(fd_, SHUT_WR);
  }

 private:
  Progress After(int result) const {
    switch (::SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ:
        return Progress::WantsToRead();
      case SSL_ERROR_WANT_WRITE:
        return Progress::WantsToWrite();
      default:
        return Progress::Ended();
    }
  }
  bool IsAllowed() const {
    const X509* certificate = ::SSL_get0_peer_certificate(ssl_.get());
    return certificate != nullptr && HasAnyName(*certificate, *allowed_names_);
  }

  std::unique_ptr<SSL, Freer<SSL, SSL_free>> ssl_;
  const int fd_;
  std::optional<std::vector<std::string>> allowed_names_;  // absent: any client
};

}  // namespace

Result<Tls::Context> Tls::MakeContext(const config::TlsConfig& settings) {
  Context context(::SSL_CTX_new(::TLS_server_method()), ::SSL_CTX_free);
  SSL_CTX* raw = context.get();
  if (raw == nullptr) return Error{WhyOpenSslFailed()};
  ::SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
  ::SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  ::SSL_CTX_set_num_tickets(raw, 0);
  ::SSL_CTX_set_mode(raw, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  ::SSL_CTX_set_min_proto_version(raw, settings.min_version);
  ::SSL_CTX_set_max_proto_version(raw, settings.max_version);
  // Debian's OpenSSL has switched TLS before 1.2 off unless one asks for weak signatures.
  std::string ciphers = Listed(settings.cipher_suites, [](const std::string& suite) { return ::OPENSSL_cipher_name(suite.c_str()); });
  if (settings.min_version < TLS1_2_VERSION) ciphers = (ciphers.empty() ? "DEFAULT" : ciphers) + "@SECLEVEL=0";
  if (!ciphers.empty() && ::SSL_CTX_set_cipher_list(raw, ciphers.c_str()) != 1) {
    return Error{"cipher_suites: " + WhyOpenSslFailed()};
  }
  if (!settings.curves.empty() && ::SSL_CTX_set1_groups_list(raw, Listed(settings.curves, std::identity()).c_str()) != 1) {
    return Error{"curve_preferences: " + WhyOpenSslFailed()};
  }
  if (Status status = UseCertificates(raw, settings.certificate); !status) return Error{status.error()};
  if (Status status = UseKey(raw, settings.key); !status) return Error{status.error()};
  if (Status status = UseAuthorities(raw, settings.client_ca); !status) return Error{status.error()};
  AskForClientCertificate(raw, settings.client_auth);
  return context;
}

bool Tls::FileState::operator==(const FileState& other) const {
  return modified.tv_sec == other.modified.tv_sec && modified.tv_nsec == other.modified.tv_nsec &&
         size == other.size && inode == other.inode;
}

Tls::FileStates Tls::StatesOf(const config::TlsConfig& settings) {
  FileStates states;
  for (const config::Pem* pem : {&settings.certificate, &settings.key, &settings.client_ca}) {
    struct stat status {};
    if (pem->file.empty()) continue;
    if (::stat(pem->file.c_str(), &status) != 0) status.st_size = -1;
    states[pem->file] = {status.st_mtim, status.st_size, status.st_ino};
  }
  return states;
}

Tls::Tls(config::TlsConfig settings, Context context, FileStates states)
    : settings_(std::move(settings)),
      context_(std::move(context)),
      states_(std::move(states)),
      looked_at_(std::chrono::steady_clock::now()) {}

Result<std::unique_ptr<Tls>> Tls::Make(const config::TlsConfig& settings) {
  FileStates states = StatesOf(settings);  // before they are read
  Result<Context> context = MakeContext(settings);
  if (!context) return Error{"TLS: " + context.error()};
  return std::unique_ptr<Tls>(new Tls(settings, std::move(*context), std::move(states)));
}

void Tls::ReadAgainIfChanged() {
  const auto now = std::chrono::steady_clock::now();
  if (now - looked_at_ < kBetweenLooks) return;
  looked_at_ = now;
  FileStates states = StatesOf(settings_);
  if (states == states_) return;
  states_ = std::move(states);
  Result<Context> context = MakeContext(settings_);
  if (context) {
    context_ = std::move(*context);
    spdlog::info("TLS: the certificate's files have changed and were read again");
  } else {
    spdlog::warn("TLS: the certificate's files have changed and cannot be used, the old certificate stays: {}",
                 context.error());
  }
}

std::unique_ptr<Transport> Tls::Accept(int fd) {
  ReadAgainIfChanged();
  return std::make_unique<TlsTransport>(context_.get(), fd, settings_.client_allowed_sans);
}

}  // namespace qte::http
