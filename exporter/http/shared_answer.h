// One answer for all who ask the same at the same time.
//
// An answer to /metrics with many series takes 20 ms of a core and megabytes, and a moment of the ingest thread. A client
// that asks while one is being made waits for the next, which all who wait then share; so however many ask, one answer is
// made at a time, and none is older than its request. Where an answer comes in several variants (formats, filters), those
// who ask for the same one share it, and still one is made at a time.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "http/response.h"

namespace qte::http {

// A response with its body compressed once at most.
class Answer {
 public:
  explicit Answer(Response response) : response_(std::move(response)) {}
  const Response& response() const { return response_; }
  // Empty where zlib has failed.
  const std::string& Compressed() const;

 private:
  const Response response_;
  mutable std::once_flag once_;
  mutable std::string compressed_;
};

class SharedAnswer {
 public:
  // An answer that began to be made after the call. `make` does not throw, and may be another caller's of this variant.
  std::shared_ptr<const Answer> Get(const std::string& variant, const std::function<Response()>& make);

 private:
  struct Variant {
    std::shared_ptr<const Answer> last;
    uint64_t begun = 0;
    uint64_t finished = 0;
    int callers = 0;
  };

  std::mutex mutex_;
  std::condition_variable made_;
  bool making_ = false;                      // guarded by mutex_
  std::map<std::string, Variant> variants_;  // those that callers wait for; guarded by mutex_
};

}  // namespace qte::http
