#include "http/fetch.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "http/base64.h"
#include "http/tls_client.h"
#include "http/transport.h"

namespace qte::http {
namespace {

using Clock = std::chrono::steady_clock;

// More than the metrics of 100,000 disks. A server that sends more is not the exporter.
constexpr size_t kMostBytes = size_t{512} << 20;

// How long a request may take, and what ends it before.
struct Patience {
  int cancel;
  Clock::time_point deadline;

  // Waits until the socket is ready for `events`.
  Status Wait(int fd, short events) const {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return Error{"no answer in time"};
    pollfd polled[] = {{fd, events, 0}, {cancel, POLLIN, 0}};
    if (::poll(polled, 2, static_cast<int>(left)) < 0 && errno != EINTR) return Error{std::strerror(errno)};
    return polled[1].revents != 0 ? Status(Error{std::string(kCancelled)}) : Status();
  }
};

std::string Lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

std::string ReasonOf(int error) {
  return error == ECONNREFUSED ? "connection refused" : Lower(std::strerror(error));
}

Result<UniqueFd> ConnectTo(const sockaddr* address, socklen_t size, const Patience& patience) {
  UniqueFd fd(::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return Error{ReasonOf(errno)};
  if (::connect(fd.get(), address, size) == 0) return fd;
  if (errno != EINPROGRESS) return Error{ReasonOf(errno)};
  for (int error = EINPROGRESS;;) {
    if (Status status = patience.Wait(fd.get(), POLLOUT); !status) return Error{status.error()};
    pollfd polled{fd.get(), POLLOUT, 0};
    if (::poll(&polled, 1, 0) == 0) continue;  // woken by something else
    socklen_t length = sizeof error;
    ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) return Error{ReasonOf(error)};
    return fd;
  }
}

Result<UniqueFd> ConnectToSocket(const std::string& path, const Patience& patience) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Error{"the path of the socket is longer than 107 bytes"};
  path.copy(address.sun_path, path.size());
  return ConnectTo(reinterpret_cast<const sockaddr*>(&address), sizeof address, patience);
}

// Tries all addresses of a name: "localhost" is two, and the daemon may listen on one of them.
Result<UniqueFd> ConnectToHost(const Target& target, const Patience& patience) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(target.host.c_str(), target.port.c_str(), &hints, &found);
  if (failed != 0) return Error{Lower(::gai_strerror(failed))};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
  Result<UniqueFd> connection = Error{"no address"};
  for (const addrinfo* each = found; each != nullptr && !connection; each = each->ai_next) {
    connection = ConnectTo(each->ai_addr, each->ai_addrlen, patience);
  }
  return connection;
}

// Calls a step of the transport until it is done; the number of its bytes, or 0 at the end of the connection.
template <typename Step>
Result<size_t> Finish(int fd, const Patience& patience, const Step& step) {
  while (true) {
    const Progress progress = step();
    if (progress.state == Progress::State::kDone) return progress.bytes;
    if (progress.state == Progress::State::kEnded) return size_t{0};
    const bool writes = progress.state == Progress::State::kWantsToWrite;
    if (Status status = patience.Wait(fd, writes ? POLLOUT : POLLIN); !status) return Error{status.error()};
  }
}

std::string RequestText(const Target& target, const Identity& identity) {
  const bool is_ipv6 = target.host.find(':') != std::string::npos;
  const std::string host = is_ipv6 ? '[' + target.host + ']' : target.host;
  std::string text = "GET " + target.path + " HTTP/1.0\r\nHost: " + (host.empty() ? "localhost" : host) + "\r\n";
  if (!identity.user.empty()) {
    text += "Authorization: Basic " + EncodeBase64(identity.user + ':' + identity.password) + "\r\n";
  }
  return text + "\r\n";
}

// The status and the length of the body, if the head tells it.
struct Head {
  int status = 0;
  std::optional<size_t> length;
};

std::optional<Head> ParseHead(const std::string& text) {
  Head head;
  const size_t blank = text.find(' ');
  if (!text.starts_with("HTTP/1.") || blank == std::string::npos) return std::nullopt;
  std::from_chars(text.data() + blank + 1, text.data() + text.size(), head.status);
  constexpr std::string_view kLength = "\r\ncontent-length:";
  const std::string lower = Lower(text);
  if (size_t at = lower.find(kLength); at != std::string::npos) {
    at = lower.find_first_not_of(' ', at + kLength.size());
    size_t length = 0;
    if (std::from_chars(lower.data() + at, lower.data() + lower.size(), length).ec == std::errc()) head.length = length;
  }
  return head;
}

Result<Fetched> ReadAnswer(Transport& transport, int fd, const Patience& patience) {
  std::string received;
  std::vector<char> chunk(size_t{64} << 10);
  std::optional<Head> head;
  size_t body_at = 0;
  while (!head || !head->length || received.size() < body_at + *head->length) {
    Result<size_t> count = Finish(fd, patience, [&] { return transport.Read(chunk.data(), chunk.size()); });
    if (!count) return Error{count.error()};
    if (*count == 0) break;
    received.append(chunk.data(), *count);
    if (received.size() > kMostBytes) return Error{"the answer is longer than 512 MiB"};
    if (head) continue;
    const size_t end = received.find("\r\n\r\n");
    if (end == std::string::npos) continue;
    head = ParseHead(received.substr(0, end + 2));
    if (!head) return Error{"the answer is not HTTP"};
    body_at = end + 4;
  }
  if (!head) return Error{received.empty() ? "the server closed the connection" : "the answer is not HTTP"};
  if (head->length && received.size() < body_at + *head->length) return Error{"the answer broke off"};
  return Fetched{head->status, received.substr(body_at)};
}

Result<Fetched> Exchange(Transport& transport, int fd, const std::string& request, const Patience& patience) {
  Result<size_t> shaken = Finish(fd, patience, [&] { return transport.Handshake(); });
  if (!shaken) return Error{shaken.error()};
  for (std::string_view rest = request; !rest.empty();) {
    Result<size_t> sent = Finish(fd, patience, [&] { return transport.Write(rest); });
    if (!sent) return Error{sent.error()};
    if (*sent == 0) break;  // it may have answered before it closed the connection
    rest.remove_prefix(*sent);
  }
  return ReadAnswer(transport, fd, patience);
}

}  // namespace

Result<Target> ParseTarget(const std::string& text, const std::string& default_port, const std::string& default_path) {
  const Error unexpected{"invalid address \"" + text +
                         "\": expected http://HOST:PORT, https://HOST:PORT, HOST:PORT or unix:/PATH"};
  Target target;
  target.text = text;
  target.path = default_path;
  std::string_view rest = text;
  if (rest.starts_with("unix:")) {
    rest.remove_prefix(5);
    if (!rest.starts_with('/')) return unexpected;
    target.socket_path = rest;
    return target;
  }
  if (rest.starts_with("http://") || rest.starts_with("https://")) {
    target.is_tls = rest.starts_with("https");
    rest.remove_prefix(target.is_tls ? 8 : 7);
  }
  if (const size_t slash = rest.find('/'); slash != std::string_view::npos) {
    if (slash + 1 < rest.size()) target.path = rest.substr(slash);
    rest = rest.substr(0, slash);
  }
  const size_t bracket = rest.find(']');
  if (rest.starts_with('[') && bracket != std::string_view::npos) {
    target.host = rest.substr(1, bracket - 1);
    rest.remove_prefix(bracket + 1);
  } else {
    target.host = rest.substr(0, rest.find(':'));
    rest.remove_prefix(target.host.size());
  }
  if (rest.starts_with(':')) target.port = rest.substr(1);
  auto is_digit = [](unsigned char c) { return std::isdigit(c) != 0; };
  const bool is_number = std::all_of(target.port.begin(), target.port.end(), is_digit) && target.port.size() <= 5;
  auto is_printable = [](unsigned char c) { return c > ' ' && c < 0x7f && c != '@'; };
  const bool is_plain = std::all_of(text.begin(), text.end(), is_printable);
  if (target.host.empty() || !is_number || !is_plain || (!rest.empty() && target.port.empty())) return unexpected;
  if (target.port.empty()) target.port = default_port;
  return target;
}

Result<Fetched> Fetch(const Target& target, const Identity& identity, int cancel, std::chrono::milliseconds timeout) {
  const Patience patience{cancel, Clock::now() + timeout};
  Result<UniqueFd> fd =
      target.socket_path.empty() ? ConnectToHost(target, patience) : ConnectToSocket(target.socket_path, patience);
  if (!fd) return Error{fd.error()};
  const std::string request = RequestText(target, identity);
  if (!target.is_tls) {
    PlainTransport transport(fd->get());
    return Exchange(transport, fd->get(), request, patience);
  }
  auto tls = TlsClient::Make(fd->get(), target.host, identity);
  if (!tls) return Error{tls.error()};
  Result<Fetched> fetched = Exchange(**tls, fd->get(), request, patience);
  if (!fetched && !(*tls)->failure().empty()) return Error{(*tls)->failure()};
  return fetched;
}

}  // namespace qte::http
