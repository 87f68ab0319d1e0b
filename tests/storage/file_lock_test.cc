#include "permacache/storage/file_lock.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "permacache/testing/processes.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::testing {
namespace {

using storage::FileLock;

// A number that all processes see, and that is counted wrong unless they take turns.
class Counter {
 public:
  void Add(FileLock& lock) {
    ASSERT_EQ(lock.Lock(), 0);
    const int before = number_->load(std::memory_order_relaxed);
    std::this_thread::yield();
    number_->store(before + 1, std::memory_order_relaxed);
    lock.Unlock();
  }
  int number() const { return *number_; }

 private:
  // Atomic, as the thread sanitizer does not know the kernel's locks.
  std::atomic<int>* const number_ = static_cast<std::atomic<int>*>(
      mmap(nullptr, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
};

TEST(FileLockTest, ThreadsAndProcessesTakeTurns) {
  const TemporaryDirectory directory;
  Counter counter;
  constexpr int kProcesses = 3, kThreads = 3, kTurns = 500;
  EXPECT_EQ(RunProcesses(kProcesses,
                         [&](int) {
                           FileLock lock;
                           if (!lock.Open(directory.path()).ok()) return 1;
                           std::vector<std::jthread> threads;
                           for (int i = 0; i < kThreads; ++i) {
                             threads.emplace_back([&] {
                               for (int turn = 0; turn < kTurns; ++turn) counter.Add(lock);
                             });
                           }
                           threads.clear();
                           return ::testing::Test::HasFailure() ? 2 : 0;
                         }),
            0);
  EXPECT_EQ(counter.number(), kProcesses * kThreads * kTurns);
}

TEST(FileLockTest, TwoObjectsOfOneProcessExcludeEachOther) {
  const TemporaryDirectory directory;
  Counter counter;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        FileLock lock;
        ASSERT_TRUE(lock.Open(directory.path()).ok());
        for (int turn = 0; turn < 500; ++turn) counter.Add(lock);
      });
    }
  }
  EXPECT_EQ(counter.number(), 2000);
}

TEST(FileLockTest, IsFreeAgainWhenItsHolderIsKilled) {
  const TemporaryDirectory directory;
  const pid_t holder = StartProcess([&] {
    FileLock lock;
    if (!lock.Open(directory.path()).ok() || lock.Lock() != 0) return 1;
    raise(SIGKILL);
    return 2;
  });
  EXPECT_EQ(WaitForProcess(holder), -SIGKILL);
  FileLock lock;
  ASSERT_TRUE(lock.Open(directory.path()).ok());
  EXPECT_EQ(lock.Lock(), 0);
  lock.Unlock();
}

TEST(FileLockTest, WhatIsNotThereCannotBeLocked) {
  const TemporaryDirectory directory;
  FileLock lock;
  EXPECT_TRUE(absl::IsNotFound(lock.Open(directory.path() / "nothing")));
  EXPECT_EQ(lock.Lock(), EBADF);
  EXPECT_EQ(lock.Lock(), EBADF);  // not held by the first
}

}  // namespace
}  // namespace permacache::testing
