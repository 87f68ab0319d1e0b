// Functions that take many values at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <fstream>
#include <functional>
#include <list>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "permacache/memoize/batch_call.h"
#include "permacache/memoize/memoize.h"
#include "permacache/testing/processes.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::testing {
namespace {

using namespace permacache::literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::Pair;

using Given = std::vector<std::vector<int>>;
using Pairs = std::vector<std::pair<int, std::string>>;

// How many bytes can be read from a pipe.
int Available(int pipe) {
  int bytes = 0;
  EXPECT_EQ(ioctl(pipe, FIONREAD, &bytes), 0);
  return bytes;
}

class BatchTest : public ::testing::Test {
 protected:
  // Pairs each number with a text, and notes what it was given.
  auto Pair(FunctionOptions options = {}) {
    options.name = "pair";
    return cache_.Memoize(
        options,
        [this](const std::vector<int>& xs, const std::string& y) {
          given_.push_back(xs);
          Pairs pairs;
          for (const int x : xs) pairs.emplace_back(x, y);
          return pairs;
        },
        "xs"_a.Key([](int x) { return std::abs(x); }).Batch(), "y"_a);
  }

  auto Twice(FunctionOptions options = {}) {
    options.name = "twice";
    return cache_.Memoize(
        options,
        [this](const std::vector<int>& xs) {
          given_.push_back(xs);
          std::vector<int> results;
          for (const int x : xs) {
            if (x < 0) throw std::runtime_error("negative");
            results.push_back(2 * x);
          }
          return results;
        },
        "xs"_a.Batch());
  }

  TemporaryDirectory directory_;
  Cache cache_{{.directory = directory_.path()}};
  Given given_;
};

TEST_F(BatchTest, TheFunctionGetsWhatIsMissingOnce) {
  auto f = Pair();
  EXPECT_THAT(f({1, 2, 3}, "abc"), ElementsAre(::testing::Pair(1, "abc"), ::testing::Pair(2, "abc"),
                                               ::testing::Pair(3, "abc")));
  EXPECT_THAT(
      f({1, 5, 3, 1, 5}, "abc"),
      ElementsAre(::testing::Pair(1, "abc"), ::testing::Pair(5, "abc"), ::testing::Pair(3, "abc"),
                  ::testing::Pair(1, "abc"), ::testing::Pair(5, "abc")));
  EXPECT_THAT(f({3, 5, 1}, "abc"), ElementsAre(::testing::Pair(3, "abc"), ::testing::Pair(5, "abc"),
                                               ::testing::Pair(1, "abc")));
  EXPECT_THAT(given_, ElementsAre(ElementsAre(1, 2, 3), ElementsAre(5)));
  EXPECT_EQ(f.Stats().misses, 4);
  EXPECT_EQ(f.Size(), 4);
}

TEST_F(BatchTest, ElementsAreKeptAsTheKeyFunctionSays) {
  auto f = Pair();
  f({1, 2}, "a");
  EXPECT_THAT(f({-1}, "a"), ElementsAre(::testing::Pair(1, "a")));
  EXPECT_THAT(f({-7, 7}, "a"), ElementsAre(::testing::Pair(-7, "a"), ::testing::Pair(-7, "a")));
  EXPECT_THAT(given_, ElementsAre(ElementsAre(1, 2), ElementsAre(-7)));
  EXPECT_THAT(f.Key({-7, 2}, "a"), ElementsAre(R"({"xs": 7, "y": "a"})", R"({"xs": 2, "y": "a"})"));
}

TEST_F(BatchTest, AnElementHasTheKeyOfACallWithOne) {
  auto batch = Twice();
  batch({4});
  auto one = cache_.Memoize(
      "twice", [](int x) { return 2 * x; }, "xs"_a);
  EXPECT_EQ(batch.Key({4}).front(), one.Key(4));
  EXPECT_EQ(one.Lookup(4), 8);
}

TEST_F(BatchTest, NoneIsNoCall) {
  auto f = Twice();
  EXPECT_THAT(f({}), IsEmpty());
  f({1});
  EXPECT_THAT(f({1, 1, 1}), ElementsAre(2, 2, 2));
  EXPECT_THAT(given_, ElementsAre(ElementsAre(1)));
}

TEST_F(BatchTest, SeveralAdvanceTogether) {
  auto f = cache_.Memoize(
      "zip",
      [this](const std::vector<int>& xs, const std::string& ys) {
        given_.push_back(xs);
        std::vector<std::string> all;
        for (size_t i = 0; i < xs.size(); ++i) all.push_back(std::to_string(xs[i]) + ys[i]);
        return all;
      },
      "xs"_a.Batch(), "ys"_a.Batch());
  EXPECT_THAT(f({1, 2, 3}, "abc"), ElementsAre("1a", "2b", "3c"));
  EXPECT_THAT(f({1, 5, 3, 1, 5}, "abcde"), ElementsAre("1a", "5b", "3c", "1d", "5e"));
  EXPECT_THAT(given_, ElementsAre(ElementsAre(1, 2, 3), ElementsAre(5, 1, 5)));
  try {
    f({1, 2, 3}, "ab");
    ADD_FAILURE() << "took batches of different lengths";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr(R"("xs" and "ys")"));
    EXPECT_THAT(error.what(), HasSubstr("3 and 2"));
  }
}

TEST_F(BatchTest, MayBeViewsAndOtherLists) {
  auto sums = cache_.Memoize(
      "sums",
      [](std::span<const double> xs, std::list<std::string> names) {
        std::list<std::string> all;
        auto name = names.begin();
        for (const double x : xs) all.push_back(*name++ + std::to_string(static_cast<int>(x)));
        return all;
      },
      "xs"_a.Batch(), "names"_a.Batch());
  const std::vector<double> xs = {1, 2, 1};
  EXPECT_THAT(sums(xs, {"a", "b", "c"}), ElementsAre("a1", "b2", "c1"));
  EXPECT_THAT(sums(xs, {"a", "x", "c"}), ElementsAre("a1", "x2", "c1"));
  auto bits = cache_.Memoize(
      "bits", [](std::vector<bool> bits) { return bits; }, "bits"_a.Batch());
  EXPECT_THAT(bits({true, false, true}), ElementsAre(true, false, true));
}

TEST_F(BatchTest, MissingOnesAreComputedInChunks) {
  std::vector<std::pair<int64_t, int64_t>> progress;
  auto f = Twice({.chunk_size = 2, .batch_progress = [&](int64_t done, int64_t total) {
                    progress.emplace_back(done, total);
                  }});
  f({3});
  EXPECT_THAT(f({1, 2, 3, 4, 5, 5}), ElementsAre(2, 4, 6, 8, 10, 10));
  EXPECT_THAT(given_, ElementsAre(ElementsAre(3), ElementsAre(1, 2), ElementsAre(4, 5)));
  EXPECT_THAT(progress, ElementsAre(::testing::Pair(1, 1), ::testing::Pair(1, 5),
                                    ::testing::Pair(3, 5), ::testing::Pair(5, 5)));
}

TEST_F(BatchTest, AnExceptionKeepsTheChunksBefore) {
  auto f = Twice({.chunk_size = 2});
  EXPECT_THROW(f({1, 2, 3, -1, 5}), std::runtime_error);
  EXPECT_TRUE(f.Contains({1, 2}));
  EXPECT_FALSE(f.Contains({3}));
  EXPECT_EQ(f.Size(), 2);
}

TEST_F(BatchTest, AWrongNumberOfResultsIsAnError) {
  auto f = cache_.Memoize(
      "f", [](const std::vector<int>&) { return std::vector<int>{1}; }, "xs"_a.Batch());
  EXPECT_THAT(
      [&] {
        f({1, 2});
      },
      ::testing::ThrowsMessage<Error>(HasSubstr("a batch of 2 elements, but returned 1")));
  EXPECT_EQ(f.Size(), 0);
}

TEST_F(BatchTest, QuestionsAreAboutAllElements) {
  auto f = Twice();
  f({1, 2});
  EXPECT_TRUE(f.Contains({2, 1, 1}));
  EXPECT_FALSE(f.Contains({2, 3}));
  EXPECT_THAT(f.Lookup({2, 1}), Optional(ElementsAre(4, 2)));
  EXPECT_EQ(f.Lookup({2, 3}), std::nullopt);
  EXPECT_TRUE(f.Forget({2, 3}));
  EXPECT_FALSE(f.Forget({2, 3}));
  EXPECT_EQ(f.Size(), 1);
  EXPECT_THAT(f.Recompute({1, 1, 9}), ElementsAre(2, 2, 18));
  EXPECT_THAT(given_, ElementsAre(ElementsAre(1, 2), ElementsAre(1, 9)));
  EXPECT_EQ(f.Explain({1, 7, 9}).key, R"({"xs": 7})");
}

TEST_F(BatchTest, APlanSaysWhatIsMissingAndHowLongThatTakes) {
  auto f = Twice();
  EXPECT_EQ(f.Plan({1, 2}).remaining, std::nullopt);
  f({1, 2});
  const BatchPlan plan = f.Plan({1, 1, 2, 3, 4, 3});
  EXPECT_EQ(plan.elements, 6);
  EXPECT_EQ(plan.cached, 3);
  EXPECT_EQ(plan.missing, 2);
  ASSERT_TRUE(plan.remaining.has_value());
  EXPECT_GE(plan.remaining->count(), 0);
  EXPECT_EQ(f.Plan({1}).missing, 0);
  EXPECT_THAT(given_, ElementsAre(ElementsAre(1, 2)));
}

TEST_F(BatchTest, AnAuditComputesHitsAgainAndKeepsWhatIsStored) {
  std::vector<std::string> told;
  int version = 1;
  auto f = cache_.Memoize(
      {.name = "f",
       .audit = 1,
       .on_failure = [&](const Failure& failure) { told.emplace_back(failure.message); }},
      [&](const std::vector<int>& xs) {
        std::vector<int> results;
        for (const int x : xs) results.push_back(x == 2 ? version : x);
        return results;
      },
      "xs"_a.Batch());
  EXPECT_THAT(f({1, 2, 3}), ElementsAre(1, 1, 3));
  EXPECT_THAT(f({3, 2, 1}), ElementsAre(3, 1, 1));
  EXPECT_THAT(told, IsEmpty());
  version = 5;
  EXPECT_THAT(f({3, 2, 1}), ElementsAre(3, 1, 1));
  EXPECT_THAT(told, ElementsAre(HasSubstr(R"({"xs": 2})")));
}

TEST_F(BatchTest, ContentsOfFilesMayBeElements) {
  const std::string a = directory_.path() / "a", b = directory_.path() / "b";
  std::ofstream(a) << "one";
  std::ofstream(b) << "one";
  auto f = cache_.Memoize(
      "files",
      [this](const std::vector<std::string>& paths) {
        given_.emplace_back(paths.size());
        return std::vector<size_t>(paths.size(), 3);
      },
      "paths"_a.FileContents().Batch());
  EXPECT_THAT(f({a, b}), ElementsAre(3, 3));  // the same content is the same call
  ASSERT_EQ(given_.size(), 1u);
  EXPECT_EQ(given_[0].size(), 1u);
  {
    ScopedErrorOnMiss guard;
    EXPECT_THROW(f({a, "/no/such/file"}), CacheMissError);
  }
}

TEST_F(BatchTest, WhatBatchesCallIsComputedOnceAmongThreads) {
  std::atomic<int> loaded = 0;
  auto load = cache_.Memoize("load", [&](int x) {
    ++loaded;
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    return x;
  });
  auto f = cache_.Memoize(
      "f",
      [&](const std::vector<int>& xs) {
        load(7);
        return xs;
      },
      "xs"_a.Batch());
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) threads.emplace_back([&, i] { f({10 * i, 10 * i + 1}); });
  }
  EXPECT_EQ(loaded, 1);
}

TEST_F(BatchTest, TheSizeOfChunksIsKeptInEveryWay) {
  auto f = Twice({.audit = 1, .chunk_size = 2});
  f({1, 2, 3});
  f({1, 2, 3});
  f.Recompute({1, 2, 3});
  ScopedNoCache guard;
  EXPECT_THAT(f({1, 2, 3}), ElementsAre(2, 4, 6));
  for (const std::vector<int>& given : given_) EXPECT_LE(given.size(), 2u);
  EXPECT_EQ(given_.size(), 8u);
}

// Can be made, but not be stored.
struct Moody {
  int value = 0;

  template <class Archive>
  void serialize(Archive& archive) {
    if (value == 3) throw std::runtime_error("not this one");
    archive(value);
  }
};

TEST_F(BatchTest, OneThatCannotBeStoredDoesNotCostTheOthers) {
  auto f = cache_.Memoize(
      {.name = "f", .on_failure = [](const Failure&) {}},
      [](const std::vector<int>& xs) {
        std::vector<Moody> all;
        for (const int x : xs) all.push_back({x});
        return all;
      },
      "xs"_a.Batch());
  EXPECT_EQ(f({1, 2, 3, 4})[2].value, 3);
  EXPECT_EQ(f.Size(), 3);
}

TEST_F(BatchTest, LargeOnesShareTheWorkInAnyOrder) {
  std::vector<int> all(5'000);
  for (int i = 0; i < 5'000; ++i) all[i] = i;
  const std::vector<int> reversed(all.rbegin(), all.rend());
  auto f = Twice();
  {
    const std::jthread other([&] { f(reversed); });
    f(all);
  }
  EXPECT_EQ(f.Stats().misses, 5'000);
}

// Neither has what it waits for in a circle of keys, but each holds what the other needs.
TEST_F(BatchTest, RecursiveBatchesOfTwoProcessesDoNotWaitForEachOther) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const auto run = [&](std::vector<int> xs) {
    bool is_outermost = true;
    std::function<int(int)> one;
    auto f = cache_.Memoize(
        "nested",
        [&](const std::vector<int>& xs) {
          if (std::exchange(is_outermost, false)) {
            // Until both processes hold what they were asked for.
            char byte = 0;
            EXPECT_EQ(write(ends[1], &byte, 1), 1);
            while (Available(ends[0]) < 2) std::this_thread::yield();
          }
          std::vector<int> results;
          for (const int x : xs) results.push_back(x < 2 ? x : one(x - 1) + 1);
          return results;
        },
        "xs"_a.Batch());
    one = [&](int x) { return f({x})[0]; };
    return f(xs) == xs ? 0 : 1;
  };
  const pid_t first = StartProcess([&] { return run({10, 5}); });
  const pid_t second = StartProcess([&] { return run({9, 6}); });
  EXPECT_EQ(WaitForProcess(first), 0);
  EXPECT_EQ(WaitForProcess(second), 0);
}

// 10,000 elements in chunks of 100: whoever is killed has lost a chunk at most.
TEST_F(BatchTest, AKilledBatchLosesNoMoreThanAChunk) {
  constexpr int kElements = 10'000, kChunk = 100, kChunksBefore = 37;
  const std::string log = directory_.path() / "computed";
  const auto run = [&](int most_chunks) {
    int chunks = 0;
    auto f = cache_.Memoize(
        {.name = "f", .chunk_size = kChunk},
        [&](const std::vector<int>& xs) {
          std::ofstream out(log, std::ios::app);
          for (const int x : xs) out << x << '\n';
          out.close();
          if (chunks++ == most_chunks) raise(SIGKILL);
          return xs;
        },
        "xs"_a.Batch());
    std::vector<int> all(kElements);
    for (int i = 0; i < kElements; ++i) all[i] = i;
    return f(all) == all ? 0 : 1;
  };
  EXPECT_EQ(WaitForProcess(StartProcess([&] { return run(kChunksBefore); })), -SIGKILL);
  EXPECT_EQ(WaitForProcess(StartProcess([&] { return run(kElements); })), 0);
  std::vector<int> times(kElements, 0);
  std::ifstream in(log);
  for (int x; in >> x;) ++times[x];
  EXPECT_EQ(std::ranges::count(times, 1), kElements - kChunk);
  EXPECT_EQ(std::ranges::count(times, 2), kChunk);
}

TEST_F(BatchTest, ProcessesWithOneBatchShareTheWork) {
  const std::string log = directory_.path() / "computed";
  EXPECT_EQ(RunProcesses(4,
                         [&](int process) {
                           auto f = cache_.Memoize(
                               {.name = "f", .chunk_size = 10},
                               [&](const std::vector<int>& xs) {
                                 for (const int x : xs) {
                                   std::ofstream(log, std::ios::app) << x << std::endl;
                                 }
                                 return xs;
                               },
                               "xs"_a.Batch());
                           std::vector<int> all(200);
                           for (int i = 0; i < 200; ++i) all[i] = (i + 50 * process) % 200;
                           return f(all) == all ? 0 : 1;
                         }),
            0);
  std::vector<int> times(200, 0);
  std::ifstream in(log);
  for (int x; in >> x;) ++times[x];
  EXPECT_EQ(std::ranges::count(times, 1), 200);
}

}  // namespace
}  // namespace permacache::testing
