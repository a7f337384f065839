#include "http/server.h"

#include <utility>

#include "http/backend.h"
#include "http/front_door.h"
#include "http/responder.h"

namespace qte::http {
namespace {

Result<std::shared_ptr<Tls>> MakeTls(const config::WebConfig& access) {
  if (!access.tls) return std::shared_ptr<Tls>();
  Result<std::unique_ptr<Tls>> tls = Tls::Make(*access.tls);
  if (!tls) return Error{tls.error()};
  return std::shared_ptr<Tls>(std::move(*tls));
}

BasicAuth::Users UsersOf(const config::WebConfig& access) {
  BasicAuth::Users users;
  for (const config::WebUser& user : access.users) users[user.name] = user.hash;
  return users;
}

}  // namespace

class Server::Impl {
 public:
  explicit Impl(std::map<std::string, Route> routes) : responder_(std::move(routes), auth_) {}
  ~Impl() { Stop(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Status Start(std::vector<Listener> listeners, const config::WebConfig& access) {
    Result<std::shared_ptr<Tls>> tls = MakeTls(access);
    if (!tls) return Error{tls.error()};
    Result<std::unique_ptr<Backend>> backend =
        Backend::Start([this](const ParsedRequest& request) { return responder_.Respond(request); });
    if (!backend) return Error{backend.error()};
    backend_ = std::move(*backend);
    Use(access);
    front_door_ = std::make_unique<FrontDoor>(std::move(listeners), std::move(*tls), *backend_);
    return {};
  }

  void Stop() {
    responder_.Close();
    front_door_.reset();
    backend_.reset();
  }

  Status SetAccess(const config::WebConfig& access) {
    Result<std::shared_ptr<Tls>> tls = MakeTls(access);
    if (!tls) return Error{tls.error()};
    Use(access);
    front_door_->SetTls(std::move(*tls));
    return {};
  }

  const std::vector<Listener>& listeners() const { return front_door_->listeners(); }
  BasicAuth& auth() { return *auth_; }
  const RequestMetrics& metrics() const { return responder_.metrics(); }

 private:
  void Use(const config::WebConfig& access) {
    auth_->SetUsers(UsersOf(access));
    responder_.Set(access);
  }

  const std::shared_ptr<BasicAuth> auth_ = std::make_shared<BasicAuth>();
  Responder responder_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<FrontDoor> front_door_;  // before the backend
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

void Server::Stop() {
  impl_->Stop();
}

Status Server::SetAccess(const config::WebConfig& access) {
  return impl_->SetAccess(access);
}

const std::vector<Listener>& Server::listeners() const {
  return impl_->listeners();
}

BasicAuth& Server::auth() {
  return impl_->auth();
}

const RequestMetrics& Server::metrics() const {
  return impl_->metrics();
}

Result<std::unique_ptr<Server>> Server::Start(std::vector<Listener> listeners, std::map<std::string, Route> routes,
                                              const config::WebConfig& access) {
  auto impl = std::make_unique<Impl>(std::move(routes));
  if (Status status = impl->Start(std::move(listeners), access); !status) return Error{status.error()};
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

}  // namespace qte::http
