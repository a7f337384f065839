// A QMP server on a UNIX socket that behaves as QEMU does, or as badly as a test asks for. One client at a time; a
// thread of its own, which ends with the object.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "catch.h"

namespace qte::qmp {

class TestDirectory {
 public:
  TestDirectory() {
    char name[] = "/tmp/qte-qmp-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    path_ = name;
  }
  ~TestDirectory() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

class FakeQemu {
 public:
  using json = nlohmann::json;

  struct Manners {
    std::string greeting =
        R"({"QMP": {"version": {"qemu": {"micro": 0, "minor": 1, "major": 9}}, "capabilities": []}})";
    bool is_silent = false;   // accepts no client
    bool dribbles = false;    // a byte at a time
    bool is_pretty = false;   // answers over several lines
    bool chatters = false;    // events before each answer
    int answers = INT32_MAX;  // closes after so many
    int replies = INT32_MAX;  // says nothing more after so many, but does what it is told
    bool is_wrong = false;    // answers with ids that were not asked for
    int states = 1;           // in the answer to trace-event-get-state
    int events = 0;           // before each answer
    std::string event = R"({"event": "RTC_CHANGE", "data": {"offset": 0}})";
    std::string instead;         // of each answer
    json block = json::array();  // the answer to query-block
    std::string state = "running";
  };

  FakeQemu(std::string path, std::map<std::string, std::string> events) : FakeQemu(path, events, Manners()) {}
  FakeQemu(std::string path, std::map<std::string, std::string> events, Manners manners)
      : path_(std::move(path)),
        manners_(std::move(manners)),
        stop_(::eventfd(0, EFD_CLOEXEC)),
        events_(std::move(events)) {
    ::unlink(path_.c_str());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.data(), path_.size());
    listener_ = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener_.get(), 1) == 0);
    thread_ = std::thread([this] { Run(); });
  }
  ~FakeQemu() {
    uint64_t one = 1;
    [[maybe_unused]] ssize_t size = ::write(stop_.get(), &one, sizeof one);
    thread_.join();
  }

  // "enabled", "disabled", "unavailable"; empty for an event that it does not know.
  std::string StateOf(const std::string& event) const {
    std::lock_guard lock(mutex_);
    auto found = events_.find(event);
    return found == events_.end() ? std::string() : found->second;
  }
  std::set<std::string> Enabled() const {
    std::lock_guard lock(mutex_);
    std::set<std::string> enabled;
    for (const auto& [event, state] : events_) {
      if (state == "enabled") enabled.insert(event);
    }
    return enabled;
  }
  // From now on refuses to switch it.
  void Lock(const std::string& event) {
    std::lock_guard lock(mutex_);
    locked_.insert(event);
  }
  void Set(const std::string& event, const std::string& state) {
    std::lock_guard lock(mutex_);
    events_[event] = state;
  }
  // Command lines of the human monitor, and how many clients there were.
  std::vector<std::string> command_lines() const {
    std::lock_guard lock(mutex_);
    return command_lines_;
  }
  int clients() const { return clients_; }
  int listener() const { return listener_.get(); }
  // A command had an argument that not all versions take.
  bool saw_vcpu() const { return saw_vcpu_; }

 private:
  bool Wait(int fd) const {
    pollfd fds[] = {{stop_.get(), POLLIN, 0}, {fd, POLLIN, 0}};
    ::poll(fds, 2, -1);
    return (fds[0].revents & POLLIN) == 0;
  }

  void Run() {
    while (Wait(manners_.is_silent ? stop_.get() : listener_.get())) {
      UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!client) continue;
      ++clients_;
      Serve(client.get());
    }
  }

  void Say(int fd, const std::string& text) const {
    size_t step = manners_.dribbles ? 1 : text.size();
    for (size_t at = 0; at < text.size(); at += step) {
      if (::send(fd, text.data() + at, std::min(step, text.size() - at), MSG_NOSIGNAL) <= 0) return;
    }
  }

  void Serve(int fd) {
    Say(fd, manners_.greeting + "\r\n");
    std::string buffer;
    int replies = 0;
    while (Wait(fd)) {
      char chunk[4096];
      ssize_t size = ::recv(fd, chunk, sizeof chunk, 0);
      if (size <= 0) return;
      buffer.append(chunk, static_cast<size_t>(size));
      for (size_t end = buffer.find('\n'); end != std::string::npos; end = buffer.find('\n')) {
        json request = json::parse(buffer.substr(0, end));
        buffer.erase(0, end + 1);
        if (replies >= manners_.answers) return;
        json answer = Answer(request);
        if (replies++ >= manners_.replies) continue;
        std::string events;
        for (int i = 0; i < manners_.events; ++i) events += manners_.event;
        if (!events.empty()) Say(fd, events);
        if (manners_.chatters) {
          Say(fd, R"({"timestamp": {"seconds": 1}, "event": "RTC_CHANGE", "data": {"offset": 0}})"
                  "\r\n");
          Say(fd, R"({"return": "of another command", "id": 123456})"
                  "\r\n");
        }
        answer["id"] = manners_.is_wrong ? json(-5) : request["id"];
        Say(fd, (manners_.instead.empty() ? answer.dump(manners_.is_pretty ? 4 : -1) : manners_.instead) + "\r\n");
      }
    }
  }

  json Answer(const json& request) {
    std::lock_guard lock(mutex_);
    std::string command = request.at("execute");
    json arguments = request.value("arguments", json::object());
    if (arguments.contains("vcpu")) saw_vcpu_ = true;
    auto error = [](const std::string& text) { return json{{"error", {{"class", "GenericError"}, {"desc", text}}}}; };
    if (command == "qmp_capabilities") return {{"return", json::object()}};
    if (command == "query-block") return {{"return", manners_.block}};
    if (command == "query-status") return {{"return", {{"status", manners_.state}, {"running", true}}}};
    if (command == "human-monitor-command") {
      command_lines_.push_back(arguments.at("command-line"));
      return {{"return", ""}};
    }
    auto event = events_.find(arguments.value("name", ""));
    if (event == events_.end()) return error("unknown event \"" + arguments.value("name", "") + "\"");
    if (command == "trace-event-get-state") {
      json state = {{"name", event->first}, {"vcpu", false}, {"state", event->second}};
      return {{"return", std::vector<json>(static_cast<size_t>(manners_.states), state)}};
    }
    if (locked_.contains(event->first)) return error("event is locked");
    event->second = arguments.at("enable") ? "enabled" : "disabled";
    return {{"return", json::object()}};
  }

  const std::string path_;
  const Manners manners_;
  UniqueFd stop_;
  UniqueFd listener_;
  mutable std::mutex mutex_;
  std::map<std::string, std::string> events_;  // guarded by mutex_
  std::set<std::string> locked_;               // guarded by mutex_
  std::vector<std::string> command_lines_;     // guarded by mutex_
  std::atomic<int> clients_ = 0;
  std::atomic<bool> saw_vcpu_ = false;
  std::thread thread_;
};

// A process of its own that listens on a fake's socket, so that clients connect to it as far as the kernel tells: the
// fake can then be "started again" without another file.
class ListeningChild {
 public:
  explicit ListeningChild(const FakeQemu& qemu) {
    int ready[2];
    REQUIRE(::pipe2(ready, O_CLOEXEC) == 0);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      ::listen(qemu.listener(), 1);
      // A connection that it inherits would never end.
      for (int fd = 3; fd < 1024; ++fd) {
        if (fd != ready[1]) ::close(fd);
      }
      [[maybe_unused]] ssize_t size = ::write(ready[1], "x", 1);
      while (true) ::pause();
    }
    ::close(ready[1]);
    char c;
    REQUIRE(::read(ready[0], &c, 1) == 1);
    ::close(ready[0]);
  }
  ~ListeningChild() { End(); }
  void End() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = 0;
};

}  // namespace qte::qmp
