// Where does a message end? QEMU writes each on a line of its own, or, with pretty=on, over several, of which the first
// is "{", the last begins with "}", and all others are indented. So it ends with a line that ends in "}" and begins
// with a brace.
#include "qmp/connection.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace qte::qmp {
namespace {

using nlohmann::json;

// query-block of a hundred disks with ten backing files each is below 2 MB.
constexpr size_t kMaxMessage = size_t{8} << 20;
// For one answer.
constexpr std::chrono::seconds kPatience{2};

std::string TextOf(int error) {
  return std::strerror(error);
}

Failure FailureOfConnect(int error) {
  switch (error) {
    case EACCES:
    case EPERM:
      return {
          Reason::kDenied,
          TextOf(error) + "; the exporter needs write permission on the socket: its group (libvirt-qemu, kvm) or ACL"};
    case EAGAIN:
      return {Reason::kNoGreeting,
              "others wait in line for it already; give QEMU a -qmp socket for the exporter alone"};
    case ENOENT:
    case ECONNREFUSED:
      return {Reason::kUnreachable, TextOf(error) + "; is QEMU running, with -qmp unix:PATH,server=on,wait=off?"};
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
    failure_ = FailureOfConnect(ENAMETOOLONG);
    return;
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    failure_ = FailureOfConnect(errno);
    return;
  }
  socket_ = std::move(fd);
}

int Connection::peer() const {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  bool known = ::getsockopt(socket_.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0;
  return known ? credentials.pid : 0;
}

void Connection::Fail(Reason reason, std::string message) {
  if (!failure_) failure_ = Failure{reason, std::move(message)};
  socket_.Reset();
}

bool Connection::Greet() {
  while (!failure_) {
    if (std::optional<json> message = TakeMessage()) {
      if (message->contains("QMP")) return true;
      Fail(Reason::kProtocol, "this is no QMP socket: there is no greeting");
      return false;
    }
    if (!Receive()) return false;
  }
  return false;
}

void Connection::GiveUp() {
  Fail(Reason::kNoGreeting,
       "QEMU does not greet: it serves another client, or hangs; give it a -qmp socket for the exporter alone");
}

std::optional<Connection::Answer> Connection::Execute(const std::string& command, json arguments) {
  std::optional<std::vector<Answer>> answers = ExecuteEach(command, {std::move(arguments)});
  if (!answers) return std::nullopt;
  return std::move(answers->front());
}

std::optional<std::vector<Connection::Answer>> Connection::ExecuteEach(const std::string& command,
                                                                       const std::vector<json>& arguments) {
  if (failure_) return std::nullopt;
  // QEMU reads no more than so many ahead of its answers.
  constexpr size_t kAtOnce = 8;
  std::vector<Answer> answers;
  while (answers.size() < arguments.size()) {
    Time deadline = std::min(deadline_, std::chrono::steady_clock::now() + kPatience);
    size_t end = std::min(arguments.size(), answers.size() + kAtOnce);
    uint64_t id = last_id_;
    std::string text;
    for (size_t i = answers.size(); i < end; ++i) {
      json request = {{"execute", command}, {"id", ++last_id_}};
      if (!arguments[i].empty()) request["arguments"] = arguments[i];
      text += request.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
    }
    if (!Send(text, deadline)) return std::nullopt;
    while (id < last_id_) {
      std::optional<Answer> answer = Await(++id, deadline);
      if (!answer) return std::nullopt;
      answers.push_back(std::move(*answer));
    }
  }
  return answers;
}

std::optional<Connection::Answer> Connection::Await(uint64_t id, Time deadline) {
  while (true) {
    std::optional<json> message = TakeMessage();
    if (!message) {
      if (failure_ || (!Receive() && !Wait(POLLIN, deadline))) return std::nullopt;
      continue;
    }
    bool is_answer = message->contains("return") || message->contains("error");
    // An answer without an id is one to what QEMU could not read.
    if (!is_answer || message->value("id", json(id)) != json(id)) continue;
    if (message->contains("return")) return Answer{std::move((*message)["return"]), {}};
    const json& error = (*message)["error"];
    auto text = error.is_object() ? error.find("desc") : error.end();
    bool has_text = error.is_object() && text != error.end() && text->is_string();
    return Answer{std::nullopt, has_text ? text->get<std::string>() : error.dump()};
  }
}

bool Connection::Send(std::string_view text, Time deadline) {
  while (!text.empty() && !failure_) {
    ssize_t sent = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      text.remove_prefix(static_cast<size_t>(sent));
    } else if (errno == EAGAIN) {
      if (!Wait(POLLOUT, deadline)) return false;
    } else if (errno != EINTR) {
      Fail(Reason::kClosed, "QEMU has closed the connection: " + TextOf(errno));
    }
  }
  return !failure_;
}

bool Connection::Wait(short what, Time deadline) {
  while (!failure_) {
    auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd fd{socket_.get(), what, 0};
    int ready = left.count() <= 0 ? 0 : ::poll(&fd, 1, static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready == 0) Fail(Reason::kTimeout, "QEMU does not answer");
    if (ready < 0 && errno != EINTR) Fail(Reason::kTimeout, TextOf(errno));
  }
  return false;
}

bool Connection::Receive() {
  std::array<char, 16384> chunk;
  ssize_t size = ::recv(socket_.get(), chunk.data(), chunk.size(), 0);
  if (size > 0) {
    buffer_.append(chunk.data(), static_cast<size_t>(size));
    return true;
  }
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  Fail(Reason::kClosed, size == 0 ? "QEMU has closed the connection" : TextOf(errno));
  return false;
}

void Connection::DropScanned() {
  buffer_.erase(0, scanned_);
  scanned_ = 0;
  searched_ = 0;
}

std::optional<json> Connection::TakeMessage() {
  while (!failure_) {
    size_t end = buffer_.find('\n', std::max(scanned_, searched_));
    if (end == std::string::npos) {
      searched_ = buffer_.size();
      if (buffer_.size() > kMaxMessage) Fail(Reason::kProtocol, "QEMU says more than the exporter will listen to");
      return std::nullopt;
    }
    std::string_view line = std::string_view(buffer_).substr(scanned_, end - scanned_);
    if (line.ends_with('\r')) line.remove_suffix(1);
    bool is_last = line.ends_with('}') && (line.starts_with('{') || line.starts_with('}'));
    // What begins with anything else is no JSON object: told at once, and not only at the limit.
    bool is_first = scanned_ == 0;
    scanned_ = end + 1;
    if (is_first && line.empty()) {
      DropScanned();
      continue;
    }
    if (!is_last && (!is_first || line.starts_with('{'))) continue;
    json message = json::parse(buffer_.begin(), buffer_.begin() + static_cast<ptrdiff_t>(end), nullptr, false);
    DropScanned();
    if (message.is_object()) return message;
    Fail(Reason::kProtocol, "this is no QMP socket: it speaks no JSON");
  }
  return std::nullopt;
}

}  // namespace qte::qmp
