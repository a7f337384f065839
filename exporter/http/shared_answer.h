// One answer for all who ask the same at the same time.
//
// An answer to /metrics with many series takes 0.1 s of a core and megabytes, and a moment of the ingest thread. A
// client that asks while one is being made waits for the next, which all who wait then share; so however many ask, one
// answer is made at a time, and none is older than its request.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
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
  // An answer that began to be made after the call. `make` does not throw, and may be another caller's.
  std::shared_ptr<const Answer> Get(const std::function<Response()>& make);

 private:
  std::mutex mutex_;
  std::condition_variable made_;
  std::shared_ptr<const Answer> last_;  // while a client waits; guarded by mutex_
  bool making_ = false;                 // guarded by mutex_
  uint64_t begun_ = 0;                  // guarded by mutex_
  uint64_t finished_ = 0;               // guarded by mutex_
  int callers_ = 0;                     // guarded by mutex_
};

}  // namespace qte::http
