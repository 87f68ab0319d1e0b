#include "permacache/memoize/thread_slot.h"

#include <gtest/gtest.h>

#include <barrier>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace permacache::memoize {
namespace {

TEST(ThreadSlotTest, AThreadKeepsItsNumber) {
  const size_t number = ThreadSlot::OfThisThread();
  EXPECT_NE(number, ThreadSlot::kNone);
  EXPECT_EQ(ThreadSlot::OfThisThread(), number);
}

TEST(ThreadSlotTest, ThreadsAtOneTimeHaveDifferentNumbersOrNone) {
  constexpr int kThreads = 100;
  std::barrier all(kThreads);
  std::mutex mutex;
  std::multiset<size_t> numbers;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        const size_t number = ThreadSlot::OfThisThread();
        all.arrive_and_wait();
        std::lock_guard lock(mutex);
        numbers.insert(number);
      });
    }
  }
  EXPECT_LT(numbers.count(ThreadSlot::kNone), kThreads / 2);
  for (const size_t number : numbers) {
    if (number == ThreadSlot::kNone) continue;
    EXPECT_EQ(numbers.count(number), 1u);
  }
}

TEST(ThreadSlotTest, ThreadsThatHaveEndedLeaveTheirNumbersToOthers) {
  for (int i = 0; i < 1000; ++i) {
    size_t number = ThreadSlot::kNone;
    std::thread([&] { number = ThreadSlot::OfThisThread(); }).join();
    ASSERT_NE(number, ThreadSlot::kNone) << i;
  }
}

}  // namespace
}  // namespace permacache::memoize
