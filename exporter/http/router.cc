#include "http/router.h"

#include <exception>
#include <utility>

namespace qte::http {
namespace {

constexpr int kUnauthorized = 401;
constexpr int kNotFound = 404;
constexpr int kMethodNotAllowed = 405;
constexpr int kTooManyRequests = 429;
constexpr int kServerError = 500;

// A handler's own failure is the answer, not the end of the process.
Response Call(const Route& route, const Request& request) {
  try {
    return route.handle(request);
  } catch (const std::exception& error) {
    return {kServerError, "text/plain; charset=utf-8", std::string("internal error: ") + error.what() + "\n"};
  } catch (...) {
    return {kServerError, "text/plain; charset=utf-8", "internal error\n"};
  }
}

}  // namespace

Router::Answered Router::PlainText(int status, std::string body, std::string headers) {
  Response response{status, "text/plain; charset=utf-8", std::move(body)};
  return {std::make_shared<const Answer>(std::move(response)), std::move(headers)};
}

Router::Router(std::map<std::string, Route> routes, std::shared_ptr<BasicAuth> auth)
    : routes_(std::move(routes)), auth_(std::move(auth)) {
  for (const auto& [path, route] : routes_) {
    if (route.method == "GET") shared_[path];
  }
}

Router::Answered Router::NotFound() const {
  std::string body = "not found; there are:\n";
  for (const auto& [path, known] : routes_) body += "  " + known.method + " " + path + "\n";
  return PlainText(kNotFound, std::move(body));
}

Router::Answered Router::Ask(const Request& request, const char* authorization) {
  switch (auth_->Check(authorization, request.client)) {
    case BasicAuth::Verdict::kAllowed:
      break;
    case BasicAuth::Verdict::kBusy:
      return PlainText(kTooManyRequests, "too many logins at once; try again\n", "Retry-After: 1\r\n");
    case BasicAuth::Verdict::kDenied:
      return PlainText(kUnauthorized, "unauthorized\n",
                       "WWW-Authenticate: Basic realm=\"qemu-trace-exporter\", charset=\"UTF-8\"\r\n");
  }
  auto found = routes_.find(request.path);
  if (found == routes_.end()) return NotFound();
  const Route& route = found->second;
  auto call = [&] { return Call(route, request); };
  bool is_get = route.method == "GET";
  if (is_get && (request.method == "GET" || request.method == "HEAD")) {
    const std::string variant = route.variant == nullptr ? std::string() : route.variant(request);
    return {shared_.at(request.path).Get(variant, call), ""};
  }
  if (request.method == route.method) return {std::make_shared<const Answer>(call()), ""};
  std::string allow = is_get ? "GET, HEAD" : route.method;
  return PlainText(kMethodNotAllowed, "method not allowed; use " + allow + "\n", "Allow: " + allow + "\r\n");
}

}  // namespace qte::http
