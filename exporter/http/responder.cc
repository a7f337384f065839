#include "http/responder.h"

#include <civetweb.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <chrono>
#include <string_view>

#include "http/gzip.h"
#include "http/header_list.h"

namespace qte::http {
namespace {

constexpr size_t kSmallestGzip = 1024;
constexpr int kBadRequest = 400;
constexpr int kForbidden = 403;
constexpr int kTooManyRequests = 429;

// Headers of every answer, unless the web config sets them. The page's charts set styles of their own.
constexpr std::pair<std::string_view, std::string_view> kOwnHeaders[] = {
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "deny"},
    {"Content-Security-Policy",
     "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; "
     "base-uri 'none'; form-action 'none'"}};

bool IsNumber(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool HasBody(const ParsedRequest& request) {
  const char* length = request.Header("content-length");
  bool is_empty = length == nullptr || std::string_view(length).find_first_not_of('0') == std::string_view::npos;
  return !is_empty || request.Header("transfer-encoding") != nullptr;
}

// Whether the connection serves another request after this one. A body that a client sent is not read, since no route
// takes one, so the connection ends behind it.
bool KeepsAlive(const ParsedRequest& request) {
  if (HasBody(request) || request.http_version != "1.1") return false;
  const char* asked = request.Header("connection");
  return asked == nullptr || (ListHas(asked, "keep-alive") && !ListHas(asked, "close"));
}

// What two servers in a row might understand differently; empty where there is nothing of the kind.
std::string AmbiguityOf(const ParsedRequest& request) {
  const std::vector<std::string_view> lengths = request.Headers("content-length");
  if (lengths.size() > 1) return "more than one Content-Length";
  if (!lengths.empty() && !IsNumber(lengths.front())) return "Content-Length is not a number";
  if (!lengths.empty() && request.Header("transfer-encoding") != nullptr) return "Content-Length and Transfer-Encoding";
  bool takes_none = request.method == "GET" || request.method == "HEAD";
  if (takes_none && HasBody(request)) return request.method + " takes no body";
  return {};
}

// Whether a page of another site sent the request, which a browser tells.
bool IsFromElsewhere(const ParsedRequest& request) {
  const char* origin = request.Header("origin");
  const char* host = request.Header("host");
  if (origin == nullptr) return false;
  std::string_view site = origin;
  const size_t slashes = site.find("://");
  if (slashes == std::string_view::npos || host == nullptr) return true;
  return site.substr(slashes + 3) != host;
}

bool WantsGzip(const ParsedRequest& request, const std::string& body) {
  const char* accept = request.Header("accept-encoding");
  return accept != nullptr && body.size() >= kSmallestGzip && AcceptsGzip(accept);
}

bool IsSet(const std::vector<std::pair<std::string, std::string>>& headers, std::string_view name) {
  return std::any_of(headers.begin(), headers.end(), [name](const auto& header) { return header.first == name; });
}

}  // namespace

void Responder::Set(const config::WebConfig& access) {
  limiter_.Set(access.rate_limit);
  std::lock_guard lock(mutex_);
  headers_ = std::make_shared<const Headers>(access.headers);
}

Router::Answered Responder::Ask(const ParsedRequest& request) {
  if (std::string wrong = AmbiguityOf(request); !wrong.empty()) return Router::PlainText(kBadRequest, wrong + "\n");
  if (!limiter_.Allows(RateLimiter::Clock::now())) return Router::PlainText(kTooManyRequests, "too many requests\n");
  bool is_read = request.method == "GET" || request.method == "HEAD";
  if (!is_read && IsFromElsewhere(request)) {
    return Router::PlainText(kForbidden, "a page of another site may not do this\n");
  }
  std::string accept;
  for (std::string_view value : request.Headers("accept")) accept.append(accept.empty() ? "" : ",").append(value);
  return router_.Ask({request.method, request.path, request.query, request.client, std::move(accept)},
                     request.Header("authorization"));
}

Reply Responder::Respond(const ParsedRequest& request) {
  const auto begin = std::chrono::steady_clock::now();
  Router::Answered answered = Ask(request);
  std::shared_ptr<const Headers> headers;
  {
    std::lock_guard lock(mutex_);
    headers = headers_;
  }
  Reply reply;
  reply.answer = std::move(answered.answer);
  const Response& response = reply.answer->response();
  bool is_compressed = WantsGzip(request, response.body) && !reply.answer->Compressed().empty();
  const std::string& body = is_compressed ? reply.answer->Compressed() : response.body;
  reply.keeps_alive = KeepsAlive(request);
  reply.head = fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nVary: Accept, Accept-Encoding\r\nCache-Control: no-store\r\n"
      "Connection: {}\r\n",
      response.status, mg_get_response_code_text(nullptr, response.status), response.content_type, body.size(),
      reply.keeps_alive ? "keep-alive" : "close");
  for (const auto& [name, value] : *headers) reply.head += name + ": " + value + "\r\n";
  for (const auto& [name, value] : kOwnHeaders) {
    if (!IsSet(*headers, name)) reply.head.append(name).append(": ").append(value).append("\r\n");
  }
  if (is_compressed) reply.head += "Content-Encoding: gzip\r\n";
  reply.head += answered.headers + "\r\n";
  if (request.method != "HEAD") reply.body = body;
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  metrics_.Count(router_.Has(request.path) ? request.path : "other", response.status, took.count(), reply.body.size());
  return reply;
}

}  // namespace qte::http
