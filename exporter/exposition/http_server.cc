#include "exposition/http_server.h"

#include <arpa/inet.h>
#include <civetweb.h>
#include <spdlog/fmt/fmt.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <future>
#include <mutex>
#include <string_view>
#include <tuple>

#include "base/unique_fd.h"
#include "exposition/gzip.h"

namespace qte::exposition {
namespace {

constexpr size_t kSmallestGzip = 1024;
constexpr int kNotFound = 404;
constexpr int kMethodNotAllowed = 405;
constexpr int kServerError = 500;

std::string_view ReasonOf(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case kNotFound:
      return "Not Found";
    case kMethodNotAllowed:
      return "Method Not Allowed";
    case kServerError:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      return "Status";
  }
}

// ":10177" listens on all addresses; others are IPv4 with a port, since this CivetWeb knows nothing else.
Result<std::string> NormalAddress(const std::string& address) {
  size_t colon = address.rfind(':');
  std::string host = colon == std::string::npos ? "" : address.substr(0, colon);
  std::string port = colon == std::string::npos ? address : address.substr(colon + 1);
  if (host.empty()) host = "0.0.0.0";
  if (host == "localhost") host = "127.0.0.1";
  bool digits = !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == std::string::npos;
  if (!digits || std::stoul(port) > 65535) {
    return Error{"cannot listen on " + address + ": \"" + port + "\" is no port"};
  }
  if (host.find(':') != std::string::npos || host.starts_with('[')) {
    return Error{"cannot listen on " + address + ": the HTTP library was built without IPv6; use an IPv4 address"};
  }
  in_addr parsed{};
  if (inet_pton(AF_INET, host.c_str(), &parsed) != 1) {
    return Error{"cannot listen on " + address + ": \"" + host + "\" is no IPv4 address"};
  }
  return host + ":" + port;
}

// Whether an address can be had, and why not: CivetWeb itself tells only a number in a log line.
Status CanBind(const std::string& normal, const std::string& address) {
  size_t colon = normal.rfind(':');
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(static_cast<uint16_t>(std::stoul(normal.substr(colon + 1))));
  inet_pton(AF_INET, normal.substr(0, colon).c_str(), &name.sin_addr);
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return Error{"cannot listen on " + address + ": " + std::strerror(errno)};
  int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  bool bound =
      ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0 && ::listen(fd.get(), 1) == 0;
  if (bound) return {};
  int error = errno;
  std::string reason = std::strerror(error);
  if (error == EADDRINUSE) reason = "address already in use";
  return Error{"cannot listen on " + address + ": " + reason};
}

// Connects to a port of this machine and goes away.
void Touch(int port) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(static_cast<uint16_t>(port));
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  std::ignore = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name);
}

}  // namespace

class HttpServer::Impl {
 public:
  explicit Impl(std::map<std::string, Route> routes) : routes_(std::move(routes)) {
    callbacks_.begin_request = [](mg_connection* connection) {
      return static_cast<Impl*>(mg_get_user_data(mg_get_context(connection)))->Handle(connection);
    };
    callbacks_.log_message = [](const mg_connection* connection, const char* message) {
      auto* self = static_cast<Impl*>(mg_get_user_data(mg_get_context(connection)));
      if (self != nullptr) self->Remember(message);
      return 1;  // kept here, not written to a file by CivetWeb
    };
  }
  ~Impl() {
    if (context_ != nullptr) Stop();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Status Start(const std::vector<std::string>& addresses) {
    std::string ports;
    for (const std::string& address : addresses) {
      Result<std::string> normal = NormalAddress(address);
      if (!normal) return Error{normal.error()};
      if (Status status = CanBind(*normal, address); !status) return status;
      ports += (ports.empty() ? "" : ",") + *normal;
    }
    // No document root, no TLS, no form or websocket handlers: what is not there cannot be attacked.
    const std::array<const char*, 19> options = {
        "listening_ports",
        ports.c_str(),
        "num_threads",
        "8",
        "request_timeout_ms",
        "5000",
        "enable_keep_alive",
        "yes",
        "keep_alive_timeout_ms",
        "500",
        "tcp_nodelay",
        "1",
        "enable_directory_listing",
        "no",
        "decode_url",
        "no",  // no path of ours needs escapes: "/metrics%00" is not "/metrics"
        "max_request_size",
        "16384",
        nullptr};
    mg_init_library(0);
    context_ = mg_start(&callbacks_, this, const_cast<const char**>(options.data()));
    std::lock_guard lock(mutex_);
    if (context_ == nullptr) return Error{"cannot listen on " + ports + ": " + last_message_};
    return {};
  }

  std::vector<int> ports() const {
    std::array<mg_server_port, 32> found{};
    int count = mg_get_server_ports(context_, static_cast<int>(found.size()), found.data());
    std::vector<int> ports;
    for (int i = 0; i < count; ++i) ports.push_back(found[static_cast<size_t>(i)].port);
    return ports;
  }

 private:
  // CivetWeb looks up every two seconds whether it is to stop; a connection wakes it.
  void Stop() {
    std::vector<int> open_ports = ports();
    std::future<void> stopped = std::async(std::launch::async, [this] { mg_stop(context_); });
    while (stopped.wait_for(std::chrono::milliseconds(20)) != std::future_status::ready) {
      for (int port : open_ports) Touch(port);
    }
  }

  void Remember(const char* message) {
    std::lock_guard lock(mutex_);
    last_message_ = message;
  }

  // Returns the status, which tells CivetWeb that the request has been answered.
  int Handle(mg_connection* connection) {
    const mg_request_info* info = mg_get_request_info(connection);
    Request request{info->request_method, info->local_uri != nullptr ? info->local_uri : ""};
    Response response;
    std::string allow;
    try {
      response = Answer(request, allow);
    } catch (const std::exception& error) {
      response = {kServerError, "text/plain; charset=utf-8", std::string("internal error: ") + error.what() + "\n"};
    }
    Send(connection, request, response, allow);
    return response.status;
  }

  Response Answer(const Request& request, std::string& allow) const {
    auto route = routes_.find(request.path);
    if (route == routes_.end()) {
      std::string body = "not found; there are:\n";
      for (const auto& [path, known] : routes_) body += "  " + known.method + " " + path + "\n";
      return {kNotFound, "text/plain; charset=utf-8", body};
    }
    const std::string& method = route->second.method;
    bool fits = request.method == method || (method == "GET" && request.method == "HEAD");
    if (fits) return route->second.handle(request);
    allow = method == "GET" ? "GET, HEAD" : method;
    return {kMethodNotAllowed, "text/plain; charset=utf-8", "method not allowed; use " + allow + "\n"};
  }

  static void Send(mg_connection* connection, const Request& request, Response& response, const std::string& allow) {
    const char* accept = mg_get_header(connection, "Accept-Encoding");
    bool gzip = false;
    if (accept != nullptr && response.body.size() >= kSmallestGzip && AcceptsGzip(accept)) {
      std::string compressed = Gzip(response.body);
      gzip = !compressed.empty();
      if (gzip) response.body = std::move(compressed);
    }
    // A body that a client sent is not read, so the connection cannot be used again behind it.
    const mg_request_info* info = mg_get_request_info(connection);
    bool has_body = info->content_length > 0 || mg_get_header(connection, "Transfer-Encoding") != nullptr;
    std::string head = fmt::format(
        "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nVary: Accept-Encoding\r\n"
        "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n",
        response.status, ReasonOf(response.status), response.content_type, response.body.size());
    if (gzip) head += "Content-Encoding: gzip\r\n";
    if (!allow.empty()) head += "Allow: " + allow + "\r\n";
    const char* asked = mg_get_header(connection, "Connection");
    bool old_client = info->http_version != nullptr && std::string_view(info->http_version) == "1.0";
    bool close = has_body || old_client || (asked != nullptr && mg_strcasecmp(asked, "close") == 0);
    head += close ? "Connection: close\r\n\r\n" : "Connection: keep-alive\r\n\r\n";
    mg_write(connection, head.data(), head.size());
    if (request.method != "HEAD") mg_write(connection, response.body.data(), response.body.size());
  }

  const std::map<std::string, Route> routes_;
  mg_callbacks callbacks_{};
  mg_context* context_ = nullptr;
  std::mutex mutex_;
  std::string last_message_;  // of CivetWeb, for when it does not start; guarded by mutex_
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

std::vector<int> HttpServer::ports() const {
  return impl_->ports();
}

Result<std::unique_ptr<HttpServer>> HttpServer::Start(const std::vector<std::string>& addresses,
                                                      std::map<std::string, Route> routes) {
  auto impl = std::make_unique<Impl>(std::move(routes));
  if (Status status = impl->Start(addresses); !status) return Error{status.error()};
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

}  // namespace qte::exposition
