#include "exposition/http_server.h"

#include <civetweb.h>
#include <spdlog/fmt/fmt.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <exception>
#include <future>
#include <mutex>
#include <string_view>
#include <tuple>

#include "base/unique_fd.h"
#include "exposition/gzip.h"
#include "exposition/header_list.h"
#include "exposition/listen_address.h"

namespace qte::exposition {
namespace {

constexpr size_t kSmallestGzip = 1024;
constexpr int kNotFound = 404;
constexpr int kMethodNotAllowed = 405;
constexpr int kServerError = 500;

constexpr std::string_view kPlainText = "text/plain; charset=utf-8";

Response PlainText(int status, std::string body) {
  return {status, std::string(kPlainText), std::move(body)};
}

// A handler's own failure is the answer, not the end of the process.
Response Call(const Route& route, const Request& request) {
  try {
    return route.handle(request);
  } catch (const std::exception& error) {
    return PlainText(kServerError, std::string("internal error: ") + error.what() + "\n");
  } catch (...) {
    return PlainText(kServerError, "internal error\n");
  }
}

// Whether the connection serves another request after this one. A body that a client sent is not read, since no route
// takes one and CivetWeb would wait for the rest of it as long as it trickles, so the connection ends behind it.
bool KeepsAlive(const mg_connection* connection) {
  const mg_request_info* info = mg_get_request_info(connection);
  bool has_body = info->content_length > 0 || mg_get_header(connection, "Transfer-Encoding") != nullptr;
  if (has_body || info->http_version == nullptr || std::string_view(info->http_version) != "1.1") return false;
  const char* asked = mg_get_header(connection, "Connection");
  // Without the word CivetWeb closes whenever the header is there.
  return asked == nullptr || (ListHas(asked, "keep-alive") && !ListHas(asked, "close"));
}

// Compresses the body if that is worth it and the client takes it; true if so.
bool Compress(const mg_connection* connection, std::string& body) {
  const char* accept = mg_get_header(connection, "Accept-Encoding");
  if (accept == nullptr || body.size() < kSmallestGzip || !AcceptsGzip(accept)) return false;
  std::string compressed = Gzip(body);
  if (compressed.empty()) return false;
  body = std::move(compressed);
  return true;
}

// Connects and goes away. Where the server listens on every address, so does the connection reach it.
void Touch(const ListenAddress& address) {
  sockaddr_in name = address.ForSocket();
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
    std::string listening_ports;
    for (const std::string& text : addresses) {
      Result<ListenAddress> address = ParseListenAddress(text);
      if (!address) return Error{address.error()};
      listening_ports += (listening_ports.empty() ? "" : ",") + address->ForCivetWeb();
      addresses_.push_back(std::move(*address));
    }
    if (Status status = CanListen(addresses_); !status) return status;
    if (Status status = StartCivetWeb(listening_ports); !status) return status;
    std::vector<int> found = FindPorts();
    for (size_t i = 0; i < found.size() && i < addresses_.size(); ++i) addresses_[i].port = found[i];
    return {};
  }

  std::vector<int> ports() const {
    std::vector<int> ports;
    for (const ListenAddress& address : addresses_) ports.push_back(address.port);
    return ports;
  }

 private:
  Status StartCivetWeb(const std::string& listening_ports) {
    // No document root, no TLS, no form or websocket handlers: what is not there cannot be attacked.
    const std::array<const char*, 21> options = {
        "listening_ports",
        listening_ports.c_str(),
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
        "enable_auth_domain_check",
        "no",  // else "GET http://host:port/metrics", as through a proxy, is dropped without an answer
        nullptr};
    mg_init_library(0);
    context_ = mg_start(&callbacks_, this, const_cast<const char**>(options.data()));
    std::lock_guard lock(mutex_);
    if (context_ == nullptr) return Error{"cannot listen on " + listening_ports + ": " + last_message_};
    return {};
  }

  // What port 0 became, in the order of the addresses.
  std::vector<int> FindPorts() const {
    std::vector<mg_server_port> found(addresses_.size());
    int count = mg_get_server_ports(context_, static_cast<int>(found.size()), found.data());
    std::vector<int> ports;
    for (int i = 0; i < count; ++i) ports.push_back(found[static_cast<size_t>(i)].port);
    return ports;
  }

  // CivetWeb looks up every two seconds whether it is to stop; a connection wakes it.
  void Stop() {
    std::future<void> stopped = std::async(std::launch::async, [this] { mg_stop(context_); });
    while (stopped.wait_for(std::chrono::milliseconds(20)) != std::future_status::ready) {
      for (const ListenAddress& address : addresses_) Touch(address);
    }
  }

  void Remember(const char* message) {
    std::lock_guard lock(mutex_);
    last_message_ = message;
  }

  // Returns the status, which tells CivetWeb that the request has been answered.
  int Handle(mg_connection* connection) const noexcept {
    try {
      const mg_request_info* info = mg_get_request_info(connection);
      Request request{info->request_method, info->local_uri != nullptr ? info->local_uri : ""};
      std::string allow;
      Response response = Answer(request, allow);
      Send(connection, request, response, allow);
      return response.status;
    } catch (...) {
      // No memory for the answer; how much of it went out is not known.
      mg_disable_connection_keep_alive(connection);
      return kServerError;
    }
  }

  // Sets `allow` where the method is not allowed.
  Response Answer(const Request& request, std::string& allow) const {
    auto route = routes_.find(request.path);
    if (route == routes_.end()) {
      std::string body = "not found; there are:\n";
      for (const auto& [path, known] : routes_) body += "  " + known.method + " " + path + "\n";
      return PlainText(kNotFound, std::move(body));
    }
    const std::string& method = route->second.method;
    bool fits = request.method == method || (method == "GET" && request.method == "HEAD");
    if (fits) return Call(route->second, request);
    allow = method == "GET" ? "GET, HEAD" : method;
    return PlainText(kMethodNotAllowed, "method not allowed; use " + allow + "\n");
  }

  static void Send(mg_connection* connection, const Request& request, Response& response, const std::string& allow) {
    bool compressed = Compress(connection, response.body);
    bool keeps_alive = KeepsAlive(connection);
    // CivetWeb decides by rules of its own, which this settles.
    if (!keeps_alive) mg_disable_connection_keep_alive(connection);
    std::string head = fmt::format(
        "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nVary: Accept-Encoding\r\n"
        "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nConnection: {}\r\n",
        response.status, mg_get_response_code_text(connection, response.status), response.content_type,
        response.body.size(), keeps_alive ? "keep-alive" : "close");
    if (compressed) head += "Content-Encoding: gzip\r\n";
    if (!allow.empty()) head += "Allow: " + allow + "\r\n";
    head += "\r\n";
    mg_write(connection, head.data(), head.size());
    if (request.method != "HEAD") mg_write(connection, response.body.data(), response.body.size());
  }

  const std::map<std::string, Route> routes_;
  mg_callbacks callbacks_{};
  mg_context* context_ = nullptr;
  std::vector<ListenAddress> addresses_;  // with the ports that are listened on, once started
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
