// Writers of all processes take turns, whoever is killed meanwhile and whatever becomes of the
// file.
#include <gtest/gtest.h>
#include <lmdb.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <fstream>
#include <string>
#include <thread>

#include "permacache/storage/lmdb_environment.h"
#include "permacache/testing/processes.h"
#include "permacache/testing/temporary_directory.h"
#include "tests/storage/numbers.h"

namespace permacache::testing {
namespace {

// What one process tells another once.
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
    EXPECT_EQ(read(ends_[0], &byte, 1), 1);
  }

 private:
  int ends_[2];
};

// Until the process waits for a lock of the kernel.
void AwaitWaiting(pid_t process) {
  const std::string blocked = "->", pid = " " + std::to_string(process) + " ";
  for (;;) {
    std::ifstream locks("/proc/locks");
    for (std::string line; std::getline(locks, line);) {
      if (line.find(blocked) != line.npos && line.find(pid) != line.npos) return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

// It does not go on, not even if it has its turn, until it gets SIGCONT.
void StopProcess(pid_t process) {
  kill(process, SIGSTOP);
  int status = 0;
  EXPECT_EQ(waitpid(process, &status, WUNTRACED), process);
  EXPECT_TRUE(WIFSTOPPED(status));
}

class WritersTurnTest : public ::testing::Test {
 protected:
  int PutInAFreshProcess(int number) {
    return RunProcesses(
        1, [&](int) { return PutNumber(*Acquire(options_), number, 100).ok() ? 0 : 1; });
  }

  const TemporaryDirectory directory_;
  const storage::LmdbOptions options_ = {.directory = directory_.path()};
};

// LMDB would have it set the number of the last transaction by the old file.
TEST_F(WritersTurnTest, AWriterOfTheOldFileThatFollowsAKilledOneOfTheNewLosesNothing) {
  for (const int commits : {1, 2, 3}) {
    SCOPED_TRACE(commits);
    ASSERT_EQ(PutInAFreshProcess(1), 0);
    Signal holds, release;
    const pid_t holder = StartProcess([&] {
      return Acquire(options_)
                         ->Write([&](MDB_txn*) {
                           holds.Give();
                           release.Take();
                           return ECANCELED;
                         })
                         .code() == absl::StatusCode::kCancelled
                 ? 0
                 : 1;
    });
    holds.Take();
    const pid_t slow = StartProcess([&] {
      // Aborted, as the file has been replaced.
      return absl::IsAborted(PutNumber(*Acquire(options_), 2, 100)) ? 0 : 1;
    });
    AwaitWaiting(slow);
    StopProcess(slow);
    release.Give();
    EXPECT_EQ(WaitForProcess(holder), 0);
    EXPECT_EQ(
        RunProcesses(
            1,
            [&](int) { return Acquire(options_)->Compact([](int64_t, int64_t) {}).ok() ? 0 : 1; }),
        0);
    // LMDB would begin a new lock file if nobody had the environment open.
    Signal is_open, is_done;
    const pid_t witness = StartProcess([&] {
      const auto own = Acquire(options_);
      is_open.Give();
      is_done.Take();
      return 0;
    });
    is_open.Take();
    const pid_t killed = StartProcess([&] {
      const auto own = Acquire(options_);
      for (int i = 0; i < commits; ++i) {
        if (!PutNumber(*own, 10 + i, 100).ok()) return 1;
      }
      (void)own->Write([](MDB_txn*) { return raise(SIGKILL); });
      return 2;
    });
    EXPECT_EQ(WaitForProcess(killed), -SIGKILL);
    kill(slow, SIGCONT);
    EXPECT_EQ(WaitForProcess(slow), 0);
    EXPECT_EQ(RunProcesses(1,
                           [&](int) {
                             const auto own = Acquire(options_);
                             if (own == nullptr) return 1;
                             for (int i = 0; i < commits; ++i) {
                               if (!HasNumber(*own, 10 + i, 100)) return 2;
                             }
                             return 0;
                           }),
              0);
    EXPECT_EQ(PutInAFreshProcess(3), 0);
    is_done.Give();
    EXPECT_EQ(WaitForProcess(witness), 0);
  }
}

TEST_F(WritersTurnTest, WhoWaitsGoesOnWhenTheWriterIsKilled) {
  Signal holds;
  const pid_t holder = StartProcess([&] {
    (void)Acquire(options_)->Write([&](MDB_txn*) {
      holds.Give();
      return pause();
    });
    return 1;
  });
  holds.Take();
  const auto put = [&] { return PutNumber(*Acquire(options_), 2, 100).ok() ? 0 : 1; };
  const pid_t first = StartProcess(put), second = StartProcess(put);
  AwaitWaiting(first);
  AwaitWaiting(second);
  kill(holder, SIGKILL);
  kill(first, SIGKILL);  // it may have had its turn before
  EXPECT_EQ(WaitForProcess(holder), -SIGKILL);
  WaitForProcess(first);
  EXPECT_EQ(WaitForProcess(second), 0);
}

TEST_F(WritersTurnTest, AChildDoesNotKeepTheTurnOfAParentThatWasKilled) {
  Signal is_done;
  const pid_t parent = StartProcess([&] {
    (void)Acquire(options_)->Write([&](MDB_txn*) {
      StartProcess([&] {
        is_done.Take();
        return 0;
      });
      return raise(SIGKILL);
    });
    return 1;
  });
  EXPECT_EQ(WaitForProcess(parent), -SIGKILL);
  EXPECT_EQ(PutInAFreshProcess(1), 0);
  is_done.Give();
}

}  // namespace
}  // namespace permacache::testing
