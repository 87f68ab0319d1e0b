#include "permacache/memoize/thread_number.h"

#include <gtest/gtest.h>

#include <barrier>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace permacache::memoize {
namespace {

TEST(ThreadNumberTest, AThreadKeepsItsNumber) {
  const size_t number = ThreadNumber::OfThisThread();
  EXPECT_NE(number, ThreadNumber::kNone);
  EXPECT_EQ(ThreadNumber::OfThisThread(), number);
}

TEST(ThreadNumberTest, ThreadsAtOneTimeHaveDifferentNumbersOrNone) {
  constexpr int kThreads = 100;
  std::barrier all(kThreads);
  std::mutex mutex;
  std::multiset<size_t> numbers;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        const size_t number = ThreadNumber::OfThisThread();
        all.arrive_and_wait();
        std::lock_guard lock(mutex);
        numbers.insert(number);
      });
    }
  }
  EXPECT_LT(numbers.count(ThreadNumber::kNone), kThreads / 2);
  for (const size_t number : numbers) {
    if (number == ThreadNumber::kNone) continue;
    EXPECT_EQ(numbers.count(number), 1u);
  }
}

TEST(ThreadNumberTest, ThreadsThatHaveEndedLeaveTheirNumbersToOthers) {
  for (int i = 0; i < 1000; ++i) {
    size_t number = ThreadNumber::kNone;
    std::thread([&] { number = ThreadNumber::OfThisThread(); }).join();
    ASSERT_NE(number, ThreadNumber::kNone) << i;
  }
}

}  // namespace
}  // namespace permacache::memoize
