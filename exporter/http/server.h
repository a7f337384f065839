// The one HTTP server: a front door that owns the connections, CivetWeb that parses what comes, and exact paths.
//
// Handlers run on CivetWeb's worker threads (several at once, small stacks): they must be thread-safe and must not
// parse YAML or compile regexes there. An exception in a handler becomes a 500. A slow client delays no other
// (front_door.h). A client that is not allowed learns nothing but that (basic_auth.h).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/web_config.h"
#include "http/basic_auth.h"
#include "http/listen_address.h"
#include "http/request_metrics.h"
#include "http/router.h"

namespace qte::http {

class Server {
 public:
  // Serves on every listener; routes are exact paths. The error says what is wrong with the certificate.
  static Result<std::unique_ptr<Server>> Start(std::vector<Listener> listeners, std::map<std::string, Route> routes,
                                               const config::WebConfig& access = {});
  ~Server();
  // Ends all connections, and returns once no handler runs any more. Handlers may use this object until then.
  void Stop();

  // What holds from now on. Where the certificate cannot be used, the error says why, and all stays as it was.
  Status SetAccess(const config::WebConfig& access);
  const std::vector<Listener>& listeners() const;
  BasicAuth& auth();
  const RequestMetrics& metrics() const;

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace qte::http
