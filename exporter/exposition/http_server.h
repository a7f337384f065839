// The one HTTP server: CivetWeb behind a small interface that knows requests, responses and exact paths.
//
// Handlers run on CivetWeb's worker threads (several at once, small stacks): they must be thread-safe and must not
// parse YAML, compile regexes or hash passwords there. An exception in a handler becomes a 500.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace qte::exposition {

struct Request {
  std::string method;  // GET, HEAD or POST
  std::string path;    // without query
};

struct Response {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

struct Route {
  std::string method;  // "GET" (serves HEAD as well) or "POST"
  std::function<Response(const Request&)> handle;
};

class HttpServer {
 public:
  // Listens on every address ("0.0.0.0:10177", ":10177", "127.0.0.1:0"); routes are exact paths. The error names the
  // address and the reason ("address already in use").
  static Result<std::unique_ptr<HttpServer>> Start(const std::vector<std::string>& addresses,
                                                   std::map<std::string, Route> routes);
  ~HttpServer();
  // The ports listened on, in the order of the addresses: what port 0 became.
  std::vector<int> ports() const;

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace qte::exposition
