#include "http/shared_answer.h"

#include <utility>

#include "http/gzip.h"

namespace qte::http {

const std::string& Answer::Compressed() const {
  std::call_once(once_, [this] { compressed_ = Gzip(response_.body); });
  return compressed_;
}

std::shared_ptr<const Answer> SharedAnswer::Get(const std::function<Response()>& make) {
  std::unique_lock lock(mutex_);
  ++callers_;
  const uint64_t wanted = begun_ + 1;
  made_.wait(lock, [&] { return finished_ >= wanted || !making_; });
  if (finished_ < wanted) {
    making_ = true;
    uint64_t number = ++begun_;
    lock.unlock();
    auto answer = std::make_shared<const Answer>(make());
    lock.lock();
    last_ = std::move(answer);
    finished_ = number;
    making_ = false;
    made_.notify_all();
  }
  std::shared_ptr<const Answer> answer = last_;
  if (--callers_ == 0) last_.reset();
  return answer;
}

}  // namespace qte::http
