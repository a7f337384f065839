#include "http/shared_answer.h"

#include <utility>

#include "http/gzip.h"

namespace qte::http {

const std::string& Answer::Compressed() const {
  std::call_once(once_, [this] { compressed_ = Gzip(response_.body); });
  return compressed_;
}

std::shared_ptr<const Answer> SharedAnswer::Get(const std::string& variant, const std::function<Response()>& make) {
  std::unique_lock lock(mutex_);
  Variant& asked = variants_[variant];
  ++asked.callers;
  const uint64_t wanted = asked.begun + 1;
  made_.wait(lock, [&] { return asked.finished >= wanted || !making_; });
  if (asked.finished < wanted) {
    making_ = true;
    uint64_t number = ++asked.begun;
    lock.unlock();
    auto answer = std::make_shared<const Answer>(make());
    lock.lock();
    asked.last = std::move(answer);
    asked.finished = number;
    making_ = false;
    made_.notify_all();
  }
  std::shared_ptr<const Answer> answer = asked.last;
  if (--asked.callers == 0) variants_.erase(variant);
  return answer;
}

}  // namespace qte::http
