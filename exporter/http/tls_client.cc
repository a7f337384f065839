#include "http/tls_client.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace qte::http {
namespace {

std::string WhyOpenSslFailed() {
  const unsigned long code = ::ERR_get_error();
  ::ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ::ERR_reason_error_string(code);
  return reason != nullptr ? reason : "TLS failed";
}

Status UseFiles(SSL_CTX* context, const Identity& identity) {
  ::ERR_clear_error();
  if (identity.ca_file.empty()) {
    ::SSL_CTX_set_default_verify_paths(context);
  } else if (::SSL_CTX_load_verify_file(context, identity.ca_file.c_str()) != 1) {
    return Error{"--ca-file=" + identity.ca_file + ": " + WhyOpenSslFailed()};
  }
  if (identity.cert_file.empty()) return {};
  if (::SSL_CTX_use_certificate_chain_file(context, identity.cert_file.c_str()) != 1) {
    return Error{"--cert-file=" + identity.cert_file + ": " + WhyOpenSslFailed()};
  }
  if (::SSL_CTX_use_PrivateKey_file(context, identity.key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return Error{"--key-file=" + identity.key_file + ": " + WhyOpenSslFailed()};
  }
  return {};
}

// A name is also sent, for servers that have several.
void ExpectHost(SSL* ssl, const std::string& host) {
  in6_addr address{};
  const bool is_address =
      ::inet_pton(AF_INET, host.c_str(), &address) == 1 || ::inet_pton(AF_INET6, host.c_str(), &address) == 1;
  if (is_address) {
    ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(ssl), host.c_str());
  } else {
    ::SSL_set1_host(ssl, host.c_str());
    ::SSL_set_tlsext_host_name(ssl, host.c_str());
  }
}

}  // namespace

Result<std::unique_ptr<TlsClient>> TlsClient::Make(int fd, const std::string& host, const Identity& identity) {
  std::shared_ptr<SSL_CTX> context(::SSL_CTX_new(::TLS_client_method()), ::SSL_CTX_free);
  if (context == nullptr) return Error{WhyOpenSslFailed()};
  ::SSL_CTX_set_options(context.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
  ::SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  if (Status status = UseFiles(context.get(), identity); !status) return Error{status.error()};
  std::shared_ptr<SSL> ssl(::SSL_new(context.get()), ::SSL_free);
  if (ssl == nullptr) return Error{WhyOpenSslFailed()};
  ExpectHost(ssl.get(), host);
  ::SSL_set_fd(ssl.get(), fd);
  ::SSL_set_connect_state(ssl.get());
  return std::unique_ptr<TlsClient>(new TlsClient(std::move(ssl)));
}

Progress TlsClient::Handshake() {
  ::ERR_clear_error();
  const int result = ::SSL_do_handshake(ssl_.get());
  return result == 1 ? Progress::Done(0) : After(result);
}

Progress TlsClient::Read(char* to, size_t size) {
  ::ERR_clear_error();
  size_t read = 0;
  const int result = ::SSL_read_ex(ssl_.get(), to, size, &read);
  return result == 1 ? Progress::Done(read) : After(result);
}

Progress TlsClient::Write(std::string_view bytes) {
  ::ERR_clear_error();
  size_t written = 0;
  const int result = ::SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &written);
  return result == 1 ? Progress::Done(written) : After(result);
}

Progress TlsClient::After(int result) {
  switch (::SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Progress::WantsToRead();
    case SSL_ERROR_WANT_WRITE:
      return Progress::WantsToWrite();
    case SSL_ERROR_ZERO_RETURN:
      return Progress::Ended();
    default:
      break;
  }
  if (!failure_.empty()) return Progress::Ended();  // what follows a failure is not its reason
  const long verified = ::SSL_get_verify_result(ssl_.get());
  if (verified != X509_V_OK) {
    failure_ = std::string("the server's certificate is refused (") + ::X509_verify_cert_error_string(verified) +
               "); name the authority that signed it by --ca-file";
  } else {
    failure_ = "TLS: " + WhyOpenSslFailed();
  }
  return Progress::Ended();
}

}  // namespace qte::http
