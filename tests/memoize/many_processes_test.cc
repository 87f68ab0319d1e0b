// Eight processes of two threads each write and read one cache: no error, nothing lost, nothing
// wrong. For ten seconds, or as many as --seconds says.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "permacache/memoize/memoize.h"
#include "permacache/testing/processes.h"
#include "permacache/testing/random.h"
#include "permacache/testing/temporary_directory.h"
#include "permacache/testing/torture.h"

namespace permacache::testing {
namespace {

using namespace permacache::literals;

constexpr int kProcesses = 8;
constexpr int kThreads = 2;
constexpr int kKeys = 5000;

struct Result {
  int x = 0;
  std::string text;
  std::vector<double> numbers;
  bool operator==(const Result&) const = default;
};

// Of all sizes, so that some results need many pages.
Result Compute(int x, std::string_view suffix) {
  return {x, std::to_string(x) + std::string(suffix),
          std::vector<double>(x % 100 == 0 ? 3000 : x % 50, x)};
}

// Returns the number of things that went wrong.
int CallAtRandom(const Cache& cache, uint64_t seed, std::chrono::steady_clock::time_point end) {
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      auto f = cache.Memoize("f", Compute, "x"_a, "suffix"_a = "!");
      std::mt19937_64 random(seed + t);
      std::set<int> called;
      while (std::chrono::steady_clock::now() < end) {
        const int x = static_cast<int>(random() % kKeys);
        wrong += f(x) != Compute(x, "!");
        called.insert(x);
        // What one call stored, every later one finds.
        const int earlier = *called.begin();
        wrong += f.Lookup(earlier) != Compute(earlier, "!");
      }
      for (const int x : called) wrong += !f.Contains(x);
      wrong += f.Stats().failures != 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  return wrong;
}

TEST(ManyProcesses, ShareOneCacheWithoutErrorLossOrWrongResult) {
  const TemporaryDirectory directory;
  const uint64_t seed = SeededRandom()();
  const auto end = EndOfTorture(std::chrono::seconds(10));
  const int failed = RunProcesses(kProcesses, [&](int p) {
    const Cache cache({.directory = directory.path()});
    return CallAtRandom(cache, seed + 100 * p, end) == 0 ? 0 : 1;
  });
  EXPECT_EQ(failed, 0);
  const Cache cache({.directory = directory.path()});
  auto f = cache.Memoize("f", Compute, "x"_a, "suffix"_a = "!");
  EXPECT_GT(f.Size(), 0);
  EXPECT_LE(f.Size(), kKeys);
  int stored = 0;
  for (int x = 0; x < kKeys; ++x) {
    if (const auto result = f.Lookup(x)) {
      EXPECT_EQ(*result, Compute(x, "!"));
      ++stored;
    }
  }
  EXPECT_EQ(stored, f.Size());
}

}  // namespace
}  // namespace permacache::testing
