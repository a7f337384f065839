#include "http/login_queue.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "catch.h"

namespace qte::http {
namespace {

std::string Address(int number) {
  return "192.0.2." + std::to_string(number);
}

// A client that waits on a thread of its own.
class Waiting {
 public:
  Waiting(LoginQueue& queue, std::string address)
      : thread_([this, &queue, address = std::move(address)] {
          LoginQueue::Turn turn(queue, address);
          has_come_ = turn.has_come();
          done_ = true;
        }) {}
  ~Waiting() { thread_.join(); }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  bool IsDoneSoon() const {
    for (int i = 0; i < 1000 && !done_; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return done_;
  }
  bool done() const { return done_; }
  bool has_come() const { return IsDoneSoon() && has_come_; }

 private:
  std::atomic<bool> has_come_ = false;
  std::atomic<bool> done_ = false;
  std::thread thread_;
};

// Fills the queue behind the one that has its turn.
std::vector<std::unique_ptr<Waiting>> FillBehind(LoginQueue& queue) {
  std::vector<std::unique_ptr<Waiting>> waiting;
  for (int i = 1; i < static_cast<int>(LoginQueue::kMostWaiting); ++i) {
    waiting.push_back(std::make_unique<Waiting>(queue, Address(i)));
    while (queue.size() < waiting.size() + 1) std::this_thread::yield();
  }
  return waiting;
}

}  // namespace

TEST_CASE("An address that has logged in before goes before any number of others, also in a later process") {
  LoginQueue earlier;
  {
    LoginQueue::Turn turn(earlier, "scraper");
    REQUIRE(turn.has_come());
    turn.Succeed();
  }
  CHECK(earlier.trusted() == std::vector<std::string>{"scraper"});
  CHECK(earlier.trust_changes() == 1);
  LoginQueue queue;
  queue.Trust(earlier.trusted());
  auto first = std::make_unique<LoginQueue::Turn>(queue, Address(0));
  std::vector<std::unique_ptr<Waiting>> waiting = FillBehind(queue);  // none of which has tried before
  auto scraper = std::make_unique<Waiting>(queue, "scraper");
  // The last one that came has lost its place.
  CHECK(waiting.back()->IsDoneSoon());
  first.reset();
  CHECK(scraper->has_come());
}

TEST_CASE("A trusted address that guesses counts as any other") {
  LoginQueue queue;
  queue.Trust({"proxy"});
  for (int i = 0; i < 10; ++i) LoginQueue::Turn(queue, "proxy");
  auto first = std::make_unique<LoginQueue::Turn>(queue, Address(0));
  std::vector<std::unique_ptr<Waiting>> waiting = FillBehind(queue);
  CHECK_FALSE(LoginQueue::Turn(queue, "proxy").has_come());
  first.reset();  // those behind it can end
}

TEST_CASE("One client after the other has its turn") {
  LoginQueue queue;
  for (int i = 0; i < 20; ++i) CHECK(LoginQueue::Turn(queue, Address(i)).has_come());
  CHECK(queue.size() == 0);
}

TEST_CASE("An address has a few turns at once and no more") {
  LoginQueue queue;
  auto first = std::make_unique<LoginQueue::Turn>(queue, Address(1));
  std::vector<std::unique_ptr<Waiting>> waiting;
  while (queue.size() < LoginQueue::kMostOfAnAddress) {
    const size_t before = queue.size();
    waiting.push_back(std::make_unique<Waiting>(queue, Address(1)));
    while (queue.size() == before) std::this_thread::yield();
  }
  CHECK_FALSE(LoginQueue::Turn(queue, Address(1)).has_come());
  first.reset();
  for (const auto& client : waiting) CHECK(client->has_come());
}

TEST_CASE("A full queue has room for an address that tries seldom, and none for one that tries often") {
  LoginQueue queue;
  for (int i = 0; i < 5; ++i) {
    for (int address = 0; address < 9; ++address) LoginQueue::Turn(queue, Address(address));
    LoginQueue::Turn(queue, Address(8));
  }
  auto first = std::make_unique<LoginQueue::Turn>(queue, Address(0));
  auto waiting = FillBehind(queue);
  Waiting often(queue, Address(8));
  CHECK(often.IsDoneSoon());
  CHECK_FALSE(often.has_come());
  Waiting seldom(queue, Address(100));
  CHECK(waiting.back()->IsDoneSoon());
  CHECK_FALSE(waiting.back()->has_come());
  CHECK_FALSE(seldom.done());
  first.reset();
  CHECK(seldom.has_come());
}

TEST_CASE("A correct password clears its address") {
  LoginQueue queue;
  for (int address = 0; address < 9; ++address) LoginQueue::Turn(queue, Address(address));
  for (int i = 0; i < 20; ++i) LoginQueue::Turn(queue, Address(8)).Succeed();
  CHECK(queue.address_count() == 8);
}

TEST_CASE("The addresses that are remembered are bounded, and the busiest stay") {
  LoginQueue queue;
  for (int i = 0; i < 3; ++i) LoginQueue::Turn(queue, "busy");
  for (size_t i = 0; i < 2 * LoginQueue::kMostAddresses; ++i) LoginQueue::Turn(queue, std::to_string(i));
  CHECK(queue.address_count() == LoginQueue::kMostAddresses);
  for (int address = 1; address < 9; ++address) LoginQueue::Turn(queue, Address(address));
  auto first = std::make_unique<LoginQueue::Turn>(queue, Address(0));
  auto waiting = FillBehind(queue);
  CHECK_FALSE(LoginQueue::Turn(queue, "busy").has_come());
  first.reset();
}

TEST_CASE("A closed queue lets nobody wait") {
  LoginQueue queue;
  auto first = std::make_unique<LoginQueue::Turn>(queue, Address(0));
  auto waiting = FillBehind(queue);
  queue.Close();
  for (const auto& client : waiting) CHECK_FALSE(client->has_come());
  CHECK_FALSE(LoginQueue::Turn(queue, Address(9)).has_come());
  first->Pause(std::chrono::hours(1));
}

}  // namespace qte::http
