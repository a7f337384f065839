#include "http/backend.h"

#include <arpa/inet.h>
#include <civetweb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <spdlog/fmt/fmt.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <future>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

namespace qte::http {
namespace {

constexpr const char* kExchangeHeader = "X-Exchange";
constexpr int kForbidden = 403;
// As long as a front door may be idle. A thread of CivetWeb's belongs to each of its connections, and waits meanwhile.
constexpr const char* kKeepAliveMillis = "2000000000";

// From which ports CivetWeb takes connections, by the port that it listens on. Several servers may run in one process.
class OwnPorts {
 public:
  static OwnPorts& Instance() {
    static OwnPorts ports;
    return ports;
  }
  void AddServer(int server_port) {
    std::lock_guard lock(mutex_);
    ports_[server_port];
  }
  void RemoveServer(int server_port) {
    std::lock_guard lock(mutex_);
    ports_.erase(server_port);
  }
  void Add(int server_port, int port) {
    std::lock_guard lock(mutex_);
    ports_[server_port].insert(port);
  }
  void Remove(int server_port, int port) {
    std::lock_guard lock(mutex_);
    if (auto found = ports_.find(server_port); found != ports_.end()) found->second.erase(port);
  }
  // True as well for a server that is none of these.
  bool Takes(int server_port, int port) {
    std::lock_guard lock(mutex_);
    auto found = ports_.find(server_port);
    return found == ports_.end() || found->second.contains(port);
  }

 private:
  std::mutex mutex_;
  std::map<int, std::set<int>> ports_;  // guarded by mutex_
};

sockaddr_in Loopback(int port) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  name.sin_port = htons(static_cast<uint16_t>(port));
  return name;
}

template <int (*kNameOf)(int, sockaddr*, socklen_t*)>
int PortBy(int fd) {
  sockaddr_in name{};
  socklen_t size = sizeof name;
  bool known = kNameOf(fd, reinterpret_cast<sockaddr*>(&name), &size) == 0 && name.sin_family == AF_INET;
  return known ? ntohs(name.sin_port) : 0;
}

uint64_t RandomNumber() {
  uint64_t number = 0;
  while (::getrandom(&number, sizeof number, 0) != sizeof number) continue;
  return number;
}

ParsedRequest Parsed(const mg_request_info& info, const std::string& client) {
  auto text = [](const char* chars) { return std::string(chars != nullptr ? chars : ""); };
  ParsedRequest request{text(info.request_method), text(info.local_uri), text(info.query_string),
                        text(info.http_version),   client,               {}};
  for (int i = 0; i < info.num_headers; ++i) {
    request.headers.emplace_back(info.http_headers[i].name, info.http_headers[i].value);
  }
  return request;
}

// Where the host of "GET http://host:port/path HTTP/1.1" is, which clients say to a proxy and CivetWeb takes for its
// own port alone. The length is 0 if there is none.
std::pair<size_t, size_t> HostInTarget(std::string_view line) {
  const size_t begin = line.find(' ') + 1;
  for (std::string_view scheme : {"http://", "https://"}) {
    if (begin == 0 || !line.substr(begin).starts_with(scheme)) continue;
    const size_t end = line.find_first_of("/ ", begin + scheme.size());
    if (end != std::string_view::npos && line[end] == '/') return {begin, end - begin};
  }
  return {0, 0};
}

}  // namespace

// CivetWeb takes connections by this function; a symbol of the program comes before that of the C library. Here every
// connection but the front door's is refused. CivetWeb tries again without a pause when no descriptor is free, so here
// it gets one.
int AcceptForBackend(int listener, sockaddr* name, socklen_t* size) {
  constexpr int kPauseMillis = 50;
  UniqueFd fd(::accept4(listener, name, size, SOCK_CLOEXEC));
  if (!fd) {
    const int error = errno;
    if (error != EAGAIN && error != EINTR && error != ECONNABORTED) ::poll(nullptr, 0, kPauseMillis);
    errno = error;
    return -1;
  }
  if (OwnPorts::Instance().Takes(PortBy<::getsockname>(listener), PortBy<::getpeername>(fd.get()))) {
    return fd.Release();
  }
  errno = ECONNABORTED;
  return -1;
}

Result<std::unique_ptr<Backend>> Backend::Start(Handler handler) {
  std::unique_ptr<Backend> backend(new Backend(std::move(handler)));
  if (Status status = backend->StartCivetWeb(); !status) return Error{status.error()};
  return backend;
}

Status Backend::StartCivetWeb() {
  mg_callbacks callbacks{};
  callbacks.begin_request = [](mg_connection* connection) {
    return static_cast<Backend*>(mg_get_user_data(mg_get_context(connection)))->Handle(connection);
  };
  callbacks.log_message = [](const mg_connection* connection, const char* message) {
    auto* self = static_cast<Backend*>(mg_get_user_data(mg_get_context(connection)));
    if (self != nullptr) {
      std::lock_guard lock(self->mutex_);
      self->last_message_ = message;
    }
    return 1;  // kept here, not written to a file by CivetWeb
  };
  // No document root, no TLS, no form or websocket handlers: what is not there cannot be attacked.
  const std::string threads = std::to_string(kThreads);
  const std::string most_head_bytes = std::to_string(kMostHeadBytes);
  const std::array<const char*, 21> options = {
      "listening_ports",
      "127.0.0.1:0",
      "num_threads",
      threads.c_str(),
      "request_timeout_ms",
      kKeepAliveMillis,
      "enable_keep_alive",
      "yes",
      "keep_alive_timeout_ms",
      kKeepAliveMillis,
      "tcp_nodelay",
      "1",
      "enable_directory_listing",
      "no",
      "decode_url",
      "no",  // no path of ours needs escapes: "/metrics%00" is not "/metrics"
      "max_request_size",
      most_head_bytes.c_str(),
      "enable_auth_domain_check",
      "no",  // else "GET http://host:port/metrics", as through a proxy, is dropped without an answer
      nullptr};
  mg_init_library(0);
  context_ = mg_start(&callbacks, this, const_cast<const char**>(options.data()));
  std::lock_guard lock(mutex_);
  if (context_ == nullptr) return Error{"cannot listen on 127.0.0.1, as is needed within: " + last_message_};
  mg_server_port port{};
  if (mg_get_server_ports(context_, 1, &port) != 1) return Error{"CivetWeb does not listen on 127.0.0.1"};
  port_ = port.port;
  OwnPorts::Instance().AddServer(port_);
  return {};
}

// CivetWeb looks up every two seconds whether it is to stop; a connection wakes it.
Backend::~Backend() {
  if (context_ == nullptr) return;
  std::future<void> stopped = std::async(std::launch::async, [this] { mg_stop(context_); });
  while (stopped.wait_for(std::chrono::milliseconds(20)) != std::future_status::ready) std::ignore = Connect();
  OwnPorts::Instance().RemoveServer(port_);
}

Backend::Connection::Connection(UniqueFd fd, int server_port, int port)
    : fd_(std::move(fd)), server_port_(server_port), port_(port) {}

Backend::Connection::Connection(Connection&& other) noexcept
    : fd_(std::move(other.fd_)), server_port_(other.server_port_), port_(other.port_) {}

Backend::Connection::~Connection() {
  if (fd_) OwnPorts::Instance().Remove(server_port_, port_);
}

Result<Backend::Connection> Backend::Connect() const {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return Error{std::strerror(errno)};
  int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // CivetWeb is to know the port before it sees the connection.
  sockaddr_in name = Loopback(0);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) return Error{std::strerror(errno)};
  const int port = PortBy<::getsockname>(fd.get());
  OwnPorts::Instance().Add(port_, port);
  Connection connection(std::move(fd), port_, port);
  name = Loopback(port_);
  bool begun = ::connect(connection.fd(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0 ||
               errno == EINPROGRESS;
  if (!begun) return Error{std::strerror(errno)};
  return connection;
}

std::string Backend::Announce(const std::string& head, std::shared_ptr<Exchange> exchange) {
  Number number = RandomNumber();
  {
    std::lock_guard lock(mutex_);
    while (number == 0 || announced_.contains(number)) number = RandomNumber();
    announced_[number] = std::move(exchange);
  }
  const std::string_view all = head;
  const size_t headers = all.find('\n') + 1;
  const auto [host, size] = HostInTarget(all.substr(0, headers));
  return fmt::format("{}{}{}: {:x}\r\n{}", all.substr(0, host), all.substr(host + size, headers - host - size),
                     kExchangeHeader, number, all.substr(headers));
}

void Backend::Forget(const Exchange& exchange) {
  std::lock_guard lock(mutex_);
  std::erase_if(announced_, [&](const auto& entry) { return entry.second.get() == &exchange; });
}

std::shared_ptr<Exchange> Backend::Take(const char* number) {
  Number parsed = 0;
  std::string_view text = number != nullptr ? number : "";
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), parsed, 16);
  if (error != std::errc() || end != text.data() + text.size()) return nullptr;
  std::lock_guard lock(mutex_);
  auto found = announced_.find(parsed);
  if (found == announced_.end()) return nullptr;
  std::shared_ptr<Exchange> exchange = std::move(found->second);
  announced_.erase(found);
  return exchange;
}

// Returns the status, which tells CivetWeb that the request has been answered.
int Backend::Handle(mg_connection* connection) noexcept {
  const mg_request_info* info = mg_get_request_info(connection);
  // The first of this name is the front door's.
  std::shared_ptr<Exchange> exchange = Take(mg_get_header(connection, kExchangeHeader));
  if (exchange == nullptr) {
    mg_disable_connection_keep_alive(connection);
    return kForbidden;
  }
  try {
    exchange->reply = handler_(Parsed(*info, exchange->client));
  } catch (...) {
    exchange->reply = {};  // no memory for the answer
  }
  exchange->answered.store(true, std::memory_order_release);
  // A body never comes: the front door has not passed it on, and CivetWeb would wait for it.
  if (info->content_length > 0 || mg_get_header(connection, "Transfer-Encoding") != nullptr) {
    mg_disable_connection_keep_alive(connection);
  }
  constexpr std::string_view kDone = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  mg_write(connection, kDone.data(), kDone.size());
  return 200;
}

}  // namespace qte::http

extern "C" int accept(int listener, sockaddr* name, socklen_t* size) {
  return qte::http::AcceptForBackend(listener, name, size);
}
