// A server on addresses as a user writes them, for tests.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "http/server.h"

namespace qte::http {

inline Result<std::unique_ptr<Server>> StartOn(const std::vector<std::string>& addresses,
                                               std::map<std::string, Route> routes,
                                               const config::WebConfig& access = {}) {
  std::vector<Listener> listeners;
  for (const std::string& text : addresses) {
    Result<ListenAddress> address = ParseListenAddress(text);
    if (!address) return Error{address.error()};
    Result<Listener> listener = Listener::Open(*address);
    if (!listener) return Error{listener.error()};
    listeners.push_back(std::move(*listener));
  }
  return Server::Start(std::move(listeners), std::move(routes), access);
}

inline int PortOf(const Server& server) {
  return server.listeners().front().port();
}

}  // namespace qte::http
