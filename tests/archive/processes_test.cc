// Imports that are killed and run again, and imports beside others that use the same cache.
#include "permacache/testing/processes.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <iostream>
#include <random>
#include <string>
#include <thread>

#include "permacache/archive/archive.h"
#include "permacache/storage/lmdb_store.h"
#include "permacache/testing/random.h"
#include "permacache/testing/temporary_directory.h"
#include "tests/archive/cache_content.h"

namespace permacache::archive {
namespace {

using ::permacache::testing::Contents;
using ::permacache::testing::ContentsOf;
using ::permacache::testing::Fill;
using ::permacache::testing::ParentInMemory;
using ::permacache::testing::Place;
using ::permacache::testing::RandomContents;
using ::permacache::testing::RunProcesses;
using ::permacache::testing::SeededRandom;
using ::permacache::testing::StartProcess;
using ::permacache::testing::TemporaryDirectory;
using ::permacache::testing::WaitForProcess;

class ProcessesTest : public ::testing::Test {
 protected:
  // Whatever opens LMDB does so in a process of its own, as this one forks.
  ProcessesTest() : contents_(RandomContents(random_, 150, /*with_large=*/true)) {
    EXPECT_EQ(RunProcesses(1,
                           [&](int) {
                             Fill(directory_.path() / "from", contents_);
                             return Export(directory_.path() / "from", file_).ok() ? 0 : 1;
                           }),
              0);
  }

  int RunImport() const {
    const absl::StatusOr<ImportReport> report = Import(file_, to_);
    if (!report.ok()) std::cerr << report.status() << "\n";
    return report.ok() ? 0 : 1;
  }

  // Everything is there, and nothing else.
  bool IsComplete() const {
    return RunProcesses(1, [&](int) { return ContentsOf(to_) == contents_ ? 0 : 1; }) == 0;
  }

  std::mt19937_64 random_ = SeededRandom();
  const TemporaryDirectory directory_{ParentInMemory()};
  const std::filesystem::path file_ = directory_.path() / "exported";
  const std::filesystem::path to_ = directory_.path() / "to";
  const Contents contents_;
};

TEST_F(ProcessesTest, AnImportThatWasKilledAnywhereIsFinishedByAnother) {
  using std::chrono::microseconds;
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_EQ(RunProcesses(1, [&](int) { return RunImport(); }), 0);
  const auto whole =
      std::chrono::duration_cast<microseconds>(std::chrono::steady_clock::now() - begin);
  int killed = 0;
  for (int round = 0; round < 4; ++round) {
    std::filesystem::remove_all(to_);
    for (int attempt = 0; attempt < 3; ++attempt) {
      const pid_t process = StartProcess([&] { return RunImport(); });
      std::this_thread::sleep_for(microseconds(random_() % (whole.count() + 1)));
      kill(process, SIGKILL);
      killed += WaitForProcess(process) == -SIGKILL;
    }
    ASSERT_EQ(RunProcesses(1, [&](int) { return RunImport(); }), 0);
    ASSERT_TRUE(IsComplete()) << "round " << round;
  }
  std::cout << killed << " imports were killed\n";
}

TEST_F(ProcessesTest, SeveralImportsAtOnceMakeOneCache) {
  EXPECT_EQ(RunProcesses(3, [&](int) { return RunImport(); }), 0);
  EXPECT_TRUE(IsComplete());
}

TEST_F(ProcessesTest, AnImportAndAWriterLoseNothingOfEachOther) {
  constexpr int kWritten = 300;
  const Place place = {"wing/lift", 0, false};
  const auto write = [&] {
    const auto store =
        storage::LmdbStore::Open({.environment = {.directory = to_ / "wing/lift"}}).value();
    for (int i = 0; i < kWritten; ++i) {
      if (!store->Put("written " + std::to_string(i), {.value = "w"}).ok()) return 1;
    }
    return 0;
  };
  EXPECT_EQ(RunProcesses(2, [&](int i) { return i == 0 ? RunImport() : write(); }), 0);
  EXPECT_EQ(RunProcesses(1,
                         [&](int) {
                           Contents expected = contents_;
                           for (int i = 0; i < kWritten; ++i) {
                             expected[place]["written " + std::to_string(i)] = {.value = "w"};
                           }
                           return ContentsOf(to_) == expected ? 0 : 1;
                         }),
            0);
}

TEST_F(ProcessesTest, AnExportBesideAWriterHasAllThatWasThereBefore) {
  const auto from = directory_.path() / "from";
  const auto write = [&] {
    const auto store =
        storage::LmdbStore::Open({.environment = {.directory = from / "wing/lift"}}).value();
    for (int i = 0; i < 300; ++i) {
      if (!store->Put("written " + std::to_string(i), {.value = "w"}).ok()) return 1;
    }
    return 0;
  };
  const auto again = directory_.path() / "again";
  EXPECT_EQ(RunProcesses(2, [&](int i) { return i == 0 ? !Export(from, again).ok() : write(); }),
            0);
  EXPECT_EQ(RunProcesses(1,
                         [&](int) {
                           if (!Import(again, to_).ok()) return 1;
                           Contents there = ContentsOf(to_);
                           for (auto& [place, entries] : there) {
                             std::erase_if(entries, [](const auto& entry) {
                               return entry.first.starts_with("written");
                             });
                           }
                           return there == contents_ ? 0 : 1;
                         }),
            0);
}

}  // namespace
}  // namespace permacache::archive
