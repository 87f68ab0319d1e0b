// Compact puts a smaller copy in the place of a data file that is in use.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "permacache/storage/lmdb_store.h"
#include "permacache/testing/processes.h"
#include "permacache/testing/random.h"
#include "permacache/testing/stored_value.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::testing {
namespace {

using storage::Durability;
using storage::LmdbStore;
using ::testing::Eq;
using ::testing::Optional;

void IgnoreProgress(int64_t, int64_t) {}

std::unique_ptr<LmdbStore> Open(const std::filesystem::path& directory,
                                Durability durability = Durability::kSynced,
                                size_t map_size = size_t{1} << 30) {
  auto store = LmdbStore::Open(
      {.environment = {.directory = directory, .map_size = map_size}, .durability = durability});
  EXPECT_TRUE(store.ok()) << store.status();
  return *std::move(store);
}

std::string Key(int i) { return "key " + std::to_string(i); }
std::string Value(int i) { return std::string(2000 + i, static_cast<char>('a' + i % 26)); }

class CompactTest : public ::testing::Test {
 protected:
  uintmax_t FileSize() const { return std::filesystem::file_size(directory_.path() / "data.mdb"); }

  void PutMany(LmdbStore& store, int count) {
    for (int i = 0; i < count; ++i) ASSERT_TRUE(store.Put(Key(i), {.value = Value(i)}).ok());
  }

  void ExpectMany(LmdbStore& store, int count) {
    for (int i = 0; i < count; ++i) EXPECT_THAT(ValueOf(store, Key(i)), Optional(Eq(Value(i))));
  }

  const TemporaryDirectory directory_;
};

TEST_F(CompactTest, GivesBackWhatErasedEntriesTook) {
  const auto store = Open(directory_.path());
  PutMany(*store, 400);
  for (int i = 20; i < 400; ++i) ASSERT_TRUE(*store->Erase(Key(i)));
  const uintmax_t before = FileSize();
  int64_t last_done = 0, last_total = 1;
  const absl::Status status = store->Compact([&](int64_t done, int64_t total) {
    last_done = done;
    last_total = total;
  });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_LT(FileSize(), before / 5);
  EXPECT_EQ(last_done, last_total);
  ExpectMany(*store, 20);
  EXPECT_EQ(*store->Size(), 20);
}

TEST_F(CompactTest, AgainAndAgainTheStoreGoesOnBetween) {
  const auto store = Open(directory_.path());
  const auto other_version =
      LmdbStore::Open({.environment = {.directory = directory_.path()}, .version = 7}).value();
  ASSERT_TRUE(other_version->Put("key", {.value = "other"}).ok());
  for (int round = 1; round <= 5; ++round) {
    PutMany(*store, 10 * round);
    ASSERT_TRUE(*store->Erase(Key(0)));
    ASSERT_TRUE(store->Compact(IgnoreProgress).ok());
    EXPECT_EQ(ValueOf(*store, Key(0)), std::nullopt);
    ASSERT_TRUE(store->Put(Key(0), {.value = Value(0)}).ok());
    ExpectMany(*store, 10 * round);
    EXPECT_THAT(ValueOf(*other_version, "key"), Optional(Eq("other")));
  }
  // What another process reads is in the file.
  EXPECT_EQ(RunProcesses(1,
                         [&](int) {
                           const auto own = Open(directory_.path());
                           ExpectMany(*own, 50);
                           return ::testing::Test::HasFailure() ? 1 : 0;
                         }),
            0);
}

TEST_F(CompactTest, OfAnEmptyStoreChangesNothing) {
  const auto store = Open(directory_.path());
  ASSERT_TRUE(store->Compact(IgnoreProgress).ok());
  EXPECT_EQ(*store->Size(), 0);
  ASSERT_TRUE(store->Put("key", {.value = "value"}).ok());
  EXPECT_THAT(ValueOf(*store, "key"), Optional(Eq("value")));
}

TEST_F(CompactTest, LeavesLargeValuesWhereTheyAre) {
  const auto store = Open(directory_.path());
  const std::string large(5 << 20, 'l');
  ASSERT_TRUE(store->Put("large", {.value = large}).ok());
  ASSERT_TRUE(store->Compact(IgnoreProgress).ok());
  EXPECT_THAT(ValueOf(*store, "large"), Optional(Eq(large)));
}

TEST_F(CompactTest, WhatWaitedIsWrittenToTheNewFile) {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "a child that starts threads cannot be followed when its parent has some, and "
                  "has the sanitizer's allocator as another thread has locked it";
#endif
  const auto store = Open(directory_.path(), Durability::kGrouped);
  for (int round = 0; round < 20; ++round) {
    ASSERT_TRUE(store->Put(Key(round), {.value = Value(round)}).ok());
    // By another process, so that this one does not know before it writes.
    ASSERT_EQ(
        RunProcesses(
            1, [&](int) { return Open(directory_.path())->Compact(IgnoreProgress).ok() ? 0 : 1; }),
        0);
    EXPECT_THAT(ValueOf(*store, Key(round)), Optional(Eq(Value(round))));
  }
  EXPECT_TRUE(storage::SyncAllEnvironments().ok());
  EXPECT_EQ(*store->Size(), 20);
}

TEST_F(CompactTest, AFullDiskChangesNothing) {
  const auto store = Open(directory_.path());
  PutMany(*store, 50);
  const std::filesystem::path moved = directory_.path();
  ASSERT_EQ(chmod(moved.c_str(), 0500), 0);
  EXPECT_EQ(RunProcesses(1,
                         [&](int) {
                           if (!DropPrivileges()) return 100;
                           const auto own = Open(moved);
                           return own->Compact(IgnoreProgress).ok() ? 1 : 0;
                         }),
            0);
  ASSERT_EQ(chmod(moved.c_str(), 0700), 0);
  ExpectMany(*store, 50);
}

// Writers and readers in several processes and threads, all of which keep what they have written,
// while the file is compacted all the time.
TEST_F(CompactTest, NobodyLosesAnythingMeanwhile) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "a child that starts threads cannot be followed when its parent has some";
#endif
  constexpr int kWriters = 3;
  constexpr int kEntries = 150;
  const auto writer = [&](int w) {
    const auto store =
        Open(directory_.path(), w % 2 == 0 ? Durability::kSynced : Durability::kGrouped,
             size_t{1} << 18);
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 2; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kEntries; ++i) {
          const std::string key = std::to_string(w) + " " + std::to_string(t) + " " + Key(i % 50);
          wrong += !store->Put(key, {.value = Value(i)}).ok();
          wrong += ValueOf(*store, key) != Value(i);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    wrong += !storage::SyncAllEnvironments().ok();
    for (int t = 0; t < 2; ++t) {
      for (int i = 0; i < 50; ++i) {
        const std::string key = std::to_string(w) + " " + std::to_string(t) + " " + Key(i);
        wrong += ValueOf(*store, key) != Value(kEntries - 50 + i);
      }
    }
    return wrong == 0 ? 0 : 1;
  };
  std::vector<pid_t> writers;
  for (int w = 0; w < kWriters; ++w) writers.push_back(StartProcess([&, w] { return writer(w); }));
  const pid_t compactor = StartProcess([&]() -> int {
    const auto store = Open(directory_.path());
    for (;;) {
      if (!store->Compact(IgnoreProgress).ok()) return 1;
    }
  });
  for (const pid_t process : writers) EXPECT_EQ(WaitForProcess(process), 0);
  kill(compactor, SIGKILL);
  EXPECT_EQ(WaitForProcess(compactor), -SIGKILL);
  const auto store = Open(directory_.path());
  EXPECT_EQ(*store->Size(), kWriters * 2 * 50);
  ASSERT_TRUE(store->Compact(IgnoreProgress).ok());
  EXPECT_EQ(*store->Size(), kWriters * 2 * 50);
}

// As backups make them: the old file stays in being, and nobody must go on with it.
TEST_F(CompactTest, OfAFileWithAnotherLinkIsNoticed) {
  const auto store = Open(directory_.path());
  PutMany(*store, 10);
  std::filesystem::create_hard_link(directory_.path() / "data.mdb", directory_.path() / "link");
  ASSERT_EQ(RunProcesses(1,
                         [&](int) {
                           const auto own = Open(directory_.path());
                           if (!own->Compact(IgnoreProgress).ok()) return 1;
                           return own->Put("child", {.value = "child"}).ok() ? 0 : 2;
                         }),
            0);
  ASSERT_TRUE(store->Put("parent", {.value = "parent"}).ok());
  EXPECT_THAT(ValueOf(*store, "child"), Optional(Eq("child")));
  EXPECT_EQ(RunProcesses(1,
                         [&](int) {
                           const auto own = Open(directory_.path());
                           return ValueOf(*own, "parent") == "parent" ? 0 : 1;
                         }),
            0);
}

TEST_F(CompactTest, WhoIsToldOfProgressMayUseTheStore) {
  const auto store = Open(directory_.path());
  PutMany(*store, 10);
  int puts = 0;
  ASSERT_TRUE(store
                  ->Compact([&](int64_t, int64_t) {
                    EXPECT_TRUE(
                        store->Put("told " + std::to_string(++puts), {.value = "value"}).ok());
                  })
                  .ok());
  EXPECT_GT(puts, 0);
  EXPECT_EQ(*store->Size(), 10 + puts);
}

TEST_F(CompactTest, WhatProgressThrowsReachesTheCaller) {
  const auto store = Open(directory_.path());
  PutMany(*store, 10);
  EXPECT_THROW((void)store->Compact([](int64_t, int64_t) { throw std::runtime_error("enough"); }),
               std::runtime_error);
  ExpectMany(*store, 10);
  EXPECT_TRUE(store->Put("key", {.value = "value"}).ok());
}

// Stores come and go in threads while the file is replaced, and what they put in passing waits.
TEST_F(CompactTest, StoresMayBeOpenedAndDroppedMeanwhile) {
  constexpr int kThreads = 3;
  constexpr int kRounds = 60;
  std::atomic<bool> done = false;
  std::atomic<int> wrong = 0;
  std::thread compactor([&] {
    while (!done) wrong += !Open(directory_.path())->Compact(IgnoreProgress).ok();
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        const auto store = Open(directory_.path(), Durability::kGrouped);
        const std::string key = std::to_string(t) + " " + std::to_string(i);
        wrong += !store->Put(key, {.value = Value(i)}).ok();
        wrong += ValueOf(*store, key) != Value(i);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  done = true;
  compactor.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(*Open(directory_.path())->Size(), kThreads * kRounds);
}

TEST_F(CompactTest, KilledAtAnyMomentItLosesNothing) {
  std::mt19937_64 random = SeededRandom();
  const auto store = Open(directory_.path());
  PutMany(*store, 200);
  for (int round = 0; round < 25; ++round) {
    const pid_t process = StartProcess([&]() -> int {
      const auto own = Open(directory_.path());
      for (;;) own->Compact(IgnoreProgress).IgnoreError();
    });
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 60'000));
    kill(process, SIGKILL);
    EXPECT_EQ(WaitForProcess(process), -SIGKILL);
    ASSERT_TRUE(store->Put(Key(round), {.value = Value(round)}).ok());
    ExpectMany(*store, 200);
    EXPECT_EQ(*store->Size(), 200);
  }
}

}  // namespace
}  // namespace permacache::testing
