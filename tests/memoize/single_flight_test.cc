// Who computes what, across threads and processes.
#include "permacache/memoize/single_flight.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <barrier>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdarg>
#include <fstream>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "permacache/testing/processes.h"
#include "permacache/testing/random.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::testing {
namespace {

std::atomic<int> lock_error = 0;  // what the kernel says to every lock, if it is not 0

}  // namespace
}  // namespace permacache::testing

// In place of the C library's, which programs call by either name.
extern "C" int fcntl(int fd, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  if (command == F_OFD_SETLK || command == F_OFD_SETLKW) {
    if (const int error = permacache::testing::lock_error; error != 0) {
      errno = error;
      return -1;
    }
  }
  static const auto real = reinterpret_cast<int (*)(int, int, ...)>(dlsym(RTLD_NEXT, "fcntl"));
  return real(fd, command, argument);
}

namespace permacache::testing {
namespace {

using memoize::SingleFlight;
using Turn = SingleFlight::Turn;

constexpr auto kForever = std::nullopt;
constexpr auto kAWhile = std::chrono::milliseconds(20);

void Nothing() {}

// What one process tells another, or a thread.
class Signal {
 public:
  Signal() { EXPECT_EQ(pipe(ends_), 0); }
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;
  ~Signal() {
    close(ends_[0]);
    close(ends_[1]);
  }

  void Give() { EXPECT_EQ(write(ends_[1], "", 1), 1); }
  void Take() {
    char byte;
    ssize_t count = 0;
    while ((count = read(ends_[0], &byte, 1)) < 0 && errno == EINTR) continue;
    EXPECT_EQ(count, 1);
  }

 private:
  int ends_[2];
};

// Memory that processes share which are forked from here on.
template <typename T>
class Shared {
 public:
  Shared() {
    void* const memory =
        mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    value_ = new (memory) T();
  }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  ~Shared() { munmap(value_, sizeof(T)); }

  T& operator*() const { return *value_; }
  T* operator->() const { return value_; }

 private:
  T* value_;
};

// Until so many wait for the kernel's locks on the file.
void AwaitWaiters(const std::filesystem::path& file, int count) {
  struct stat info = {};
  ASSERT_EQ(stat(file.c_str(), &info), 0);
  const std::string blocked = "->", inode = ":" + std::to_string(info.st_ino) + " ";
  for (int found = 0; found < count;) {
    found = 0;
    std::ifstream locks("/proc/locks");
    for (std::string line; std::getline(locks, line);) {
      found += line.find(blocked) != line.npos && line.find(inode) != line.npos;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

class SingleFlightTest : public ::testing::Test {
 protected:
  // Whether another process would have to wait. A thread that forks while it has the turn finds
  // that its child need not.
  static bool IsTakenForChild(const std::filesystem::path& file, const std::string& key) {
    return WaitForProcess(StartProcess([&] {
             SingleFlight flights(file);
             return flights.TryTake(key) ? 0 : 1;
           })) == 1;
  }
  static bool IsTaken(const std::filesystem::path& file, const std::string& key) {
    bool is_taken = false;
    std::jthread([&] { is_taken = IsTakenForChild(file, key); }).join();
    return is_taken;
  }
  bool IsTakenForOthers(const std::string& key) { return IsTaken(lock_file_, key); }

  // A process that has the turn until it is told to end, or killed.
  pid_t StartHolder(const std::string& key, Signal& holds, Signal& release) {
    return StartProcess([&, key] {
      SingleFlight flights(lock_file_);
      const Turn turn = flights.Take(key, kForever, Nothing);
      holds.Give();
      release.Take();
      return turn.is_alone() ? 1 : 0;
    });
  }

  const TemporaryDirectory directory_;
  const std::filesystem::path lock_file_ = directory_.path() / "turns";
  SingleFlight flights_{lock_file_};
};

TEST_F(SingleFlightTest, TheFirstOneDoesNotWait) {
  int waits = 0;
  const Turn turn = flights_.Take("key", kForever, [&] { ++waits; });
  EXPECT_FALSE(turn.waited());
  EXPECT_FALSE(turn.is_alone());
  EXPECT_NE(turn.held(), nullptr);
  EXPECT_EQ(waits, 0);
}

TEST_F(SingleFlightTest, TheFileIsMadeWhenItIsNeededAndStaysEmptyAndPrivate) {
  EXPECT_FALSE(std::filesystem::exists(lock_file_));
  { const Turn turn = flights_.Take("key", kForever, Nothing); }
  struct stat info = {};
  ASSERT_EQ(stat(lock_file_.c_str(), &info), 0);
  EXPECT_EQ(info.st_size, 0);
  EXPECT_EQ(info.st_mode & 077, 0u);
}

// The thread sanitizer would see it, too.
void ExpectThreadsTakeTurns(const std::filesystem::path& lock_file) {
  SingleFlight flights(lock_file);
  constexpr int kThreads = 8, kTurns = 200;
  int count = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        for (int k = 0; k < kTurns; ++k) {
          const Turn turn = flights.Take("key", kForever, Nothing);
          const int before = count;
          std::this_thread::yield();
          count = before + 1;
        }
      });
    }
  }
  EXPECT_EQ(count, kThreads * kTurns);
}

TEST_F(SingleFlightTest, ThreadsTakeTurns) { ExpectThreadsTakeTurns(lock_file_); }

TEST_F(SingleFlightTest, ThreadsTakeTurnsWithoutAFile) {
  ExpectThreadsTakeTurns("");
  SingleFlight here(""), there("");
  const Turn turn = here.Take("key", kForever, Nothing);
  EXPECT_EQ(turn.held(), nullptr);
  std::jthread([&] {
    EXPECT_FALSE(here.TryTake("key"));
    EXPECT_TRUE(there.TryTake("key"));
  });
}

TEST_F(SingleFlightTest, ProcessesTakeTurns) {
  constexpr int kProcesses = 8, kTurns = 200;
  Shared<std::atomic<int>> count;
  EXPECT_EQ(RunProcesses(kProcesses,
                         [&](int) {
                           SingleFlight flights(lock_file_);
                           for (int k = 0; k < kTurns; ++k) {
                             const Turn turn = flights.Take("key", kForever, Nothing);
                             const int before = count->load(std::memory_order_relaxed);
                             std::this_thread::yield();
                             count->store(before + 1, std::memory_order_relaxed);
                           }
                           return 0;
                         }),
            0);
  EXPECT_EQ(*count, kProcesses * kTurns);
}

TEST_F(SingleFlightTest, ThreadsOfManyProcessesTakeTurns) {
  constexpr int kProcesses = 8, kThreads = 4, kTurns = 50;
  Shared<std::atomic<int>> count;
  EXPECT_EQ(RunProcesses(kProcesses,
                         [&](int) {
                           SingleFlight flights(lock_file_);
                           std::vector<std::jthread> threads;
                           for (int i = 0; i < kThreads; ++i) {
                             threads.emplace_back([&] {
                               for (int k = 0; k < kTurns; ++k) {
                                 const Turn turn = flights.Take("key", kForever, Nothing);
                                 const int before = count->load(std::memory_order_relaxed);
                                 std::this_thread::yield();
                                 count->store(before + 1, std::memory_order_relaxed);
                               }
                             });
                           }
                           return 0;
                         }),
            0);
  EXPECT_EQ(*count, kProcesses * kThreads * kTurns);
}

TEST_F(SingleFlightTest, WhoWaitsIsToldOnce) {
  for (const bool by_a_process : {false, true}) {
    Signal holds, release;
    pid_t process = 0;
    std::jthread thread;
    if (by_a_process) {
      process = StartHolder("key", holds, release);
    } else {
      thread = std::jthread([&] {
        const Turn turn = flights_.Take("key", kForever, Nothing);
        holds.Give();
        release.Take();
      });
    }
    holds.Take();
    int times = 0;
    {
      const Turn turn = flights_.Take("key", kForever, [&] {
        ++times;
        release.Give();
      });
      EXPECT_TRUE(turn.waited());
      EXPECT_FALSE(turn.is_alone());
    }
    EXPECT_EQ(times, 1);
    if (by_a_process) {
      EXPECT_EQ(WaitForProcess(process), 0);
    }
  }
}

TEST_F(SingleFlightTest, WhoWaitsForAThreadAndThenForAProcessIsToldOnce) {
  Signal holds, release, first_waits, second_waits;
  const pid_t holder = StartHolder("key", holds, release);
  holds.Take();
  std::jthread first([&] {
    const Turn turn = flights_.Take("key", kAWhile, [&] {
      first_waits.Give();
      second_waits.Take();
    });
    EXPECT_TRUE(turn.is_alone());
    release.Give();
  });
  first_waits.Take();
  int times = 0;
  const Turn turn = flights_.Take("key", kForever, [&] {
    ++times;
    second_waits.Give();
  });
  EXPECT_EQ(times, 1);
  EXPECT_FALSE(turn.is_alone());
  EXPECT_EQ(WaitForProcess(holder), 0);
}

TEST_F(SingleFlightTest, WhoWaitsGoesOnWhenTheHolderIsKilled) {
  Signal holds, release, waits;
  const pid_t holder = StartHolder("key", holds, release);
  holds.Take();
  const auto wait = [&] {
    SingleFlight flights(lock_file_);
    const Turn turn = flights.Take("key", kForever, [&] { waits.Give(); });
    return turn.waited() && !turn.is_alone() ? 0 : 1;
  };
  const pid_t first = StartProcess(wait), second = StartProcess(wait);
  waits.Take();
  waits.Take();
  AwaitWaiters(lock_file_, 2);
  kill(holder, SIGKILL);
  kill(first, SIGKILL);  // it may have had its turn before
  EXPECT_EQ(WaitForProcess(holder), -SIGKILL);
  WaitForProcess(first);
  EXPECT_EQ(WaitForProcess(second), 0);
}

TEST_F(SingleFlightTest, AnExceptionEndsTheTurn) {
  Signal holds, waits;
  std::jthread thread([&] {
    try {
      const Turn turn = flights_.Take("key", kForever, Nothing);
      holds.Give();
      waits.Take();
      throw std::runtime_error("no result");
    } catch (const std::runtime_error&) {
    }
  });
  holds.Take();
  EXPECT_FALSE(flights_.Take("key", kForever, [&] { waits.Give(); }).is_alone());
}

TEST_F(SingleFlightTest, WhatIsThrownBeforeWaitingIsPassedOn) {
  Signal holds, release;
  const pid_t holder = StartHolder("key", holds, release);
  holds.Take();
  EXPECT_THROW(flights_.Take("key", kForever, [] { throw std::runtime_error("impatient"); }),
               std::runtime_error);
  release.Give();
  EXPECT_EQ(WaitForProcess(holder), 0);
  std::jthread([&] { EXPECT_TRUE(flights_.TryTake("key")); });
}

TEST_F(SingleFlightTest, OtherProcessesWaitUntilWhatIsHeldIsGone) {
  std::shared_ptr<const void> held = flights_.Take("key", kForever, Nothing).held();
  EXPECT_TRUE(IsTakenForOthers("key"));
  Signal waits;
  Shared<std::atomic<bool>> is_gone;
  const pid_t other = StartProcess([&] {
    SingleFlight flights(lock_file_);
    const Turn turn = flights.Take("key", kForever, [&] { waits.Give(); });
    return *is_gone && !turn.is_alone() ? 0 : 1;
  });
  waits.Take();
  std::shared_ptr<const void> copy = held;
  held.reset();
  EXPECT_TRUE(IsTakenForOthers("key"));
  *is_gone = true;
  copy.reset();
  EXPECT_EQ(WaitForProcess(other), 0);
}

TEST_F(SingleFlightTest, ThreadsDoNotWaitForWhatIsHeld) {
  std::shared_ptr<const void> held = flights_.Take("key", kForever, Nothing).held();
  std::optional<Turn> next;
  std::jthread([&] { next = flights_.TryTake("key"); }).join();
  ASSERT_TRUE(next);
  EXPECT_FALSE(next->is_alone());
  EXPECT_FALSE(next->waited());
  // Neither is what the other relies on.
  held.reset();
  EXPECT_TRUE(IsTakenForOthers("key"));
  held = next->held();
  next.reset();
  EXPECT_TRUE(IsTakenForOthers("key"));
  held.reset();
  EXPECT_FALSE(IsTakenForOthers("key"));
}

// What goes at the moment when the next turn begins must not unlock the byte under it.
TEST_F(SingleFlightTest, WhatIsHeldMayGoWhileTheNextTurnBegins) {
  Shared<std::atomic<bool>> is_taken;
  Shared<std::atomic<bool>> is_done;
  Shared<std::atomic<int>> intrusions;
  const pid_t intruder = StartProcess([&] {
    SingleFlight flights(lock_file_);
    while (!*is_done) {
      if (const std::optional<Turn> turn = flights.TryTake("key"); turn && *is_taken) {
        ++*intrusions;
      }
    }
    return 0;
  });
  // The others make it wait before it can see whether it must unlock.
  std::vector<std::jthread> others;
  for (int i = 0; i < 3; ++i) {
    others.emplace_back([&, i] {
      while (!*is_done) flights_.TryTake(std::to_string(i));
    });
  }
  for (int i = 0; i < 100; ++i) {
    std::shared_ptr<const void> held = flights_.Take("key", kForever, Nothing).held();
    std::barrier start(2);
    std::jthread drop([&] {
      start.arrive_and_wait();
      held.reset();
    });
    start.arrive_and_wait();
    const Turn turn = flights_.Take("key", kForever, Nothing);
    *is_taken = true;
    drop.join();
    std::this_thread::yield();
    *is_taken = false;
  }
  *is_done = true;
  EXPECT_EQ(WaitForProcess(intruder), 0);
  EXPECT_EQ(*intrusions, 0);
}

TEST_F(SingleFlightTest, AThreadDoesNotWaitForItself) {
  std::optional<Turn> turn = flights_.Take("key", kForever, Nothing);
  SingleFlight same(lock_file_);
  for (SingleFlight* flights : {&flights_, &same}) {
    int waits = 0;
    const Turn inner = flights->Take("key", kForever, [&] { ++waits; });
    EXPECT_TRUE(inner.is_alone());
    EXPECT_FALSE(inner.waited());
    EXPECT_EQ(inner.held(), nullptr);
    EXPECT_EQ(waits, 0);
    ASSERT_TRUE(flights->TryTake("key"));
    EXPECT_TRUE(flights->TryTake("key")->is_alone());
  }
  // The end of the inner ones is not the end of the turn.
  std::jthread([&] { EXPECT_FALSE(flights_.TryTake("key")); }).join();
  EXPECT_TRUE(IsTakenForOthers("key"));
  turn.reset();
  EXPECT_FALSE(flights_.TryTake("key")->is_alone());
  EXPECT_FALSE(IsTakenForOthers("key"));
}

TEST_F(SingleFlightTest, OneFileIsOneHoweverItIsSpelled) {
  const TemporaryDirectory elsewhere;
  std::filesystem::create_directory_symlink(directory_.path(), elsewhere.path() / "link");
  SingleFlight linked(elsewhere.path() / "link" / "turns");
  SingleFlight dotted(directory_.path() / "." / ".." / directory_.path().filename() / "turns");
  const Turn turn = flights_.Take("key", kForever, Nothing);
  EXPECT_TRUE(linked.Take("key", kForever, Nothing).is_alone());
  EXPECT_TRUE(dotted.Take("key", kForever, Nothing).is_alone());
}

TEST_F(SingleFlightTest, OtherKeysAreFreeOnTheWay) {
  const std::function<int(int)> fibonacci = [&](int n) {
    const Turn turn = flights_.Take(std::to_string(n), kForever, Nothing);
    EXPECT_FALSE(turn.is_alone());
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
  };
  EXPECT_EQ(fibonacci(15), 610);
}

TEST_F(SingleFlightTest, ThreadsDoNotWaitInACircle) {
  constexpr int kThreads = 3;
  std::barrier all_hold(kThreads);
  std::atomic<int> alone = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        const Turn own = flights_.Take(std::to_string(i), kForever, Nothing);
        all_hold.arrive_and_wait();
        const Turn next = flights_.Take(std::to_string((i + 1) % kThreads), kForever, Nothing);
        alone += next.is_alone();
      });
    }
  }
  EXPECT_EQ(alone, 1);
}

TEST_F(SingleFlightTest, WhoWaitsTooLongIsAlone) {
  Signal holds, release;
  const pid_t holder = StartHolder("of a process", holds, release);
  holds.Take();
  std::optional<Turn> turn = flights_.Take("of a thread", kForever, Nothing);
  std::jthread([&] {
    for (const char* key : {"of a process", "of a thread"}) {
      int waits = 0;
      const Turn late = flights_.Take(key, kAWhile, [&] { ++waits; });
      EXPECT_TRUE(late.is_alone());
      EXPECT_TRUE(late.waited());
      EXPECT_EQ(late.held(), nullptr);
      EXPECT_EQ(waits, 1);
      const Turn at_once = flights_.Take(key, std::chrono::nanoseconds(0), [&] { ++waits; });
      EXPECT_TRUE(at_once.is_alone());
      EXPECT_FALSE(at_once.waited());
      EXPECT_EQ(waits, 1);
    }
  }).join();
  EXPECT_TRUE(IsTakenForOthers("of a thread"));
  EXPECT_TRUE(IsTakenForOthers("of a process"));
  release.Give();
  EXPECT_EQ(WaitForProcess(holder), 0);
}

TEST_F(SingleFlightTest, WhoHasTimeGetsTheTurn) {
  for (const std::chrono::nanoseconds timeout :
       {std::chrono::nanoseconds(std::chrono::hours(1)), std::chrono::nanoseconds::max()}) {
    Signal holds, release;
    const pid_t holder = StartHolder("key", holds, release);
    holds.Take();
    const Turn turn = flights_.Take("key", timeout, [&] { release.Give(); });
    EXPECT_FALSE(turn.is_alone());
    EXPECT_EQ(WaitForProcess(holder), 0);
  }
}

TEST_F(SingleFlightTest, TryTakeDoesNotWait) {
  Signal holds, release;
  const pid_t holder = StartHolder("of a process", holds, release);
  holds.Take();
  EXPECT_FALSE(flights_.TryTake("of a process"));
  std::optional<Turn> turn = flights_.TryTake("of a thread");
  ASSERT_TRUE(turn);
  std::jthread([&] { EXPECT_FALSE(flights_.TryTake("of a thread")); }).join();
  turn.reset();
  std::jthread([&] { EXPECT_TRUE(flights_.TryTake("of a thread")); }).join();
  release.Give();
  EXPECT_EQ(WaitForProcess(holder), 0);
  EXPECT_TRUE(flights_.TryTake("of a process"));
}

TEST_F(SingleFlightTest, ATurnMayBeMoved) {
  Turn turn = flights_.Take("one", kForever, Nothing);
  Turn other = std::move(turn);
  EXPECT_TRUE(IsTakenForOthers("one"));
  other = flights_.Take("two", kForever, Nothing);
  EXPECT_FALSE(IsTakenForOthers("one"));
  std::jthread([&] { EXPECT_TRUE(flights_.TryTake("one")); }).join();
  std::jthread([turn = std::move(other)] {}).join();
  EXPECT_FALSE(IsTakenForOthers("two"));
}

TEST_F(SingleFlightTest, ATurnMayOutliveItsOrigin) {
  std::optional<SingleFlight> flights(lock_file_);
  std::optional<Turn> turn = flights->Take("key", kForever, Nothing);
  std::shared_ptr<const void> held = turn->held();
  flights.reset();
  EXPECT_TRUE(IsTakenForOthers("key"));
  turn.reset();
  EXPECT_TRUE(IsTakenForOthers("key"));
  held.reset();
  EXPECT_FALSE(IsTakenForOthers("key"));
}

TEST_F(SingleFlightTest, ASignalDoesNotEndWaiting) {
  Signal holds, release, waits;
  static Signal interrupted;
  const pid_t holder = StartHolder("key", holds, release);
  holds.Take();
  const pid_t waiter = StartProcess([&] {
    struct sigaction action = {};  // without SA_RESTART
    action.sa_handler = [](int) { interrupted.Give(); };
    sigaction(SIGUSR1, &action, nullptr);
    SingleFlight flights(lock_file_);
    const Turn turn = flights.Take("key", kForever, Nothing);
    return turn.is_alone() || turn.held() == nullptr || !flights.TryTake("other") ? 1 : 0;
  });
  AwaitWaiters(lock_file_, 1);
  kill(waiter, SIGUSR1);
  interrupted.Take();
  AwaitWaiters(lock_file_, 1);
  release.Give();
  EXPECT_EQ(WaitForProcess(holder), 0);
  EXPECT_EQ(WaitForProcess(waiter), 0);
}

TEST_F(SingleFlightTest, WithoutItsFolderThreadsTakeTurns) {
  const std::filesystem::path folder = directory_.path() / "folder";
  ExpectThreadsTakeTurns(folder / "turns");
  EXPECT_FALSE(std::filesystem::exists(folder));
  SingleFlight flights(folder / "turns");
  EXPECT_EQ(flights.Take("key", kForever, Nothing).held(), nullptr);
  std::filesystem::create_directory(folder);
  EXPECT_NE(flights.Take("key", kForever, Nothing).held(), nullptr);
}

TEST_F(SingleFlightTest, WhatIsNoFileIsOfNoUse) {
  std::filesystem::create_directory(lock_file_);
  ExpectThreadsTakeTurns(lock_file_);
  EXPECT_EQ(flights_.Take("key", kForever, Nothing).held(), nullptr);
  std::filesystem::remove(lock_file_);
  EXPECT_NE(flights_.Take("key", kForever, Nothing).held(), nullptr);
}

TEST_F(SingleFlightTest, WhereNothingMayBeWrittenThreadsTakeTurns) {
  std::filesystem::permissions(directory_.path(), std::filesystem::perms(0500));
  EXPECT_EQ(RunAsOrdinaryUser([&] {
              ExpectThreadsTakeTurns(lock_file_);
              return flights_.Take("key", kForever, Nothing).held() == nullptr && !HasFailure() ? 0
                                                                                                : 1;
            }),
            0);
  std::filesystem::permissions(directory_.path(), std::filesystem::perms(0700));
  EXPECT_NE(flights_.Take("key", kForever, Nothing).held(), nullptr);
}

TEST_F(SingleFlightTest, WithoutLocksThreadsTakeTurns) {
  for (const int error : {ENOLCK, EINVAL, EOPNOTSUPP, EIO}) {
    lock_error = error;
    ExpectThreadsTakeTurns(lock_file_);
    {
      const Turn turn = flights_.Take("key", kForever, Nothing);
      EXPECT_EQ(turn.held(), nullptr);
      EXPECT_FALSE(turn.is_alone());
    }
    lock_error = 0;
    EXPECT_NE(flights_.Take("key", kForever, Nothing).held(), nullptr);
  }
}

TEST_F(SingleFlightTest, ADeletedFileIsReplaced) {
  for (const bool with_folder : {false, true}) {
    const std::filesystem::path folder = directory_.path() / "folder", file = folder / "turns";
    std::filesystem::create_directory(folder);
    SingleFlight flights(file);
    std::shared_ptr<const void> held = flights.Take("key", kForever, Nothing).held();
    if (with_folder) {
      std::filesystem::rename(folder, directory_.path() / "moved");
      std::filesystem::create_directory(folder);
    } else {
      std::filesystem::remove(file);
    }
    Signal holds, release;
    const pid_t holder = StartProcess([&] {
      SingleFlight others(file);
      const Turn turn = others.Take("key", kForever, Nothing);
      holds.Give();
      release.Take();
      return turn.held() != nullptr ? 0 : 1;
    });
    holds.Take();
    EXPECT_FALSE(flights.TryTake("key"));
    release.Give();
    EXPECT_EQ(WaitForProcess(holder), 0);
    const std::optional<Turn> turn = flights.TryTake("key");
    ASSERT_TRUE(turn);
    EXPECT_NE(turn->held(), held);
    held.reset();
    EXPECT_TRUE(IsTaken(file, "key"));
  }
}

TEST_F(SingleFlightTest, WhoWaitedAtADeletedFileWaitsAtTheNewOne) {
  Signal holds_old, release_old, holds_new, release_new;
  Shared<std::atomic<bool>> is_new_done;
  const pid_t old_holder = StartHolder("key", holds_old, release_old);
  holds_old.Take();
  const pid_t waiter = StartProcess([&] {
    SingleFlight flights(lock_file_);
    const Turn turn = flights.Take("key", kForever, Nothing);
    return *is_new_done && turn.held() != nullptr ? 0 : 1;
  });
  AwaitWaiters(lock_file_, 1);
  std::filesystem::remove(lock_file_);
  const pid_t new_holder = StartProcess([&] {
    SingleFlight flights(lock_file_);
    const Turn turn = flights.Take("key", kForever, Nothing);
    holds_new.Give();
    release_new.Take();
    *is_new_done = true;
    return turn.held() != nullptr ? 0 : 1;
  });
  holds_new.Take();
  release_old.Give();
  AwaitWaiters(lock_file_, 1);
  release_new.Give();
  for (const pid_t process : {old_holder, waiter, new_holder}) {
    EXPECT_EQ(WaitForProcess(process), 0);
  }
}

TEST_F(SingleFlightTest, AChildDoesNotKeepTheTurnOfAParentThatWasKilled) {
  for (const bool only_held : {false, true}) {
    Signal is_done, is_there;
    const pid_t parent = StartProcess([&] {
      SingleFlight flights(lock_file_);
      std::optional<Turn> turn = flights.Take("key", kForever, Nothing);
      const std::shared_ptr<const void> held = turn->held();
      if (only_held) turn.reset();
      StartProcess([&] {
        is_there.Give();
        is_done.Take();
        return 0;
      });
      return raise(SIGKILL);
    });
    EXPECT_EQ(WaitForProcess(parent), -SIGKILL);
    is_there.Take();
    EXPECT_FALSE(flights_.Take("key", kForever, Nothing).is_alone());
    is_done.Give();
  }
}

TEST_F(SingleFlightTest, AChildIsAnotherProcess) {
  Signal holds, release;
  SingleFlight only_threads("");
  std::jthread thread([&] {
    const Turn turn = flights_.Take("held", kForever, Nothing);
    const Turn here = only_threads.Take("held", kForever, Nothing);
    holds.Give();
    release.Take();
  });
  holds.Take();
  const pid_t child = StartProcess([&] {
    if (flights_.TryTake("held")) return 1;
    if (!only_threads.TryTake("held")) return 2;
    const Turn other = flights_.Take("other", kForever, Nothing);
    if (other.is_alone() || other.held() == nullptr) return 3;
    const Turn turn = flights_.Take("held", kForever, [&] { release.Give(); });
    return turn.waited() && !turn.is_alone() ? 0 : 4;
  });
  EXPECT_EQ(WaitForProcess(child), 0);
}

TEST_F(SingleFlightTest, AChildNeitherEndsTurnsOfItsParentNorWaitsForWhatItComputesItself) {
  std::optional<Turn> turn = flights_.Take("key", kForever, Nothing);
  std::shared_ptr<const void> held = turn->held();
  Signal waits;
  std::jthread waiter(
      [&] { EXPECT_FALSE(flights_.Take("key", kForever, [&] { waits.Give(); }).is_alone()); });
  waits.Take();
  const pid_t child = StartProcess([&] {
    if (!flights_.Take("key", kForever, Nothing).is_alone()) return 1;
    turn.reset();
    held.reset();
    if (flights_.TryTake("key")) return 2;
    return IsTakenForChild(lock_file_, "key") ? 0 : 3;
  });
  EXPECT_EQ(WaitForProcess(child), 0);
  EXPECT_TRUE(IsTakenForOthers("key"));
  turn.reset();
  held.reset();
  waiter.join();
  EXPECT_FALSE(IsTakenForOthers("key"));
}

// Keys at random, also while the process forks.
TEST_F(SingleFlightTest, NoTwoComputeOneKey) {
  constexpr int kProcesses = 4, kThreads = 4, kKeys = 6, kRounds = 400;
  struct Ledger {
    std::array<std::atomic<int>, kKeys> computing = {};  // how many do at the moment
    // How many turns and what is held of them each process has.
    std::array<std::array<std::atomic<int>, kKeys>, kProcesses> holding = {};
    std::atomic<int> overlaps = 0;
    std::atomic<int> turns = 0;
  };
  Shared<Ledger> ledger;
  std::mt19937_64 seeds = SeededRandom();
  std::array<uint64_t, kProcesses * kThreads> seed;
  for (uint64_t& one : seed) one = seeds();

  const auto work = [&](SingleFlight& flights, int process, uint64_t own_seed) {
    std::mt19937_64 random(own_seed);
    auto& holding = ledger->holding[process];
    std::vector<std::pair<int, std::shared_ptr<const void>>> held;
    const auto let_go = [&] {
      for (auto& [key, token] : held) {
        --holding[key];
        token.reset();
      }
      held.clear();
    };
    for (int round = 0; round < kRounds; ++round) {
      const int key = static_cast<int>(random() % kKeys);
      const std::string name = std::to_string(key);
      std::optional<Turn> turn;
      switch (random() % 4) {
        case 0:
          turn = flights.TryTake(name);
          break;
        case 1:
          turn = flights.Take(name, std::chrono::microseconds(random() % 500), Nothing);
          break;
        default:
          let_go();  // or processes might wait for each other
          turn = flights.Take(name, kForever, Nothing);
      }
      if (turn && !turn->is_alone()) {
        ++ledger->turns;
        ledger->overlaps += ledger->computing[key].fetch_add(1) != 0;
        ++holding[key];
        for (int other = 0; other < kProcesses; ++other) {
          ledger->overlaps += other != process && ledger->holding[other][key] != 0;
        }
        if (random() % 4 == 0) std::this_thread::yield();
        if (random() % 100 == 0) {
          WaitForProcess(StartProcess([&] {
            turn.reset();
            held.clear();
            flights.TryTake(name);
            return 0;
          }));
        }
        ledger->computing[key].fetch_sub(1);
        if (random() % 2 == 0) {
          held.emplace_back(key, turn->held());
        } else {
          --holding[key];
        }
      }
      turn.reset();
      if (random() % 8 == 0) let_go();
    }
    let_go();
  };
  EXPECT_EQ(RunProcesses(kProcesses,
                         [&](int process) {
                           SingleFlight flights(lock_file_);
                           std::vector<std::jthread> threads;
                           for (int i = 0; i < kThreads; ++i) {
                             threads.emplace_back(work, std::ref(flights), process,
                                                  seed[process * kThreads + i]);
                           }
                           return 0;
                         }),
            0);
  EXPECT_EQ(ledger->overlaps, 0);
  EXPECT_GT(ledger->turns, 0);
}

}  // namespace
}  // namespace permacache::testing
