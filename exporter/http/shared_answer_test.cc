#include "http/shared_answer.h"

#include <atomic>
#include <chrono>
#include <latch>
#include <thread>
#include <vector>

#include "catch.h"

namespace qte::http {

TEST_CASE("Who asks alone gets an answer made for it") {
  SharedAnswer shared;
  for (const char* body : {"one", "two"}) {
    CHECK(shared.Get("", [&] { return Response{200, "text/plain", body}; })->response().body == body);
  }
}

TEST_CASE("Who asks at the same time shares an answer, and none is older than its request") {
  constexpr int kAskers = 16;
  constexpr int kRounds = 5;
  SharedAnswer shared;
  std::atomic<int> now = 0;
  std::atomic<int> made = 0;
  std::atomic<int> stale = 0;
  for (int round = 0; round < kRounds; ++round) {
    std::latch all_ask(kAskers);
    std::vector<std::thread> threads;
    for (int i = 0; i < kAskers; ++i) {
      threads.emplace_back([&] {
        int asked_at = ++now;
        all_ask.count_down();
        auto answer = shared.Get("", [&] {
          int began_at = now;
          ++made;
          // However slowly threads start, the others ask while the first answer is being made.
          all_ask.wait();
          std::this_thread::sleep_for(std::chrono::milliseconds(5));
          return Response{200, "text/plain", std::to_string(began_at)};
        });
        if (std::stoi(answer->response().body) < asked_at) ++stale;
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  CHECK(stale == 0);
  CHECK(made >= 2 * kRounds);  // one for the first, another for those who came while it was made
  CHECK(made <= kAskers * kRounds / 2);
}

}  // namespace qte::http
