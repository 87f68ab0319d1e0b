// CloseAllEnvironments closes what stores have open, which go on as if nothing had happened.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "permacache/storage/lmdb_store.h"
#include "permacache/testing/processes.h"
#include "permacache/testing/stored_value.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::testing {
namespace {

using storage::CloseAllEnvironments;
using storage::Durability;
using storage::LmdbStore;
using storage::Record;
using ::testing::Eq;
using ::testing::IsEmpty;
using ::testing::Optional;

std::unique_ptr<LmdbStore> Open(const std::filesystem::path& directory,
                                Durability durability = Durability::kSynced) {
  auto store = LmdbStore::Open({.environment = {.directory = directory},
                                .durability = durability,
                                .least_file_size = 100'000});
  EXPECT_TRUE(store.ok()) << store.status();
  return *std::move(store);
}

class CloseAllTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!storage::IsClosingSafe()) GTEST_SKIP() << "this liblmdb cannot close its files";
  }

  // What this process has open or mapped below the directory.
  std::vector<std::string> Opened() const {
    std::vector<std::string> opened;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code gone;
      const std::string path = std::filesystem::read_symlink(entry.path(), gone);
      if (path.starts_with(directory_.path().string())) opened.push_back(path);
    }
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
      if (line.find(directory_.path()) != std::string::npos) opened.push_back(line);
    }
    return opened;
  }

  const TemporaryDirectory directory_;
};

TEST_F(CloseAllTest, LeavesNothingOpenAndStoresGoOn) {
  const auto store = Open(directory_.path() / "a");
  const auto same = Open(directory_.path() / "a");
  const auto other = Open(directory_.path() / "b", Durability::kGrouped);
  const std::string large(200'000, 'l');
  for (int round = 0; round < 5; ++round) {
    const std::string value = "value " + std::to_string(round);
    ASSERT_TRUE(store->Put("key", {.value = value}).ok());
    ASSERT_TRUE(store->Put("large", {.value = large}).ok());
    ASSERT_TRUE(other->Put("key", {.value = "other " + value}).ok());
    for (int i = 0; i < 3; ++i) {
      EXPECT_THAT(ValueOf(*store, "key"), Optional(Eq(value)));
      EXPECT_THAT(ValueOf(*same, "key"), Optional(Eq(value)));
      EXPECT_THAT(ValueOf(*other, "key"), Optional(Eq("other " + value)));
      EXPECT_TRUE(ValueOf(*store, "large") == large);
    }
    EXPECT_FALSE(Opened().empty());
    for (int i = 0; i < 2; ++i) {
      const absl::Status status = CloseAllEnvironments();
      ASSERT_TRUE(status.ok()) << status;
      EXPECT_THAT(Opened(), IsEmpty());
    }
    EXPECT_TRUE(storage::SyncAllEnvironments().ok());
    EXPECT_THAT(Opened(), IsEmpty());
    if (round % 2 == 0) continue;  // what is next then is a Put
    EXPECT_THAT(ValueOf(*same, "key"), Optional(Eq(value)));
    EXPECT_EQ(*other->Size(), 1);
  }
}

TEST_F(CloseAllTest, WhatWaitedIsThereForOtherProcesses) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "a child that starts threads cannot be followed when its parent has some";
#endif
  const auto store = Open(directory_.path(), Durability::kGrouped);
  for (int i = 0; i < 10; ++i) {
    const std::string key = std::to_string(i);
    ASSERT_TRUE(store->Put(key, {.value = "value " + key}).ok());
    ASSERT_TRUE(CloseAllEnvironments().ok());
    EXPECT_EQ(RunProcesses(1,
                           [&](int) {
                             const auto own = Open(directory_.path());
                             return ValueOf(*own, key) == "value " + key ? 0 : 1;
                           }),
              0);
    EXPECT_THAT(Opened(), IsEmpty());
  }
  EXPECT_EQ(*store->Size(), 10);
}

TEST_F(CloseAllTest, AForkedChildGoesOnWithWhatItsParentClosed) {
  const auto store = Open(directory_.path());
  ASSERT_TRUE(store->Put("key", {.value = "value"}).ok());
  ASSERT_TRUE(CloseAllEnvironments().ok());
  EXPECT_EQ(RunProcesses(1,
                         [&](int) {
                           if (ValueOf(*store, "key") != "value") return 1;
                           if (!store->Put("key", {.value = "the child's"}).ok()) return 2;
                           if (!CloseAllEnvironments().ok()) return 3;
                           if (!Opened().empty()) return 4;
                           return ValueOf(*store, "key") == "the child's" ? 0 : 5;
                         }),
            0);
  EXPECT_THAT(ValueOf(*store, "key"), Optional(Eq("the child's")));
}

TEST_F(CloseAllTest, AfterCompactNothingIsOpenEither) {
  const auto store = Open(directory_.path());
  const auto other = Open(directory_.path());
  ASSERT_TRUE(store->Put("key", {.value = "value"}).ok());
  ASSERT_TRUE(store->Compact([](int64_t, int64_t) {}).ok());
  ASSERT_TRUE(store->Put("key", {.value = "newer"}).ok());
  ASSERT_TRUE(CloseAllEnvironments().ok());
  EXPECT_THAT(Opened(), IsEmpty());
  EXPECT_THAT(ValueOf(*other, "key"), Optional(Eq("newer")));
}

TEST_F(CloseAllTest, ThatWhatWaitsCannotBeWrittenIsTold) {
  const auto store = Open(directory_.path() / "cache", Durability::kGrouped);
  auto environment = storage::LmdbEnvironment::Acquire({.directory = directory_.path() / "cache"});
  const auto drop_nothing = [](const storage::Place&) { return false; };
  EXPECT_TRUE((*environment)
                  ->group_commit()
                  .Instead(drop_nothing,
                           [&] {
                             EXPECT_TRUE(store->Put("key", {.value = "value"}).ok());
                             std::filesystem::remove_all(directory_.path() / "cache");
                             return absl::OkStatus();
                           })
                  .ok());
  EXPECT_FALSE(CloseAllEnvironments().ok());
  EXPECT_THAT(Opened(), IsEmpty());
  ASSERT_TRUE(store->Put("key", {.value = "again"}).ok());
  EXPECT_THAT(ValueOf(*store, "key"), Optional(Eq("again")));
}

TEST_F(CloseAllTest, WhileThreadsUseTheStoresNothingIsLostOrWrong) {
  constexpr int kThreads = 4;
  constexpr int kPuts = 1000;
  const auto grouped = Open(directory_.path(), Durability::kGrouped);
  const auto synced = Open(directory_.path());
  std::atomic<int> running = kThreads;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  const auto key_of = [](int t, int i) { return std::to_string(t) + " " + std::to_string(i); };
  const auto value_of = [](const std::string& key, int i) {
    return "value of " + key + std::string(i % 100 == 7 ? 150'000 : 10, 'v');
  };
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      LmdbStore& store = t == 0 ? *synced : *grouped;
      for (int i = 0; i < kPuts; ++i) {
        const std::string key = key_of(t, i);
        wrong += !store.Put(key, {.value = value_of(key, i)}).ok();
        const std::vector<std::string> keys = {key, key_of(t, i / 2), key_of(t, i / 3), "missing"};
        wrong += ValueOf(store, key) != value_of(key, i);
        wrong += ValueOf(store, keys[1]) != value_of(keys[1], i / 2);
        int visits = 0;
        const auto visit = [&](size_t index, const Record& record) {
          ++visits;
          wrong += index > 2 || record.value != value_of(keys[index], i / (index + 1));
        };
        wrong += !store.GetMany(keys, visit).ok() || visits != 3;
      }
      --running;
    });
  }
  int rounds = 0;
  while (running > 0) {
    const absl::Status status = CloseAllEnvironments();
    EXPECT_TRUE(status.ok()) << status;
    std::this_thread::sleep_for(std::chrono::milliseconds(rounds++ % 5));
  }
  EXPECT_GT(rounds, 5);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_TRUE(CloseAllEnvironments().ok());
  EXPECT_THAT(Opened(), IsEmpty());
  for (int t = 0; t < kThreads; ++t) {
    for (int i = 0; i < kPuts; ++i) {
      const std::string key = key_of(t, i);
      wrong += ValueOf(*synced, key) != value_of(key, i);
    }
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(*synced->Size(), kThreads * kPuts);
}

}  // namespace
}  // namespace permacache::testing
