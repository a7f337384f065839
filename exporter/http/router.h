// From a request to its answer: passwords, paths and methods. Knows nothing of connections.
//
// Called on the server's threads, several at once.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "http/basic_auth.h"
#include "http/response.h"
#include "http/shared_answer.h"

namespace qte::http {

struct Route {
  std::string method;  // "GET" (serves HEAD as well; one answer may serve several requests) "POST" or "PUT"
  std::function<Response(const Request&)> handle;
  // For a GET whose answer depends on more than the path: requests with the same text have the same answer.
  std::function<std::string(const Request&)> variant = nullptr;
};

class Router {
 public:
  struct Answered {
    std::shared_ptr<const Answer> answer;
    std::string headers;  // beyond those of every answer, each with its line's end
  };

  Router(std::map<std::string, Route> routes, std::shared_ptr<BasicAuth> auth);

  // `authorization` is the header's value, null where there is none. An exception in a handler becomes a 500.
  Answered Ask(const Request& request, const char* authorization);
  bool Has(const std::string& path) const { return routes_.contains(path); }
  static Answered PlainText(int status, std::string body, std::string headers = "");
  // Ends all waiting for logins, before the server stops.
  void Close() { auth_->Close(); }

 private:
  Answered NotFound() const;

  const std::map<std::string, Route> routes_;
  const std::shared_ptr<BasicAuth> auth_;
  std::map<std::string, SharedAnswer> shared_;  // of the GET routes, one each
};

}  // namespace qte::http
