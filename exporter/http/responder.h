// What goes out for a request: an answer of the router with its head, or a refusal of a request that is ambiguous.
//
// Called on CivetWeb's threads, several at once.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "config/web_config.h"
#include "http/parsed_request.h"
#include "http/rate_limiter.h"
#include "http/reply.h"
#include "http/request_metrics.h"
#include "http/router.h"

namespace qte::http {

class Responder {
 public:
  Responder(std::map<std::string, Route> routes, std::shared_ptr<BasicAuth> auth)
      : router_(std::move(routes), std::move(auth)) {}

  void Set(const config::WebConfig& access);
  Reply Respond(const ParsedRequest& request);
  const RequestMetrics& metrics() const { return metrics_; }
  // Ends all waiting for logins, before the server stops.
  void Close() { router_.Close(); }

 private:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  Router::Answered Ask(const ParsedRequest& request);

  Router router_;
  RateLimiter limiter_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Headers> headers_ = std::make_shared<const Headers>();  // guarded by mutex_
  RequestMetrics metrics_;
};

}  // namespace qte::http
