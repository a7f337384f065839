// What is sent to a client: a head of its own, and a body that others may share.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "http/shared_answer.h"

namespace qte::http {

struct Reply {
  std::string head;  // with the empty line at its end
  std::shared_ptr<const Answer> answer;
  std::string_view body;  // the answer's, plain or compressed; empty for HEAD
  bool keeps_alive = false;
};

}  // namespace qte::http
