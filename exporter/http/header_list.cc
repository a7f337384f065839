#include "http/header_list.h"

#include <algorithm>

namespace qte::http {
namespace {

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

char ToLower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

}  // namespace

std::string_view TakeListItem(std::string_view& list, char separator) {
  size_t end = list.find(separator);
  std::string_view item = list.substr(0, end);
  list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
  return Trim(item);
}

bool EqualsIgnoringCase(std::string_view text, std::string_view word) {
  return std::equal(text.begin(), text.end(), word.begin(), word.end(), [](char a, char b) { return ToLower(a) == b; });
}

bool ListHas(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    if (EqualsIgnoringCase(TakeListItem(list, ','), word)) return true;
  }
  return false;
}

}  // namespace qte::http
