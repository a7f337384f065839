// write_times FOLLOWED UNFOLLOWED COUNT: how long a write(2) of one line takes to each of two files, by turns.
//
// Prints the two medians in nanoseconds. Everything else that happens on the machine meets both files alike, and a median
// does not care for the writes that were interrupted.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace {

constexpr std::string_view kLine = "pci_cfg_read i440FX 00:00.0 @0x0 -> 0x12378086\n";

int OpenOrExit(const char* path) {
  int file = ::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0) {
    std::perror(path);
    std::exit(1);
  }
  return file;
}

double WriteOnce(int file) {
  auto begin = std::chrono::steady_clock::now();
  if (::write(file, kLine.data(), kLine.size()) != static_cast<ssize_t>(kLine.size())) {
    std::perror("write");
    std::exit(1);
  }
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count();
}

double MedianOf(std::vector<double>& times) {
  auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: write_times FOLLOWED UNFOLLOWED COUNT\n", stderr);
    return 2;
  }
  int followed = OpenOrExit(argv[1]);
  int unfollowed = OpenOrExit(argv[2]);
  auto count = static_cast<size_t>(std::atol(argv[3]));
  std::vector<double> followed_times;
  std::vector<double> unfollowed_times;
  for (size_t i = 0; i < count; ++i) {
    followed_times.push_back(WriteOnce(followed));
    unfollowed_times.push_back(WriteOnce(unfollowed));
  }
  std::printf("%.0f %.0f\n", MedianOf(followed_times), MedianOf(unfollowed_times));
}
