#include "exposition/shared_answer.h"

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "catch.h"

namespace qte::exposition {

TEST_CASE("Who asks alone gets an answer made for it") {
  SharedAnswer shared;
  for (const char* body : {"one", "two"}) {
    CHECK(shared.Get([&] { return Response{200, "text/plain", body}; })->response().body == body);
  }
}

TEST_CASE("Who asks at the same time shares an answer, and none is older than its request") {
  SharedAnswer shared;
  std::atomic<int> now = 0;
  std::atomic<int> made = 0;
  std::atomic<int> stale = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 5; ++round) {
        int asked_at = ++now;
        auto answer = shared.Get([&] {
          int began_at = now;
          ++made;
          std::this_thread::sleep_for(std::chrono::milliseconds(5));
          return Response{200, "text/plain", std::to_string(began_at)};
        });
        if (std::stoi(answer->response().body) < asked_at) ++stale;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(stale == 0);
  CHECK(made >= 5);
  CHECK(made <= 40);  // of 80
}

}  // namespace qte::exposition
