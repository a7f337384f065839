// A blocking HTTP client on loopback, for tests: sends what it is told, reads whole responses, gives up after 10 s.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <zlib.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>

#include "base/unique_fd.h"
#include "catch.h"

namespace qte::http {

inline std::string Gunzip(const std::string& data) {
  z_stream stream{};
  REQUIRE(inflateInit2(&stream, 15 + 16) == Z_OK);
  std::string out(size_t{4} << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  int state = inflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  REQUIRE(state == Z_STREAM_END);
  return out;
}

class HttpClient {
 public:
  struct Reply {
    int status = 0;  // 0: the connection ended before a whole response
    std::string head;
    std::string body;
    bool Has(std::string_view header) const { return head.find(header) != std::string::npos; }
  };

  enum class Connects { kNow, kLater };

  explicit HttpClient(int port, Connects connects = Connects::kNow)
      : port_(port), fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    timeval limit{10, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connects == Connects::kNow) Connect();
  }

  void Connect() {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(static_cast<uint16_t>(port_));
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0;
  }

  bool connected() const { return connected_; }

  // False once the server has closed the connection.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }

  // True if the server ends the connection without another byte.
  bool SeesEnd() { return buffer_.empty() && !Receive() && !timed_out_; }

  Reply Ask(const std::string& method, const std::string& path, const std::string& headers = "") {
    Send(method + " " + path + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n");
    return Read(method != "HEAD");
  }

  // Pauses after each piece of 64 KiB of the body.
  Reply Read(bool with_body = true, std::chrono::milliseconds pause = {}) {
    Reply reply;
    size_t head_end = 0;
    while ((head_end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!Receive()) return reply;
    }
    reply.head = buffer_.substr(0, head_end + 2);
    buffer_.erase(0, head_end + 4);
    size_t length = 0;
    if (size_t at = reply.head.find("Content-Length: "); at != std::string::npos) {
      length = std::stoul(reply.head.substr(at + std::string_view("Content-Length: ").size()));
    }
    while (with_body && buffer_.size() < length) {
      if (!Receive()) return reply;
      std::this_thread::sleep_for(pause);
    }
    if (with_body) {
      reply.body = buffer_.substr(0, length);
      buffer_.erase(0, length);
    }
    reply.status = std::stoi(reply.head.substr(reply.head.find(' ') + 1));
    return reply;
  }

 private:
  bool Receive() {
    char chunk[65536];
    ssize_t n = ::recv(fd_.get(), chunk, sizeof chunk, 0);
    timed_out_ = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    if (n <= 0) return false;
    buffer_.append(chunk, static_cast<size_t>(n));
    return true;
  }

  int port_;
  UniqueFd fd_;
  bool connected_ = false;
  bool timed_out_ = false;
  std::string buffer_;
};

}  // namespace qte::http
