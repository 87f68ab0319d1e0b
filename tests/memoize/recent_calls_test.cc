#include "permacache/memoize/recent_calls.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <thread>
#include <typeinfo>
#include <utility>

#include "permacache/memoize/memoize.h"
#include "permacache/storage/coarse_clock.h"
#include "permacache/testing/processes.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::memoize {
namespace {

using namespace permacache::literals;

std::string Found(const ScalarCall& call) {
  return std::string(FindRecentKey(call).value_or("nothing"));
}

TEST(RecentCallsTest, FindsTheKeyOfTheSameFunctionAndArgumentsAlone) {
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

TEST(RecentCallsTest, LongTextsAreNotKept) {
  ScalarCall call{.function = NewFunctionNumber()};
  KeepRecentKey(call, std::string(100'000, 'x'));
  EXPECT_EQ(Found(call), "nothing");
}

// What follows goes through memoized functions: the key of each call, asked for twice and among
// others, is that of its own arguments.

TEST(RecentCallsTest, CallsOfScalarsHaveTheirOwnKeys) {
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

TEST(RecentCallsTest, ZerosAndNansAreTakenAsTheyAre) {
  const Cache cache({.storage = Storage::kMemory});
  const auto f = cache.Memoize(
      "f", [](double) { return 0; }, "d"_a);
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(f.Key(0.0), "{\"d\": 0.0}");
    EXPECT_EQ(f.Key(-0.0), "{\"d\": -0.0}");
    EXPECT_EQ(f.Key(std::numeric_limits<double>::quiet_NaN()), "{\"d\": NaN}");
  }
}

TEST(RecentCallsTest, FunctionsOfTheSameTypesHaveTheirOwnKeys) {
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

// A function that is not pure shows which result it is.
class RecentResultTest : public ::testing::Test {
 protected:
  auto Memoized(FunctionOptions options = {.name = "f"}) {
    return cache_.Memoize(
        std::move(options), [this](int) { return value_; }, "x"_a);
  }

  // So often that the thread remembers it.
  template <class Function>
  void ExpectHits(const Function& f, int value) {
    SyncAll();
    for (int i = 0; i < 5; ++i) EXPECT_EQ(f(1), value);
  }

  const testing::TemporaryDirectory directory_;
  const Cache cache_{{.directory = directory_.path()}};
  int value_ = 1;
};

TEST_F(RecentResultTest, IsReplacedByThatOfARecomputationAtOnce) {
  const auto f = Memoized();
  EXPECT_EQ(f(1), 1);
  ExpectHits(f, 1);
  value_ = 2;
  EXPECT_EQ(f.Recompute(1), 2);
  EXPECT_EQ(f(1), 2);
  ExpectHits(f, 2);
}

TEST_F(RecentResultTest, IsNoneAfterForgetAndClear) {
  const auto f = Memoized();
  EXPECT_EQ(f(1), 1);
  ExpectHits(f, 1);
  value_ = 2;
  EXPECT_TRUE(f.Forget(1));
  EXPECT_EQ(f(1), 2);
  ExpectHits(f, 2);
  value_ = 3;
  f.Clear();
  EXPECT_EQ(f(1), 3);
}

// A commit can be seen in the file before readers are let at it, for as long as the disk takes.
TEST_F(RecentResultTest, IsNotTheOneThatIsForgottenWhileItIsLookedUp) {
  constexpr int kRounds = 100;
  std::atomic<int> computed = 0;
  const auto f = cache_.Memoize(
      "g", [&](int) { return ++computed; }, "x"_a);
  for (int round = 0; round < kRounds; ++round) {
    f(1);
    SyncAll();
    const int before = computed;
    std::atomic<int> calls = 0;
    std::atomic<bool> is_forgotten = false;
    std::thread caller([&] {
      for (; !is_forgotten; ++calls) f(1);
      f(1);
    });
    while (calls < 10) std::this_thread::yield();
    f.Forget(1);
    is_forgotten = true;
    caller.join();
    ASSERT_EQ(computed, before + 1) << round;
  }
}

TEST_F(RecentResultTest, IsThatOfAnotherProcessOnceThatHasStoredIt) {
  const auto f = Memoized();
  EXPECT_EQ(f(1), 1);
  ExpectHits(f, 1);
  const pid_t other = testing::StartProcess([&] {
    value_ = 2;
    const bool is_new = f(1) == 1 && f.Recompute(1) == 2;
    SyncAll();
    return is_new && f(1) == 2 ? 0 : 1;
  });
  EXPECT_EQ(testing::WaitForProcess(other), 0);
  EXPECT_EQ(f(1), 2);
}

TEST_F(RecentResultTest, IsNoneWhenTheCacheIsDeleted) {
  const auto f = Memoized();
  EXPECT_EQ(f(1), 1);
  ExpectHits(f, 1);
  std::filesystem::remove_all(directory_.path() / "f");
  storage::AwaitTicks(2);  // some milliseconds later that is noticed
  value_ = 2;
  EXPECT_EQ(f(1), 2);
}

TEST_F(RecentResultTest, IsOfOneVersion) {
  const auto f = Memoized();
  EXPECT_EQ(f(1), 1);
  ExpectHits(f, 1);
  value_ = 2;
  const auto g = Memoized({.name = "f", .version = 1});
  EXPECT_EQ(g(1), 2);
  ExpectHits(g, 2);
  ExpectHits(f, 1);
}

TEST_F(RecentResultTest, CountsAsAHitInMemory) {
  const auto f = Memoized();
  EXPECT_EQ(f(1), 1);
  SyncAll();
  for (int i = 0; i < 10; ++i) f(1);
  const FunctionStats stats = f.Stats();
  EXPECT_EQ(stats.hits, 10);
  EXPECT_EQ(stats.memory_hits, 9);
  EXPECT_EQ(stats.misses, 1);
  EXPECT_EQ(stats.bytes_read, 10 * stats.bytes_written);
  EXPECT_GT(stats.saved.count(), 0);
}

TEST_F(RecentResultTest, IsNotUsedWhereTheCacheIsNot) {
  const auto f = Memoized();
  EXPECT_EQ(f(1), 1);
  ExpectHits(f, 1);
  value_ = 2;
  const ScopedNoCache no_cache;
  EXPECT_EQ(f(1), 2);
}

TEST_F(RecentResultTest, IsToldOfToAListener) {
  int hits = 0;
  const auto f = Memoized({.name = "f", .listener = [&](const CallEvent& event) {
                             hits += event.kind == CallEvent::Kind::kHit ? 1 : 0;
                           }});
  EXPECT_EQ(f(1), 1);
  ExpectHits(f, 1);
  EXPECT_EQ(hits, 5);
}

TEST_F(RecentResultTest, IsAudited) {
  const auto f = Memoized({.name = "f", .audit = 1});
  EXPECT_EQ(f(1), 1);
  ExpectHits(f, 1);
  EXPECT_EQ(f.Stats().failures, 0);
  value_ = 2;
  EXPECT_EQ(f(1), 1);
  EXPECT_GT(f.Stats().failures, 0);
}

TEST_F(RecentResultTest, MayBeAnyNumber) {
  const auto check = [&](auto value) {
    const auto f = cache_.Memoize(
        "of/" + std::string(typeid(value).name()), [value](double) { return value; }, "x"_a);
    for (const double x : {0.0, -0.0, 1.5}) {
      f(x);
      SyncAll();
      for (int i = 0; i < 5; ++i) EXPECT_EQ(f(x), value);
    }
    EXPECT_EQ(f.Size(), 3);
  };
  check(true);
  check('c');
  check(int8_t{-3});
  check(std::numeric_limits<int64_t>::min());
  check(std::numeric_limits<uint64_t>::max());
  check(1.5F);
  check(-0.25);
}

}  // namespace
}  // namespace permacache::memoize
