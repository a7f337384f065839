// The hot path allocates nothing on lines of known events, once it has seen each label set. Sanitizers bring their own
// operator new, so this is for builds without.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#include <cstdlib>
#include <new>

#include "guests/guests_for_test.h"

namespace {

bool counting = false;
size_t allocations = 0;

void* Allocate(std::size_t size) {
  if (counting) ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) {
  return Allocate(size);
}
void* operator new[](std::size_t size) {
  return Allocate(size);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}

using namespace qte;
using namespace qte::guests;

TEST_CASE("Lines of known events allocate nothing once warm") {
  std::string config = DefaultConfig() + R"(
lookups: {image: {event: bdrv_open_common, key: bs, value: filename}}
spans: {element: {start: virtqueue_pop, end: virtqueue_fill, key: [vq, elem]}}
)";
  config.insert(config.find("\nmetrics:\n") + 10, R"(
  - {name: elements, type: gauge, event: element, value: in_flight, where: {in_num: {min: 1}},
     labels: {queue: "of the queue at {vq}", in: in_num}}
)");
  GuestsForTest guests(config);
  std::string text;
  for (const char* name : {"ide-raw-7.2.log", "keys-7.2.log", "ahci-2disk-parallel-7.2.log", "nvme-7.2.log",
                           "virtio-scsi-7.2.log", "virtio-blk-7.2.log"}) {
    text += ReadFile(std::string("tests/data/traces/") + name);
  }
  // Only what the bundled catalog declares: text and undeclared events may be counted the slow way.
  trace::Catalog catalog = BundledCatalog();
  std::string known;
  std::istringstream lines(text);
  size_t count = 0;
  for (std::string line; std::getline(lines, line);) {
    std::string_view event = std::string_view(line).substr(trace::FindPrefix(line).size);
    if (catalog.Find(event.substr(0, event.find(' '))) == nullptr) continue;
    known += line + '\n';
    ++count;
  }
  REQUIRE(count > 1000);
  size_t size = known.size();
  known.append(source::kReadPadding, '\0');
  std::string_view batch = std::string_view(known).substr(0, size);
  for (int warm_up = 0; warm_up < 3; ++warm_up) guests->OnBytes(0, batch);
  allocations = 0;
  counting = true;
  for (int i = 0; i < 10; ++i) guests->OnBytes(0, batch);
  counting = false;
  CHECK(allocations == 0);
}
#endif
