#include "qmp/connection.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace qte::qmp {
namespace {

using nlohmann::json;

std::string TextOf(int error) {
  return std::strerror(error);
}

std::string MebibytesOf(size_t bytes) {
  return std::to_string(bytes >> 20) + " MiB";
}

bool IsSocket(const std::string& path) {
  struct stat status;
  return ::stat(path.c_str(), &status) != 0 || S_ISSOCK(status.st_mode);
}

Failure FailureOfConnect(int error, const std::string& path) {
  switch (error) {
    case EACCES:
    case EPERM:
      return {
          Reason::kDenied,
          TextOf(error) + "; the exporter needs write permission on the socket: its group (libvirt-qemu, kvm) or ACL"};
    case EAGAIN:
      return {Reason::kNoGreeting,
              "other clients wait for this socket already; give QEMU a -qmp socket for the exporter alone"};
    case ENOENT:
    case ECONNREFUSED:
      return {Reason::kUnreachable,
              (IsSocket(path) ? TextOf(error) : "not a socket") +
                  "; is QEMU running, with -qmp unix:PATH,server=on,wait=off?",
              true};
    default:
      return {Reason::kUnreachable, TextOf(error)};
  }
}

}  // namespace

std::string_view NameOf(Reason reason) {
  constexpr std::array<std::string_view, kReasons> kNames = {"unreachable", "denied",   "no_greeting", "timeout",
                                                             "closed",      "protocol", "refused"};
  return kNames[static_cast<size_t>(reason)];
}

Connection::Connection(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    failure_ = FailureOfConnect(ENAMETOOLONG, path);
    return;
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    failure_ = FailureOfConnect(errno, path);
    return;
  }
  socket_ = std::move(fd);
}

short Connection::events() const {
  return unsent_.empty() ? POLLIN : POLLIN | POLLOUT;
}

void Connection::Fail(Reason reason, std::string message) {
  if (!failure_) failure_ = Failure{reason, std::move(message), false};
  socket_.Reset();
  reader_.Reset();
}

void Connection::Send(std::string_view text) {
  unsent_ += text;
  while (!unsent_.empty() && !failure_) {
    ssize_t sent = ::send(socket_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      unsent_.erase(0, static_cast<size_t>(sent));
    } else if (errno == EAGAIN) {
      return;
    } else if (errno != EINTR) {
      Fail(Reason::kClosed, "QEMU has closed the connection: " + TextOf(errno));
    }
  }
}

void Connection::Read(const std::function<void(const json&)>& on_message) {
  if (failure_) return;
  std::array<char, 65536> chunk;
  ssize_t size = ::recv(socket_.get(), chunk.data(), chunk.size(), 0);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size <= 0) {
    Fail(Reason::kClosed, size == 0 ? "QEMU has closed the connection" : TextOf(errno));
    return;
  }
  received_ += static_cast<size_t>(size);
  if (received_ > kMostBytes) {
    Fail(Reason::kProtocol, "QEMU sends more than the limit of " + MebibytesOf(kMostBytes) + " for one conversation");
  }
  for (const char* c = chunk.data(); c < chunk.data() + size && Take(*c, on_message);) ++c;
}

bool Connection::Take(char c, const std::function<void(const json&)>& on_message) {
  if (failure_) return false;
  switch (reader_.Add(c)) {
    case MessageReader::State::kMore:
      return true;
    case MessageReader::State::kNoObject:
      Fail(Reason::kProtocol, "not a QMP socket: it sends no JSON objects");
      return false;
    case MessageReader::State::kTooLong:
      Fail(Reason::kProtocol,
           "QEMU sends a message that needs more than the limit of " + MebibytesOf(MessageReader::kMostCost));
      return false;
    case MessageReader::State::kWhole:
      break;
  }
  json message = json::parse(reader_.text(), nullptr, false);
  reader_.Reset();
  if (message.is_object()) {
    on_message(message);
  } else {
    Fail(Reason::kProtocol, "not a QMP socket: it sends no JSON objects");
  }
  return !failure_;
}

}  // namespace qte::qmp
