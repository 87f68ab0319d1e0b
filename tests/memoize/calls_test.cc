// What calls do beyond hit and miss: recompute, async, audits, upgrades, counts, events, and one
// computation at a time.
#include "permacache/memoize/calls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "permacache/memoize/memoize.h"
#include "permacache/testing/processes.h"
#include "permacache/testing/random.h"
#include "permacache/testing/temporary_directory.h"
#include "permacache/testing/torture.h"

namespace permacache::testing {
namespace {

using namespace permacache::literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CallsTest : public ::testing::Test {
 protected:
  FailureHandler Told() {
    return [this](const Failure& failure) { told_.emplace_back(failure.message); };
  }

  TemporaryDirectory directory_;
  Cache cache_{{.directory = directory_.path()}};
  std::vector<std::string> told_;
};

TEST_F(CallsTest, RecomputeReplacesWhatIsStored) {
  int value = 1;
  auto f = cache_.Memoize(
      "f", [&](int x) { return x * value; }, "x"_a);
  EXPECT_EQ(f(10), 10);
  value = 2;
  EXPECT_EQ(f(10), 10);
  EXPECT_EQ(f.Recompute(10), 20);
  EXPECT_EQ(f(10), 20);
  EXPECT_EQ(f.Size(), 1);
}

TEST_F(CallsTest, AsyncSharesTheComputation) {
  std::atomic<int> computed = 0;
  auto f = cache_.Memoize(
      "f",
      [&](const std::string& x, std::unique_ptr<int>) {
        ++computed;
        return x + "!";
      },
      "x"_a, "p"_a.Ignore());
  std::vector<std::future<std::string>> all;
  for (int i = 0; i < 20; ++i) all.push_back(f.Async("a", std::make_unique<int>(1)));
  for (auto& each : all) EXPECT_EQ(each.get(), "a!");
  EXPECT_EQ(computed, 1);
  auto fails =
      cache_.Memoize("fails", [](int x) { return x ? throw std::runtime_error("no") : x; });
  EXPECT_THROW(fails.Async(1).get(), std::runtime_error);
}

TEST_F(CallsTest, AsyncOutlivesItsHandle) {
  std::future<int> future;
  {
    auto f = cache_.Memoize("f", [](int x) { return x + 1; });
    future = f.Async(1);
  }
  EXPECT_EQ(future.get(), 2);
}

TEST_F(CallsTest, AnAuditFindsAFunctionThatIsNotPure) {
  int computed = 0, offset = 0;
  auto f = cache_.Memoize(
      {.name = "f", .audit = 1, .on_failure = Told()},
      [&](int x) {
        ++computed;
        if (x < 0) throw std::runtime_error("negative");
        return x + offset;
      },
      "x"_a);
  EXPECT_EQ(f(1), 1);
  EXPECT_EQ(f(1), 1);
  EXPECT_EQ(computed, 2);
  EXPECT_THAT(told_, IsEmpty());
  offset = 5;
  EXPECT_EQ(f(1), 1);
  EXPECT_THAT(told_, ElementsAre(AllOf(HasSubstr("audit"), HasSubstr(R"({"x": 1})"))));
  EXPECT_EQ(f.Lookup(1), 1);
  EXPECT_EQ(f.Stats().failures, 1);
  EXPECT_EQ(f.Stats().hits, 2);
}

TEST_F(CallsTest, EachDifferenceThatAnAuditFindsIsTold) {
  int offset = 0;
  auto f = cache_.Memoize(
      {.name = "f", .audit = 1, .on_failure = Told()}, [&](int x) { return x + offset; }, "x"_a);
  f(1);
  f(2);
  offset = 1;
  {
    ScopedErrorOnMiss guard;  // also of what is only compared
    f(1);
    EXPECT_THAT(told_, IsEmpty());
  }
  f(1);
  f(2);
  EXPECT_THAT(told_, ElementsAre(HasSubstr(R"({"x": 1})"), HasSubstr(R"({"x": 2})")));
}

TEST_F(CallsTest, AnAuditOfContainersWithoutAnOrderIsNoFalseAlarm) {
  for (const Encoding encoding : {Encoding::kBinary, Encoding::kJson}) {
    auto f = cache_.Memoize({.name = encoding == Encoding::kJson ? "json" : "binary",
                             .encoding = encoding,
                             .audit = 1,
                             .on_failure = Told()},
                            [](int x) {
                              std::unordered_map<std::string, int> all;
                              for (int i = 0; i < 200; ++i) all[std::to_string(i * x)] = i;
                              return all;
                            });
    f(3);
    f(3);
  }
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(CallsTest, AnAuditComparesWithTheUpgradedResult) {
  cache_.Memoize("f", [](int x) { return 1.0 * x; })(3);
  auto f = cache_
               .Memoize({.name = "f", .audit = 1, .on_failure = Told()},
                        [](int x) {
                          return std::vector<double>{1.0 * x, 0};
                        })
               .UpgradeFrom<double>([](double old) {
                 return std::vector<double>{old, 0};
               });
  EXPECT_THAT(f(3), ElementsAre(3, 0));
  EXPECT_EQ(f.Stats().hits, 1);
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(CallsTest, OneInManyHitsIsAudited) {
  int computed = 0;
  auto f = cache_.Memoize({.name = "f", .audit = 0.25}, [&](int x) {
    ++computed;
    return x;
  });
  for (int i = 0; i < 4001; ++i) f(1);
  EXPECT_GT(computed, 700);  // of 4,000 hits: 11 standard deviations off
  EXPECT_LT(computed, 1300);
}

TEST_F(CallsTest, OptionsThatMakeNoSenseAreErrors) {
  const auto f = [](int x) { return x; };
  EXPECT_THROW((void)cache_.Memoize({.name = "f", .audit = 1.5}, f), Error);
  EXPECT_THROW((void)cache_.Memoize({.name = "f", .audit = -1}, f), Error);
  EXPECT_THROW((void)cache_.Memoize({.name = "f", .chunk_size = 10}, f), Error);
  EXPECT_THROW((void)cache_.Memoize({.name = "f", .batch_progress = [](int64_t, int64_t) {}}, f),
               Error);
  const auto batch = [](std::vector<int> xs) { return xs; };
  EXPECT_THROW((void)cache_.Memoize({.name = "f", .chunk_size = 0}, batch, "xs"_a.Batch()), Error);
}

struct Old {
  int count = 0;
};
struct New {
  int count = 0;
  std::string note = {};
};

TEST_F(CallsTest, OldResultsAreMissesUnlessTheyAreUpgraded) {
  auto before = cache_.Memoize(
      "f", [](int x) { return Old{x}; }, "x"_a);
  before(1);
  int computed = 0;
  const auto compute = [&](int x) {
    ++computed;
    return New{x, "new"};
  };
  auto plain = cache_.Memoize("f", compute, "x"_a);
  EXPECT_FALSE(plain.Contains(1));
  EXPECT_FALSE(plain.Explain(1).hit);
  auto upgraded = cache_.Memoize("f", compute, "x"_a).UpgradeFrom<Old>([](const Old& old) {
    return New{old.count, "upgraded"};
  });
  EXPECT_TRUE(upgraded.Contains(1));
  EXPECT_TRUE(upgraded.Explain(1).hit);
  EXPECT_EQ(upgraded(1).note, "upgraded");
  EXPECT_EQ(upgraded.Lookup(1)->count, 1);
  EXPECT_EQ(computed, 0);
  EXPECT_EQ(plain(1).note, "new");
  EXPECT_EQ(upgraded(1).note, "new");
  EXPECT_EQ(computed, 1);
}

TEST_F(CallsTest, ElementsOfABatchAreUpgradedToo) {
  cache_.Memoize(
      "f", [](int x) { return Old{x}; }, "x"_a)(1);
  auto f = cache_
               .Memoize(
                   "f",
                   [](const std::vector<int>& xs) {
                     std::vector<New> all;
                     for (int x : xs) all.push_back({x, "new"});
                     return all;
                   },
                   "x"_a.Batch())
               .UpgradeFrom<Old>([](Old old) {
                 return New{old.count, "upgraded"};
               });
  const std::vector<New> both = f({1, 2});
  EXPECT_EQ(both[0].note, "upgraded");
  EXPECT_EQ(both[1].note, "new");
}

TEST_F(CallsTest, ExplainNamesTheNearestCall) {
  auto f = cache_.Memoize(
      "f", [](int x, std::string y) { return y + std::to_string(x); }, "x"_a, "y"_a = "a");
  EXPECT_EQ(f.Explain(1).reason, "nothing is stored");
  f(1);
  f(2, "b");
  EXPECT_TRUE(f.Explain(1).hit);
  const Explanation miss = f.Explain(1, "b");
  EXPECT_FALSE(miss.hit);
  EXPECT_EQ(miss.key, R"({"x": 1, "y": "b"})");
  ASSERT_TRUE(miss.nearest.has_value());
  EXPECT_EQ(miss.nearest->differences.size(), 1u);
  EXPECT_THAT(miss.ToString(), HasSubstr(R"({"x": 1, "y": "b"})"));
}

TEST_F(CallsTest, CountsTellWhereResultsCameFromAndWhatThatSaved) {
  using namespace std::chrono_literals;
  const auto compute = [](int x) {
    std::this_thread::sleep_for(15ms);
    return std::string(1000, static_cast<char>(x));
  };
  auto f = cache_.Memoize("f", compute);
  f(1);
  FunctionStats stats = f.Stats();
  EXPECT_EQ(stats.misses, 1);
  EXPECT_GE(stats.computed, 15ms);
  EXPECT_GE(stats.bytes_written, 1000);
  EXPECT_EQ(stats.bytes_read, 0);
  f(1);  // from the disk, and then from memory
  f(1);
  stats = f.Stats();
  EXPECT_EQ(stats.hits, 2);
  EXPECT_EQ(stats.memory_hits, 1);
  EXPECT_EQ(stats.bytes_read, 2 * stats.bytes_written);
  EXPECT_GE(stats.saved, 30ms);
  EXPECT_EQ(stats.waits, 0);
}

TEST_F(CallsTest, CountsOfAllProcessesAddUp) {
  EXPECT_EQ(RunProcesses(4,
                         [&](int process) {
                           auto f = cache_.Memoize("f", [](int x) { return x; });
                           f(process);
                           f(process);
                           SyncAll();
                           f(process);
                           return 0;
                         }),
            0);
  auto f = cache_.Memoize("f", [](int x) { return x; });
  f(1);
  const FunctionStats total = f.TotalStats();
  EXPECT_EQ(total.misses, 4);
  EXPECT_EQ(total.hits, 4 * 2 + 1);
  EXPECT_EQ(f.Stats().hits, 1);
  f.TotalStats();
  EXPECT_EQ(f.TotalStats(), total);
}

TEST_F(CallsTest, AForkedChildDoesNotSaveTheCountsOfItsParent) {
  auto f = cache_.Memoize("f", [](int x) { return x; });
  f(1);
  SyncAll();  // so that the children find it
  EXPECT_EQ(RunProcesses(3,
                         [&](int) {
                           f(1);
                           SyncAll();
                           return 0;
                         }),
            0);
  EXPECT_EQ(f.TotalStats().misses, 1);
  EXPECT_EQ(f.TotalStats().hits, 3);
}

TEST_F(CallsTest, TheProcessHasCountsOfAllItsFunctions) {
  const FunctionStats before = ProcessStats();
  {
    auto f = cache_.Memoize("f", [](int x) { return x; });
    f(1);
  }
  auto g = cache_.Memoize("g", [](int x) { return x; });
  g(1);
  g(1);
  EXPECT_EQ(ProcessStats().misses - before.misses, 2);
  EXPECT_EQ(ProcessStats().hits - before.hits, 1);
}

TEST_F(CallsTest, AListenerIsToldOfEachCall) {
  std::vector<std::string> events;
  const Cache cache(
      {.directory = directory_.path(), .listener = [&](const CallEvent& event) {
         constexpr const char* kNames[] = {"hit", "miss", "wait"};
         events.push_back(std::string(event.function) + " " + kNames[static_cast<int>(event.kind)] +
                          " " + std::string(event.key) + (event.from_memory ? " from memory" : ""));
         throw std::runtime_error("does not matter");
       }});
  auto f = cache.Memoize(
      "f", [](int x) { return x; }, "x"_a);
  f(1);
  SyncAll();
  f(1);
  f(1);
  auto g = cache.Memoize(
      "g", [](std::vector<int> xs) { return xs; }, "x"_a.Batch());
  g({7});
  EXPECT_THAT(events, ElementsAre(R"(f miss {"x": 1})", R"(f hit {"x": 1})",
                                  R"(f hit {"x": 1} from memory)", R"(g miss {"x": 7})"));
}

TEST_F(CallsTest, CloseAllClosesAndTheNextCallOpensAgain) {
  auto f = cache_.Memoize("f", [](int x) { return x; });
  f(1);
  CloseAll();
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const auto target = std::filesystem::read_symlink(entry.path(), gone);
    EXPECT_NE(target.filename(), "data.mdb");
  }
  EXPECT_TRUE(f.Contains(1));
  EXPECT_EQ(f(2), 2);
  EXPECT_EQ(f.Size(), 2);
}

// One computation at a time.

class SingleFlightTest : public CallsTest {
 protected:
  static constexpr int kProcesses = 8, kThreads = 4;

  // Runs `body` in so many threads of so many processes at once.
  int RunEverywhere(const std::function<bool(int seed)>& body) {
    return RunProcesses(kProcesses, [&](int process) {
      std::atomic<int> wrong = 0;
      std::vector<std::thread> threads;
      for (int thread = 0; thread < kThreads; ++thread) {
        threads.emplace_back([&, thread] { wrong += !body(process * kThreads + thread); });
      }
      for (std::thread& thread : threads) thread.join();
      SyncAll();  // as at the normal end of a process, which this is not
      return wrong.load();
    });
  }

  // A line for each computation, of any process.
  void Note(const std::string& text) { std::ofstream(log_, std::ios::app) << text + "\n"; }

  std::map<std::string, int> Notes() {
    std::map<std::string, int> notes;
    std::ifstream in(log_);
    for (std::string line; std::getline(in, line);) ++notes[line];
    return notes;
  }

  const std::string log_ = directory_.path() / "computations";
};

TEST_F(SingleFlightTest, AllThreadsOfAllProcessesComputeOnce) {
  EXPECT_EQ(RunEverywhere([&](int) {
              static auto f = cache_.Memoize("f", [&](int x) {
                Note("computed");
                std::this_thread::sleep_for(std::chrono::milliseconds(50));
                return x + 1;
              });
              return f(1) == 2;
            }),
            0);
  EXPECT_EQ(Notes()["computed"], 1);
}

TEST_F(SingleFlightTest, CheapResultsAreComputedOnceToo) {
  EXPECT_EQ(RunEverywhere([&](int) {
              static auto f = cache_.Memoize("f", [&](int x) {
                Note(std::to_string(x));
                return x + 1;
              });
              for (int x = 0; x < 50; ++x) {
                if (f(x) != x + 1) return false;
              }
              return true;
            }),
            0);
  for (const auto& [x, times] : Notes()) EXPECT_EQ(times, 1) << x;
  EXPECT_EQ(Notes().size(), 50u);
}

TEST_F(SingleFlightTest, WhenTheComputingProcessIsKilledOneOtherComputes) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t first = StartProcess([&] {
    auto f = cache_.Memoize("f", [&](int) -> int {
      Note("begun");
      if (write(ends[1], "", 1) != 1) return 0;
      pause();
      return 0;
    });
    return f(1);
  });
  char byte;
  ASSERT_EQ(read(ends[0], &byte, 1), 1);
  std::vector<pid_t> others;
  for (int process = 0; process < kProcesses - 1; ++process) {
    others.push_back(StartProcess([&] {
      auto f = cache_.Memoize("f", [&](int x) {
        Note("computed");
        return x + 1;
      });
      std::atomic<int> wrong = 0;
      std::vector<std::thread> threads;
      for (int i = 0; i < kThreads; ++i) threads.emplace_back([&] { wrong += f(1) != 2; });
      for (std::thread& thread : threads) thread.join();
      return wrong.load();
    }));
  }
  kill(first, SIGKILL);
  EXPECT_EQ(WaitForProcess(first), -SIGKILL);
  for (const pid_t other : others) EXPECT_EQ(WaitForProcess(other), 0);
  EXPECT_EQ(Notes()["begun"], 1);
  EXPECT_EQ(Notes()["computed"], 1);
}

TEST_F(SingleFlightTest, RandomKeysUnderLoadAreComputedOnceEach) {
  std::mt19937_64 random = SeededRandom();
  const uint64_t seed = random();
  const auto end = EndOfTorture(std::chrono::seconds(3));
  EXPECT_EQ(RunEverywhere([&](int caller) {
              static auto f = cache_.Memoize("f", [&](int x) {
                Note(std::to_string(x));
                if (x % 8 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(x % 20));
                return std::to_string(x);
              });
              std::mt19937_64 own(seed + caller);
              while (std::chrono::steady_clock::now() < end) {
                const int x = static_cast<int>(own() % 1000);
                if (f(x) != std::to_string(x)) return false;
              }
              return true;
            }),
            0);
  const auto notes = Notes();
  int computations = 0;
  for (const auto& [x, times] : notes) computations += times;
  std::cout << "computations " << computations << ", distinct keys " << notes.size() << std::endl;
  EXPECT_EQ(computations, static_cast<int>(notes.size()));
  EXPECT_GT(notes.size(), 0u);
}

TEST_F(SingleFlightTest, AnExceptionReachesItsOwnCallerAndAWaiterTries) {
  std::atomic<int> computed = 0;
  auto f = cache_.Memoize("f", [&](int x) {
    if (computed++ == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      throw std::runtime_error("the first");
    }
    return x;
  });
  std::atomic<int> thrown = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        try {
          EXPECT_EQ(f(1), 1);
        } catch (const std::runtime_error&) {
          ++thrown;
        }
      });
    }
  }
  EXPECT_EQ(thrown, 1);
  EXPECT_EQ(computed, 2);
}

TEST_F(SingleFlightTest, FunctionsMayCallThemselvesAndEachOther) {
  std::function<int64_t(int)> call;
  auto fib = cache_.Memoize(
      "fib", [&](int n) -> int64_t { return n < 2 ? n : call(n - 1) + call(n - 2); }, "n"_a);
  call = [&](int n) { return fib(n); };
  EXPECT_EQ(fib(60), 1548008755920);
  EXPECT_EQ(fib.Stats().misses, 61);
}

TEST_F(SingleFlightTest, WhoWaitsTooLongComputesToo) {
  std::atomic<int> computed = 0;
  std::promise<void> second_is_done;
  auto f = cache_.Memoize({.name = "f", .longest_wait = std::chrono::milliseconds(5)}, [&](int x) {
    if (computed++ == 0) second_is_done.get_future().wait();
    return x;
  });
  auto first = f.Async(1);
  while (computed == 0) std::this_thread::yield();
  EXPECT_EQ(f(1), 1);
  second_is_done.set_value();
  EXPECT_EQ(first.get(), 1);
  EXPECT_EQ(computed, 2);
  EXPECT_EQ(f.Stats().waits, 1);
}

TEST_F(SingleFlightTest, CanBeTurnedOff) {
  std::atomic<int> inside = 0;
  auto f = cache_.Memoize({.name = "f", .single_flight = false}, [&](int x) {
    ++inside;
    while (inside < 2) std::this_thread::yield();  // until both are here
    return x;
  });
  auto first = f.Async(1);
  EXPECT_EQ(f(1), 1);
  EXPECT_EQ(first.get(), 1);
}

}  // namespace
}  // namespace permacache::testing
