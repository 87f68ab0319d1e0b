#include "permacache/memoize/recent_keys.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <thread>

#include "permacache/memoize/memoize.h"

namespace permacache::memoize {
namespace {

using namespace permacache::literals;

std::string Found(const ScalarCall& call) {
  std::string text;
  return FindRecentKey(call, &text) ? text : "nothing";
}

TEST(RecentKeysTest, FindsTheKeyOfTheSameFunctionAndArgumentsAlone) {
  const uint64_t function = NewFunctionNumber();
  ScalarCall call{.function = function};
  call.Set(0, 1);
  EXPECT_EQ(Found(call), "nothing");
  KeepRecentKey(call, "one");
  EXPECT_EQ(Found(call), "one");
  ScalarCall other = call;
  other.Set(1, 1);
  EXPECT_EQ(Found(other), "nothing");
  other = call;
  other.function = NewFunctionNumber();
  EXPECT_EQ(Found(other), "nothing");
  std::thread([&] { EXPECT_EQ(Found(call), "nothing"); }).join();
}

TEST(RecentKeysTest, LongTextsAreNotKept) {
  ScalarCall call{.function = NewFunctionNumber()};
  KeepRecentKey(call, std::string(100'000, 'x'));
  EXPECT_EQ(Found(call), "nothing");
}

// What follows goes through memoized functions: the key of each call, asked for twice and among
// others, is that of its own arguments.

TEST(RecentKeysTest, CallsOfScalarsHaveTheirOwnKeys) {
  const Cache cache({.storage = Storage::kMemory});
  const auto f = cache.Memoize(
      "f", [](int, double, bool, char) { return 0; }, "i"_a, "d"_a, "b"_a, "c"_a);
  for (int round = 0; round < 3; ++round) {
    for (int i = -200; i < 200; ++i) {
      const char c = i % 3 == 0 ? 'x' : 'y';
      const std::string expected = "{\"b\": " + std::string(i % 2 == 0 ? "true" : "false") +
                                   ", \"c\": \"" + c +
                                   "\", \"d\": 0.5, \"i\": " + std::to_string(i) + "}";
      EXPECT_EQ(f.Key(i, 0.5, i % 2 == 0, c), expected);
      EXPECT_EQ(f.Key(i, 0.5, i % 2 == 0, c), expected);
    }
  }
}

TEST(RecentKeysTest, ZerosAndNansAreTakenAsTheyAre) {
  const Cache cache({.storage = Storage::kMemory});
  const auto f = cache.Memoize(
      "f", [](double) { return 0; }, "d"_a);
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(f.Key(0.0), "{\"d\": 0.0}");
    EXPECT_EQ(f.Key(-0.0), "{\"d\": -0.0}");
    EXPECT_EQ(f.Key(std::numeric_limits<double>::quiet_NaN()), "{\"d\": NaN}");
  }
}

TEST(RecentKeysTest, FunctionsOfTheSameTypesHaveTheirOwnKeys) {
  const Cache cache({.storage = Storage::kMemory});
  const auto square = [](int x) { return x * x; };
  const auto f = cache.Memoize("f", square, "x"_a);
  const auto g = cache.Memoize("g", square, "y"_a);
  const auto h = cache.Memoize("h", square, "x"_a.Key([](int x) { return -x; }));
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(f.Key(3), "{\"x\": 3}");
    EXPECT_EQ(g.Key(3), "{\"y\": 3}");
    EXPECT_EQ(h.Key(3), "{\"x\": -3}");
  }
}

}  // namespace
}  // namespace permacache::memoize
