// A request as CivetWeb has parsed it.
#pragma once

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace qte::http {

struct ParsedRequest {
  std::string method;
  std::string path;          // normalised, without the query
  std::string query;         // behind the "?", as it came
  std::string http_version;  // "1.1"
  std::string client;        // its address, "192.0.2.1"
  std::vector<std::pair<std::string, std::string>> headers;

  // The values of all headers of this name, in lower case, in their order.
  std::vector<std::string_view> Headers(std::string_view name) const {
    std::vector<std::string_view> values;
    for (const auto& [each, value] : headers) {
      auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
      if (std::equal(each.begin(), each.end(), name.begin(), name.end(), same)) values.push_back(value);
    }
    return values;
  }
  // Null where there is none.
  const char* Header(std::string_view name) const {
    std::vector<std::string_view> values = Headers(name);
    return values.empty() ? nullptr : values.front().data();
  }
};

}  // namespace qte::http
