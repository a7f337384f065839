// The one HTTP server: CivetWeb behind a small interface that knows requests, responses and exact paths.
//
// Handlers run on CivetWeb's worker threads (several at once, small stacks): they must be thread-safe and must not
// parse YAML or compile regexes there. An exception in a handler becomes a 500. Clients that keep threads busy for
// nothing are sent away (client_patience.h), and who is not allowed to ask learns nothing but that (basic_auth.h).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "http/basic_auth.h"
#include "http/router.h"

namespace qte::http {

class Server {
 public:
  // Listens on every address ("0.0.0.0:10177", ":10177", "127.0.0.1:0"); routes are exact paths. The error names the
  // address and the reason ("address already in use"). `auth` is asked before anything is answered.
  static Result<std::unique_ptr<Server>> Start(const std::vector<std::string>& addresses,
                                               std::map<std::string, Route> routes,
                                               std::shared_ptr<BasicAuth> auth = std::make_shared<BasicAuth>());
  ~Server();
  // The ports listened on, in the order of the addresses: what port 0 became.
  std::vector<int> ports() const;

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace qte::http
