// What a request asks, and what it is answered.
#pragma once

#include <string>

namespace qte::http {

struct Request {
  std::string method;  // GET, HEAD or POST
  std::string path;    // without query
  std::string query;   // what stands behind the "?"
  std::string client;  // its address, "192.0.2.1"
  std::string accept = {};  // the formats that it takes, as in its header
};

struct Response {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

}  // namespace qte::http
