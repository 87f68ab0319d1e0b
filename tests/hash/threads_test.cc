#include "permacache/hash/threads.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <fstream>
#include <latch>
#include <span>
#include <stdexcept>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "permacache/hash/content_digest.h"
#include "permacache/hash/run_on_threads.h"
#include "permacache/testing/processes.h"

namespace permacache::hash {
namespace {

class HashThreadsTest : public ::testing::Test {
 protected:
  ~HashThreadsTest() override { SetHashThreads(0); }
};

// On how many threads work runs.
int ThreadsThatRun(size_t most) {
  std::atomic<int> threads = 0;
  RunOnThreads(most, [&] { ++threads; });
  return threads;
}

TEST_F(HashThreadsTest, AreByDefaultAsManyAsCpusThatMayBeUsed) {
  cpu_set_t cpus;
  ASSERT_EQ(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
  EXPECT_EQ(HashThreads(), CPU_COUNT(&cpus));
  SetHashThreads(5);
  EXPECT_EQ(HashThreads(), 5);
  SetHashThreads(0);
  EXPECT_EQ(HashThreads(), CPU_COUNT(&cpus));
  SetHashThreads(-3);
  EXPECT_EQ(HashThreads(), CPU_COUNT(&cpus));
}

TEST_F(HashThreadsTest, FollowTheCpusThatAProcessMayUse) {
  const int code = testing::WaitForProcess(testing::StartProcess([] {
    cpu_set_t cpus;
    sched_getaffinity(0, sizeof(cpus), &cpus);
    int first = 0;
    while (!CPU_ISSET(first, &cpus)) ++first;
    CPU_ZERO(&cpus);
    CPU_SET(first, &cpus);
    return sched_setaffinity(0, sizeof(cpus), &cpus) == 0 && HashThreads() == 1 ? 0 : 1;
  }));
  EXPECT_EQ(code, 0);
}

TEST_F(HashThreadsTest, TheDigestIsTheSameForAnyNumber) {
  const std::vector<std::byte> bytes(5 * kLeastParallelSize + 77, std::byte{42});
  ContentHasher hasher;
  hasher.Update(bytes);
  for (const int threads : {1, 2, 3, 16, 0}) {
    SetHashThreads(threads);
    EXPECT_EQ(DigestOfContent(bytes), hasher.Digest()) << threads;
  }
}

TEST_F(HashThreadsTest, RunTheWorkOnAsManyAsAreAllowedAndWanted) {
  SetHashThreads(4);
  EXPECT_EQ(ThreadsThatRun(100), 4);
  EXPECT_EQ(ThreadsThatRun(3), 3);
  EXPECT_EQ(ThreadsThatRun(1), 1);
  EXPECT_EQ(ThreadsThatRun(0), 1);
  SetHashThreads(1);
  EXPECT_EQ(ThreadsThatRun(100), 1);
}

TEST_F(HashThreadsTest, AreSharedByAllCallers) {
  SetHashThreads(4);
  RunOnThreads(3, [] {});  // what has returned has given its threads back
  std::latch inside(3), counted(1);
  std::thread first([&] {
    RunOnThreads(3, [&] {
      inside.count_down();
      counted.wait();
    });
  });
  inside.wait();
  EXPECT_EQ(ThreadsThatRun(100), 1);  // the fourth, which is this one
  counted.count_down();
  first.join();
  EXPECT_EQ(ThreadsThatRun(100), 4);
}

TEST_F(HashThreadsTest, CallersBeyondTheLimitWorkAlone) {
  SetHashThreads(2);
  std::latch all_inside(4);
  std::atomic<int> calls = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      RunOnThreads(1, [&] {
        ++calls;
        all_inside.arrive_and_wait();
      });
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(calls, 4);
  EXPECT_EQ(ThreadsThatRun(100), 2);
}

TEST_F(HashThreadsTest, AnExceptionOfTheWorkReachesTheCallerWhenAllHaveReturned) {
  SetHashThreads(3);
  std::atomic<int> calls = 0;
  const auto run = [&] {
    RunOnThreads(3, [&] {
      if (++calls == 2) throw std::runtime_error("no memory");
    });
  };
  EXPECT_THROW(run(), std::runtime_error);
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(ThreadsThatRun(100), 3);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they need the address space
TEST_F(HashThreadsTest, WorkGoesOnWithFewerWhenTheSystemStartsNoMore) {
  const int code = testing::WaitForProcess(testing::StartProcess([] {
    SetHashThreads(500);
    size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlim_t room_for_some_stacks = rlim_t{100} << 20;
    const rlim_t bytes = pages * sysconf(_SC_PAGESIZE) + room_for_some_stacks;
    const rlimit limit{bytes, bytes};
    if (pages == 0 || setrlimit(RLIMIT_AS, &limit) != 0) return 1;
    const std::thread::id caller = std::this_thread::get_id();
    std::atomic<int> threads = 0;
    std::latch all_started(1);
    RunOnThreads(500, [&] {
      ++threads;
      if (std::this_thread::get_id() == caller) all_started.count_down();
      all_started.wait();
    });
    return threads < 500 ? 0 : 2;
  }));
  EXPECT_EQ(code, 0);
}
#endif

TEST_F(HashThreadsTest, ManyCallersAtOnceGetTheirDigests) {
  SetHashThreads(3);
  const std::vector<std::byte> bytes(2 * kLeastParallelSize + 1000, std::byte{7});
  std::vector<ContentDigest> expected;
  for (size_t i = 0; i < 6; ++i) expected.push_back(DigestOfContent(std::span(bytes).subspan(i)));
  std::atomic<int> wrong = 0;
  std::vector<std::thread> callers;
  for (size_t i = 0; i < 6; ++i) {
    callers.emplace_back([&, i] {
      for (int round = 0; round < 5; ++round) {
        wrong += DigestOfContent(std::span(bytes).subspan(i)) != expected[i];
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(HashThreadsTest, AForkedChildHashesWhileTheParentDoes) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "ThreadSanitizer ends a child of many threads that starts one";
#endif
  SetHashThreads(3);
  const std::vector<std::byte> bytes(2 * kLeastParallelSize, std::byte{9});
  const ContentDigest digest = DigestOfContent(bytes);
  std::latch inside(3), forked(1);
  std::thread busy([&] {
    RunOnThreads(3, [&] {
      inside.count_down();
      forked.wait();
    });
  });
  inside.wait();
  const pid_t child = testing::StartProcess([&] {
    // The threads of the parent are not in the child and must not count there.
    if (ThreadsThatRun(100) != 3) return 1;
    return DigestOfContent(bytes) == digest ? 0 : 2;
  });
  forked.count_down();
  busy.join();
  EXPECT_EQ(testing::WaitForProcess(child), 0);
}

}  // namespace
}  // namespace permacache::hash
