// TLS from the client's side, for fetch.h.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "http/fetch.h"
#include "http/transport.h"

struct ssl_st;

namespace qte::http {

class TlsClient final : public Transport {
 public:
  // For a socket that does not block and stays open for as long as this. The error names the file and what is wrong
  // with it. The server's certificate has to be one for `host`.
  static Result<std::unique_ptr<TlsClient>> Make(int fd, const std::string& host, const Identity& identity);

  Progress Handshake() override;
  Progress Read(char* to, size_t size) override;
  Progress Write(std::string_view bytes) override;
  void Finish() override {}

  // Why the connection ended: what is wrong with the server's certificate, say.
  const std::string& failure() const { return failure_; }

 private:
  explicit TlsClient(std::shared_ptr<ssl_st> ssl) : ssl_(std::move(ssl)) {}
  Progress After(int result);

  std::shared_ptr<ssl_st> ssl_;
  std::string failure_;
};

}  // namespace qte::http
