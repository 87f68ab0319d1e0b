// Processes that write, read, erase and clear an LMDB cache and are killed at random, several at
// once and inside commits, too: what they acknowledged as durable is there, nothing is ever wrong,
// and the others go on. For some seconds, or as many as --seconds says.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "permacache/testing/processes.h"
#include "permacache/testing/random.h"
#include "permacache/testing/temporary_directory.h"
#include "permacache/testing/torture.h"
#include "tests/storage/kill_ledger.h"
#include "tests/storage/kill_worker.h"

namespace permacache::testing {
namespace {

using std::chrono::steady_clock;

// Who does nothing for so long does nothing any more: no single step takes as long, however slow
// the disk.
constexpr auto kTooLong = std::chrono::seconds(60);

// Whether the condition comes true in time.
template <class Condition>
bool Await(Condition condition) {
  const auto end = steady_clock::now() + kTooLong;
  while (!condition()) {
    if (steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  return true;
}

bool HasEnded(pid_t process) {
  siginfo_t info = {};
  return waitid(P_PID, process, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

// Starts the processes, kills them and looks what they leave.
class Supervisor {
 public:
  explicit Supervisor(uint64_t seed) : random_(seed), stores_(NewStores()) {
    std::iota(all_.begin(), all_.end(), 0);
    for (const int process : all_) Start(process);
  }

  ~Supervisor() {
    for (const pid_t process : running_) kill(process, SIGKILL);
    for (const pid_t process : running_) WaitForProcess(process);
  }

  void KillSome() {
    std::vector<int> victims = all_;
    std::ranges::shuffle(victims, random_);
    victims.resize(random_() % 4 == 0 ? 2 + random_() % (kProcesses - 1) : 1);
    AwaitMoment(ledger_->threads[victims.front()][0]);
    KillAndCheck(victims);
    for (const int victim : victims) Start(victim);
  }

  void KillAll() {
    KillAndCheck(all_);
    for (const int process : all_) Start(process);
  }

  bool AllIsWell() const { return ledger_->lost == 0 && ledger_->wrong == 0 && hangs_ == 0; }

  void Report() const {
    std::cout << "kills " << kills_ << ", acknowledged " << ledger_->acknowledged << ", checked "
              << ledger_->checked << ", lost " << ledger_->lost << ", wrong " << ledger_->wrong
              << ", hangs " << hangs_ << ", killed inside a write " << kills_inside_writes_
              << std::endl;
    EXPECT_GT(kills_, 0u);
    EXPECT_GT(ledger_->acknowledged, 0u);
    EXPECT_GT(ledger_->checked, 0u);
    EXPECT_EQ(ledger_->lost, 0u);
    EXPECT_EQ(ledger_->wrong, 0u);
    EXPECT_EQ(hangs_, 0u);
  }

 private:
  using Steps = std::array<uint64_t, kMostThreads>;

  std::unique_ptr<TorturedStores> NewStores() const {
    return std::make_unique<TorturedStores>(directory_.path(), size_t{1} << 30, 1000,
                                            storage::Compression::kNone, *ledger_);
  }

  void Start(int process) {
    for (ThreadLedger& thread : ledger_->threads[process]) thread.writes = false;
    const uint64_t seed = random_();
    running_[process] = StartProcess([&, process, seed]() -> int {
      const auto run = [&, process, seed](int thread) {
        WorkUntilKilled(directory_.path(), *ledger_, process, thread, seed + thread);
      };
      std::vector<std::thread> others;
      for (int thread = 1; thread < ThreadsOf(process); ++thread) others.emplace_back(run, thread);
      run(0);
      return 1;
    });
  }

  // Any moment, or one at which this thread writes.
  void AwaitMoment(const ThreadLedger& thread) {
    std::this_thread::sleep_for(std::chrono::microseconds(random_() % 20'000));
    if (random_() % 2 == 0) return;
    for (int i = 0; i < 1000 && !thread.writes; ++i) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::microseconds(random_() % 2000));
  }

  void KillAndCheck(const std::vector<int>& victims) {
    for (const int victim : victims) kill(running_[victim], SIGKILL);
    for (const int victim : victims) {
      if (WaitForProcess(running_[victim]) != -SIGKILL) {
        stores_->Complain("a process ended by itself");
      }
      ++kills_;
      kills_inside_writes_ += ledger_->threads[victim][0].writes;
    }
    std::array<Steps, kProcesses> before;
    for (const int process : all_) before[process] = StepsOf(process);
    CheckInAFreshProcess(victims);
    CheckHere(victims);
    for (const int process : all_) {
      if (std::ranges::find(victims, process) == victims.end()) AwaitStep(process, before[process]);
    }
  }

  Steps StepsOf(int process) const {
    Steps steps;
    for (int t = 0; t < kMostThreads; ++t) steps[t] = ledger_->threads[process][t].steps;
    return steps;
  }

  // Each thread of a process that was not killed shall go on.
  void AwaitStep(int process, const Steps& before) {
    for (int thread = 0; thread < ThreadsOf(process); ++thread) {
      const std::atomic<uint64_t>& steps = ledger_->threads[process][thread].steps;
      hangs_ += !Await([&] { return steps != before[thread] || HasEnded(running_[process]); });
    }
  }

  void CheckInAFreshProcess(const std::vector<int>& victims) {
    const pid_t process = StartProcess([&] {
      const std::unique_ptr<TorturedStores> stores = NewStores();
      FinishCommits(*stores);
      for (const int victim : victims) {
        ForEachEntryOf(victim, [&](const EntryId& id) { Settle(*stores, id); });
      }
      return 0;
    });
    const std::atomic<uint64_t>& steps = ledger_->steps_of_check;
    while (!HasEnded(process)) {
      const uint64_t before = steps;
      if (Await([&] { return steps != before || HasEnded(process); })) continue;
      ++hangs_;
      kill(process, SIGKILL);
    }
    if (WaitForProcess(process) != 0) stores_->Complain("the cache could not be checked");
  }

  // A commit may have been cut off when the data file had it and the lock file did not yet. The
  // next writer makes that good; until then readers do not see it.
  static void FinishCommits(TorturedStores& stores) {
    for (int folder = 0; folder < kFolders; ++folder) {
      const EntryId id = EntryId::Common(folder);
      stores.Expect(stores.Of(id).Erase(id.key()).status());
    }
  }

  // What was begun may have taken effect before its thread could acknowledge it.
  void Settle(TorturedStores& stores, const EntryId& id) {
    Entry& entry = (*ledger_)[id];
    if (stores.Has(id, entry.acknowledged)) {
      entry.begun = entry.acknowledged.load();
    } else if (stores.Has(id, entry.begun)) {
      entry.acknowledged = entry.begun.load();
    } else {
      ++ledger_->lost;
      std::cerr << "lost: " + id.key() + "\n";
    }
    ++ledger_->checked;
    ++ledger_->steps_of_check;
  }

  // As one that has had the cache open for long, or that opens it when nobody else may have it.
  void CheckHere(const std::vector<int>& victims) {
    const auto check = [&](const EntryId& id) {
      ++ledger_->checked;
      if (stores_->Has(id, (*ledger_)[id].acknowledged)) return;
      ++ledger_->lost;
      std::cerr << "not found here: " + id.key() + "\n";
    };
    for (const int victim : victims) ForEachEntryOf(victim, check);
    if (random_() % 8 == 0) stores_ = NewStores();
  }

  std::mt19937_64 random_;
  const TemporaryDirectory directory_;
  const SharedByProcesses<Ledger> ledger_;
  std::unique_ptr<TorturedStores> stores_;
  std::vector<int> all_ = std::vector<int>(kProcesses);
  std::array<pid_t, kProcesses> running_;
  uint64_t kills_ = 0;
  uint64_t kills_inside_writes_ = 0;
  uint64_t hangs_ = 0;
};

TEST(KillTorture, NothingAcknowledgedIsLostNothingIsWrongAndTheOthersGoOn) {
  Supervisor supervisor(SeededRandom()());
  const auto end = EndOfTorture(std::chrono::seconds(6));
  while (steady_clock::now() < end && supervisor.AllIsWell()) supervisor.KillSome();
  supervisor.KillAll();
  supervisor.Report();
}

}  // namespace
}  // namespace permacache::testing
