#include "http/server.h"

#include <arpa/inet.h>
#include <civetweb.h>
#include <poll.h>
#include <spdlog/fmt/fmt.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <future>
#include <mutex>
#include <string_view>
#include <tuple>

#include "base/unique_fd.h"
#include "http/client_patience.h"
#include "http/gzip.h"
#include "http/header_list.h"
#include "http/listen_address.h"
#include "http/socket_finder.h"
#include "http/sweeper.h"

// CivetWeb 1.15 takes connections by this function, in a loop without a pause: when no descriptor is free, accept fails
// at once, the connection stays in the kernel's queue, and the loop takes a whole core. A symbol of the program comes
// before that of the C library, so here the loop gets its pause. It also closes a gap in which a new program (fork and
// exec) would inherit the connection.
extern "C" int accept(int listener, sockaddr* name, socklen_t* size) {
  constexpr int kPauseMillis = 50;
  int fd = ::accept4(listener, name, size, SOCK_CLOEXEC);
  const int error = errno;
  bool lacks_descriptors = fd < 0 && (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM);
  if (lacks_descriptors) ::poll(nullptr, 0, kPauseMillis);
  errno = error;
  return fd;
}

namespace qte::http {
namespace {

constexpr size_t kSmallestGzip = 1024;
constexpr int kThreads = 32;
constexpr size_t kMaxHead = 16384;
constexpr rlim_t kLongestQueue = 1024;

constexpr int kServerError = 500;

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

// Whether to compress the body: it is worth it, and the client takes it.
bool WantsGzip(const mg_connection* connection, const std::string& body) {
  const char* accept = mg_get_header(connection, "Accept-Encoding");
  return accept != nullptr && body.size() >= kSmallestGzip && AcceptsGzip(accept);
}

// Connections that may wait for a thread; those beyond wait in the kernel. They are descriptors, most of which are for
// trace logs.
std::string QueueLength() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return std::to_string(std::clamp<rlim_t>(limit.rlim_cur / 4, 16, kLongestQueue));
}

Peer PeerOfRequest(const mg_request_info& info) {
  in_addr address{};
  ::inet_pton(AF_INET, info.remote_addr, &address);
  return PeerOf(address, info.remote_port, info.server_port);
}

// While it lives, the connection is not taken for idle.
class AnswerInProgress {
 public:
  AnswerInProgress(Sweeper& sweeper, Peer peer) : sweeper_(sweeper), peer_(peer) { sweeper_.BeginAnswer(peer_); }
  ~AnswerInProgress() { sweeper_.EndAnswer(peer_); }
  AnswerInProgress(const AnswerInProgress&) = delete;
  AnswerInProgress& operator=(const AnswerInProgress&) = delete;

 private:
  Sweeper& sweeper_;
  const Peer peer_;
};

// Connects and goes away. Where the server listens on every address, so does the connection reach it.
void Touch(const ListenAddress& address) {
  sockaddr_in name = address.ForSocket();
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  std::ignore = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name);
}

}  // namespace

class Server::Impl {
 public:
  Impl(std::map<std::string, Route> routes, std::shared_ptr<BasicAuth> auth)
      : router_(std::move(routes), std::move(auth)) {
    callbacks_.init_connection = [](const mg_connection* connection, void**) {
      Of(connection)->patience_.Enter();
      return 0;
    };
    callbacks_.begin_request = [](mg_connection* connection) { return Of(connection)->Handle(connection); };
    callbacks_.connection_closed = [](const mg_connection* connection) { Of(connection)->patience_.Leave(); };
    callbacks_.log_message = [](const mg_connection* connection, const char* message) {
      Impl* self = Of(connection);
      if (self != nullptr) self->Remember(message);
      return 1;  // kept here, not written to a file by CivetWeb
    };
  }
  ~Impl() {
    patience_.Stop();
    router_.Close();
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
    sweeper_.Start({found.begin(), found.end()});
    return {};
  }

  std::vector<int> ports() const {
    std::vector<int> ports;
    for (const ListenAddress& address : addresses_) ports.push_back(address.port);
    return ports;
  }

 private:
  static Impl* Of(const mg_connection* connection) {
    return static_cast<Impl*>(mg_get_user_data(mg_get_context(connection)));
  }

  Status StartCivetWeb(const std::string& listening_ports) {
    // No document root, no TLS, no form or websocket handlers: what is not there cannot be attacked.
    const std::string threads = std::to_string(kThreads);
    const std::string max_head = std::to_string(kMaxHead);
    const std::string queue = QueueLength();
    const std::array<const char*, 25> options = {
        "listening_ports",
        listening_ports.c_str(),
        "num_threads",
        threads.c_str(),
        "connection_queue",
        queue.c_str(),
        "listen_backlog",
        "4096",
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
        max_head.c_str(),
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
  int Handle(mg_connection* connection) noexcept {
    try {
      const mg_request_info* info = mg_get_request_info(connection);
      AnswerInProgress in_progress(sweeper_, PeerOfRequest(*info));
      Request request{info->request_method, info->local_uri != nullptr ? info->local_uri : "", info->remote_addr};
      Router::Reply reply = router_.Ask(request, mg_get_header(connection, "Authorization"));
      Send(connection, request, reply);
      return reply.answer->response().status;
    } catch (...) {
      // No memory for the answer; how much of it went out is not known.
      mg_disable_connection_keep_alive(connection);
      return kServerError;
    }
  }

  void Send(mg_connection* connection, const Request& request, const Router::Reply& reply) {
    const Response& response = reply.answer->response();
    bool compressed = WantsGzip(connection, response.body) && !reply.answer->Compressed().empty();
    const std::string& body = compressed ? reply.answer->Compressed() : response.body;
    bool keeps_alive = KeepsAlive(connection) && !patience_.IsShort();
    // CivetWeb decides by rules of its own, which this settles.
    if (!keeps_alive) mg_disable_connection_keep_alive(connection);
    std::string head = fmt::format(
        "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nVary: Accept-Encoding\r\n"
        "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nConnection: {}\r\n",
        response.status, mg_get_response_code_text(connection, response.status), response.content_type, body.size(),
        keeps_alive ? "keep-alive" : "close");
    if (compressed) head += "Content-Encoding: gzip\r\n";
    head += reply.headers + "\r\n";
    bool sent = Write(connection, head) && (request.method == "HEAD" || Write(connection, body));
    if (!sent) mg_disable_connection_keep_alive(connection);
  }

  // By CivetWeb alone, since nobody else can tell for sure which socket the request came over. It gives up a client
  // that reads nothing for 5 s; one that reads slowly is given up between two pieces.
  bool Write(mg_connection* connection, std::string_view bytes) const {
    constexpr size_t kPiece = 65536;
    const auto started = std::chrono::steady_clock::now();
    for (size_t sent = 0; sent < bytes.size();) {
      std::string_view piece = bytes.substr(sent, kPiece);
      if (mg_write(connection, piece.data(), piece.size()) != static_cast<int>(piece.size())) return false;
      sent += piece.size();
      if (!patience_.MayGoOnReading(std::chrono::steady_clock::now() - started, sent)) return false;
    }
    return true;
  }

  Router router_;
  ClientPatience patience_{kThreads};
  Sweeper sweeper_{patience_};
  mg_callbacks callbacks_{};
  mg_context* context_ = nullptr;
  std::vector<ListenAddress> addresses_;  // with the ports that are listened on, once started
  std::mutex mutex_;
  std::string last_message_;  // of CivetWeb, for when it does not start; guarded by mutex_
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

std::vector<int> Server::ports() const {
  return impl_->ports();
}

Result<std::unique_ptr<Server>> Server::Start(const std::vector<std::string>& addresses,
                                              std::map<std::string, Route> routes, std::shared_ptr<BasicAuth> auth) {
  auto impl = std::make_unique<Impl>(std::move(routes), std::move(auth));
  if (Status status = impl->Start(addresses); !status) return Error{status.error()};
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

}  // namespace qte::http
