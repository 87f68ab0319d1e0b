#include "permacache/storage/group_commit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "permacache/storage/lmdb_store.h"
#include "permacache/testing/processes.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::storage {
namespace {

using testing::RunProcesses;
using testing::StartProcess;
using testing::TemporaryDirectory;
using testing::WaitForProcess;

Place At(std::string_view key) { return {0, DigestOfKey(key)}; }

// A disk that takes its time until it is told to go on.
class SlowDisk {
 public:
  absl::Status Write(const GroupCommit::Batch& batch) {
    std::unique_lock lock(mutex_);
    ++writes_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
    if (!status_.ok()) return status_;
    for (const auto& [name, entry] : batch.entries) written_[name] = entry->bytes;
    return absl::OkStatus();
  }

  void Hold() {
    Set([this] { open_ = false; });
  }
  void GoOn() {
    Set([this] { open_ = true; });
  }
  void Fail(const absl::Status& status) {
    Set([&] { status_ = status; });
  }
  void AwaitWrite(int number) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return writes_ >= number; });
  }
  std::map<Place, std::string> written() {
    std::lock_guard lock(mutex_);
    return written_;
  }

 private:
  template <class Change>
  void Set(Change change) {
    std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = true;
  int writes_ = 0;
  absl::Status status_;
  std::map<Place, std::string> written_;
};

class GroupCommitTest : public ::testing::Test {
 protected:
  std::optional<std::string> Find(const std::string& index) {
    std::optional<std::string> found;
    commit_.Find(At(index), [&](std::string_view bytes) { found = bytes; });
    return found;
  }

  void Add(const std::string& index, const std::string& bytes) {
    commit_.Add(At(index), {bytes, nullptr, [this](const absl::Status& s) { lost_.push_back(s); }});
  }

  SlowDisk disk_;
  std::vector<absl::Status> lost_;
  GroupCommit commit_{[this](const GroupCommit::Batch& batch) { return disk_.Write(batch); }};
};

TEST_F(GroupCommitTest, AnEntryIsFoundUntilItIsWritten) {
  disk_.Hold();
  Add("a", "1");
  EXPECT_EQ(Find("a"), "1");
  disk_.AwaitWrite(1);
  EXPECT_EQ(Find("a"), "1");
  EXPECT_EQ(Find("b"), std::nullopt);
  disk_.GoOn();
  EXPECT_TRUE(commit_.Flush().ok());
  EXPECT_TRUE(commit_.empty());
  EXPECT_EQ(disk_.written().at(At("a")), "1");
}

TEST_F(GroupCommitTest, ANewerEntryIsFoundAndWrittenAfterTheOlderOne) {
  disk_.Hold();
  Add("a", "1");
  disk_.AwaitWrite(1);
  Add("a", "2");
  EXPECT_EQ(Find("a"), "2");
  disk_.GoOn();
  EXPECT_TRUE(commit_.Flush().ok());
  EXPECT_EQ(disk_.written().at(At("a")), "2");
}

TEST_F(GroupCommitTest, WhatIsDroppedIsNotWrittenLater) {
  disk_.Hold();
  Add("a", "1");
  disk_.AwaitWrite(1);
  Add("a", "2");
  Add("b", "1");
  std::thread eraser([&] {
    const auto drop = [](const Place& name) { return name == At("a"); };
    EXPECT_TRUE(commit_.Instead(drop, [] { return absl::OkStatus(); }).ok());
  });
  disk_.GoOn();
  eraser.join();
  EXPECT_TRUE(commit_.Flush().ok());
  EXPECT_EQ(disk_.written().at(At("a")), "1");
  EXPECT_EQ(disk_.written().at(At("b")), "1");
}

TEST_F(GroupCommitTest, EachEntryThatIsLostIsToldAndTheNextFlushSaysIt) {
  disk_.Fail(absl::ResourceExhaustedError("full"));
  Add("a", "1");
  Add("b", "1");
  EXPECT_TRUE(absl::IsResourceExhausted(commit_.Flush()));
  EXPECT_EQ(lost_.size(), 2u);
  EXPECT_TRUE(commit_.Flush().ok());
  EXPECT_EQ(Find("a"), std::nullopt);
}

TEST_F(GroupCommitTest, WhoIsToldOfALossMayUseTheStore) {
  disk_.Fail(absl::ResourceExhaustedError("full"));
  absl::Status flushed, done;
  commit_.Add(At("a"), {"1", nullptr, [&](const absl::Status&) {
                          flushed = commit_.Flush();
                          done = commit_.Instead([](const Place&) { return true; },
                                                 [] { return absl::InternalError("was here"); });
                        }});
  commit_.Flush().IgnoreError();
  commit_.Close();
  EXPECT_TRUE(absl::IsInternal(done)) << done;
}

TEST_F(GroupCommitTest, OnceClosedEachEntryIsWrittenAtOnce) {
  commit_.Close();
  Add("a", "1");
  EXPECT_EQ(disk_.written().at(At("a")), "1");
}

TEST_F(GroupCommitTest, TooMuchDoesNotWait) {
  Add("a", std::string(GroupCommit::kMostBytes + 1, 'x'));
  EXPECT_EQ(disk_.written().size(), 1u);
}

// What an entry holds looks around when it is let go of, which no mutex may forbid.
class HeldTest : public GroupCommitTest {
 protected:
  void AddHolding(const std::string& index, const std::string& bytes) {
    const auto on_lost = [this](const absl::Status&) { ++losses_; };
    std::shared_ptr<const void> held(nullptr, [this, index, bytes](const void*) {
      const auto written = disk_.written();
      const auto found = written.find(At(index));
      is_on_disk_ = found != written.end() && found->second == bytes;
      losses_before_ = losses_.load();
      Find(index);
      const auto drop_nothing = [](const Place&) { return false; };
      commit_.Instead(drop_nothing, [] { return absl::OkStatus(); }).IgnoreError();
      ++released_;
    });
    commit_.Add(At(index), {bytes, nullptr, on_lost, std::move(held)});
  }

  void AwaitReleases(int count) {
    while (released_ < count) std::this_thread::yield();
  }

  std::atomic<int> losses_ = 0, losses_before_ = 0, released_ = 0;
  std::atomic<bool> is_on_disk_ = false;
};

TEST_F(HeldTest, IsLetGoOfWhenTheDiskHasTheEntry) {
  disk_.Hold();
  AddHolding("a", "1");
  disk_.AwaitWrite(1);
  EXPECT_EQ(released_, 0);
  disk_.GoOn();
  AwaitReleases(1);
  EXPECT_TRUE(is_on_disk_);
  EXPECT_EQ(losses_, 0);
}

TEST_F(HeldTest, IsLetGoOfWhenTheEntryIsReplacedWhileItWaits) {
  disk_.Hold();
  Add("other", "1");
  disk_.AwaitWrite(1);
  std::thread writer([&] {
    AddHolding("a", "1");
    AddHolding("a", "2");
  });
  disk_.GoOn();  // as who puts another in its place lets go of it, and waits for the disk then
  writer.join();
  EXPECT_TRUE(commit_.Flush().ok());
  AwaitReleases(2);
  EXPECT_EQ(disk_.written().at(At("a")), "2");
}

TEST_F(HeldTest, IsLetGoOfWhenTheEntryIsDropped) {
  const auto drop = [](const Place& name) { return name == At("a"); };
  int released_meanwhile = 0;
  do {
    released_ = 0;
    AddHolding("a", "1");
    const absl::Status status = commit_.Instead(drop, [&] {
      released_meanwhile = released_;
      return absl::OkStatus();
    });
    EXPECT_TRUE(status.ok()) << status;
    AwaitReleases(1);
  } while (released_meanwhile != 0);  // it was written before
  EXPECT_EQ(released_, 1);
}

TEST_F(HeldTest, IsLetGoOfWhenTheEntryIsLostAndThatWasTold) {
  disk_.Fail(absl::ResourceExhaustedError("full"));
  AddHolding("a", "1");
  AwaitReleases(1);
  EXPECT_FALSE(is_on_disk_);
  EXPECT_EQ(losses_before_, 1);
}

TEST_F(HeldTest, IsLetGoOfAtOnceByWhoWritesAtOnce) {
  commit_.Close();
  AddHolding("a", "1");
  EXPECT_EQ(released_, 1);
  EXPECT_TRUE(is_on_disk_);
}

TEST(GroupCommit, WritesWhatWaitsWhenItGoes) {
  SlowDisk disk;
  {
    GroupCommit commit([&](const GroupCommit::Batch& batch) { return disk.Write(batch); });
    commit.Add(At("a"), {"1", nullptr, {}});
  }
  EXPECT_EQ(disk.written().size(), 1u);
}

// The real thing.
std::unique_ptr<LmdbStore> Open(const std::filesystem::path& directory, Durability durability,
                                OnLost on_lost = {}) {
  auto store = LmdbStore::Open({.environment = {.directory = directory},
                                .durability = durability,
                                .on_lost = std::move(on_lost)});
  EXPECT_TRUE(store.ok()) << store.status();
  return *std::move(store);
}

std::optional<std::string> ValueOf(Store& store, const std::string& key) {
  std::optional<std::string> value;
  const absl::StatusOr<bool> found =
      store.Get(key, [&](const Record& record) { value = record.value; });
  EXPECT_TRUE(found.ok()) << found.status();
  return value;
}

// How many transactions have been committed so far.
size_t Commits(const std::filesystem::path& directory) {
  auto environment = LmdbEnvironment::Acquire({.directory = directory});
  size_t id = 0;
  EXPECT_TRUE((*environment)
                  ->Read([&](MDB_txn* txn) {
                    id = mdb_txn_id(txn);
                    return 0;
                  })
                  .ok());
  return id;
}

// Runs `body` while nothing that waits is written.
void WhileNothingIsWritten(const std::filesystem::path& directory, absl::FunctionRef<void()> body) {
  auto environment = LmdbEnvironment::Acquire({.directory = directory});
  ASSERT_TRUE(environment.ok()) << environment.status();
  const auto drop_nothing = [](const Place&) { return false; };
  EXPECT_TRUE((*environment)
                  ->group_commit()
                  .Instead(drop_nothing,
                           [&] {
                             body();
                             return absl::OkStatus();
                           })
                  .ok());
}

TEST(GroupedStore, ManyResultsShareACommit) {
  const TemporaryDirectory directory;
  const auto store = Open(directory.path(), Durability::kGrouped);
  const size_t before = Commits(directory.path());
  WhileNothingIsWritten(directory.path(), [&] {
    for (int i = 0; i < 1000; ++i) {
      ASSERT_TRUE(store->Put(std::to_string(i), {.value = "value"}).ok());
      ASSERT_EQ(ValueOf(*store, std::to_string(i)), "value");
    }
  });
  ASSERT_TRUE(SyncAllEnvironments().ok());
  EXPECT_EQ(Commits(directory.path()) - before, 1u);
  EXPECT_EQ(*store->Size(), 1000);
}

TEST(GroupedStore, HoldsWhatItIsGivenUntilTheCommit) {
  const TemporaryDirectory directory;
  const auto store = Open(directory.path(), Durability::kGrouped);
  const size_t before = Commits(directory.path());
  std::atomic<size_t> commits_at_release = 0;
  std::shared_ptr<const void> held(
      nullptr, [&](const void*) { commits_at_release = Commits(directory.path()); });
  WhileNothingIsWritten(directory.path(), [&] {
    EXPECT_TRUE(store->Put("a", {.value = "1", .held = std::move(held)}).ok());
    EXPECT_EQ(commits_at_release, 0u);
  });
  EXPECT_TRUE(SyncAllEnvironments().ok());
  while (commits_at_release == 0) std::this_thread::yield();
  EXPECT_EQ(commits_at_release, before + 1);
}

std::vector<KeyedRecord> ManyRecords(const std::vector<std::string>& keys,
                                     std::chrono::nanoseconds compute_time) {
  std::vector<KeyedRecord> records;
  for (const std::string& key : keys) {
    records.push_back({key, {.value = "value", .compute_time = compute_time}});
  }
  return records;
}

TEST(PutMany, ThatMustNotWaitIsOneCommit) {
  using std::chrono::milliseconds;
  struct Case {
    Durability durability;
    milliseconds compute_time;
    bool synced;
    bool waits;
  };
  std::vector<std::string> keys;
  for (int i = 0; i < 100; ++i) keys.push_back(std::to_string(i));
  for (const Case& test : std::vector<Case>{
           {Durability::kSynced, milliseconds(0), false, false},
           {Durability::kGrouped, milliseconds(1000), false, true},
           {Durability::kGrouped, milliseconds(0), true, false},
           {Durability::kByCost, milliseconds(0), false, true},
           {Durability::kByCost, milliseconds(0), true, false},
           {Durability::kByCost, milliseconds(1), false, false},  // 100 of them take long
       }) {
    const TemporaryDirectory directory;
    const auto store = Open(directory.path(), test.durability);
    const size_t before = Commits(directory.path());
    size_t commits = 0;
    const auto put = [&] {
      const absl::Status status = store->PutMany(ManyRecords(keys, test.compute_time), test.synced);
      EXPECT_TRUE(status.ok()) << status;
      commits = Commits(directory.path()) - before;
    };
    if (test.waits) {
      WhileNothingIsWritten(directory.path(), put);
      EXPECT_EQ(commits, 0u);
      EXPECT_TRUE(SyncAllEnvironments().ok());
    } else {
      put();
      EXPECT_EQ(commits, 1u);
    }
    EXPECT_EQ(Commits(directory.path()) - before, 1u);
    EXPECT_EQ(*store->Size(), 100);
  }
}

TEST(PutMany, ReplacesWhatWaits) {
  const TemporaryDirectory directory;
  const auto store = Open(directory.path(), Durability::kGrouped);
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(store->Put("a", {.value = "earlier"}).ok());
    ASSERT_TRUE(store->Put("b", {.value = "other"}).ok());
    ASSERT_TRUE(store->PutMany(ManyRecords({"a"}, {}), true).ok());
    EXPECT_EQ(ValueOf(*store, "a"), "value");
    ASSERT_TRUE(SyncAllEnvironments().ok());
    EXPECT_EQ(ValueOf(*store, "a"), "value");
    EXPECT_EQ(ValueOf(*store, "b"), "other");
  }
}

TEST(PutMany, ThatIsSyncedSurvivesAKill) {
  const TemporaryDirectory directory;
  EXPECT_EQ(WaitForProcess(StartProcess([&]() -> int {
              const auto store = Open(directory.path(), Durability::kGrouped);
              if (!store->PutMany(ManyRecords({"a", "b"}, {}), true).ok()) std::_Exit(1);
              return std::raise(SIGKILL);
            })),
            -SIGKILL);
  EXPECT_EQ(*Open(directory.path(), Durability::kSynced)->Size(), 2);
}

TEST(PutMany, ATooLargeKeyKeepsNoOtherFromBeingStored) {
  const TemporaryDirectory directory;
  const size_t size = (size_t{1} << 30) + 1;
  void* const map = mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(map, MAP_FAILED);
  const std::string_view too_large(static_cast<const char*>(map), size);
  for (const Durability durability : {Durability::kGrouped, Durability::kSynced}) {
    const auto store = Open(directory.path(), durability);
    ASSERT_TRUE(store->Clear().ok());
    const std::vector<KeyedRecord> records = {
        {"a", {.value = "1"}}, {too_large, {.value = "2"}}, {"b", {.value = "3"}}};
    const absl::Status status = store->PutMany(records, false);
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
    EXPECT_THAT(std::string(status.message()), ::testing::StartsWith("entries[1]: "));
    EXPECT_EQ(ValueOf(*store, "a"), "1");
    EXPECT_EQ(ValueOf(*store, "b"), "3");
  }
  munmap(map, size);
}

TEST(GroupedStore, OtherObjectsOfThisProcessFindWhatWaits) {
  const TemporaryDirectory directory;
  const auto store = Open(directory.path(), Durability::kGrouped);
  const auto other = Open(directory.path(), Durability::kSynced);
  ASSERT_TRUE(store->Put("a", {.value = "1"}).ok());
  EXPECT_EQ(ValueOf(*other, "a"), "1");
  ASSERT_TRUE(other->Put("a", {.value = "2"}).ok());
  EXPECT_EQ(ValueOf(*store, "a"), "2");
  ASSERT_TRUE(SyncAllEnvironments().ok());
  EXPECT_EQ(ValueOf(*store, "a"), "2");
}

TEST(GroupedStore, WhatIsErasedOrClearedDoesNotComeBack) {
  const TemporaryDirectory directory;
  const auto store = Open(directory.path(), Durability::kGrouped);
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(store->Put("a", {.value = "1"}).ok());
    ASSERT_TRUE(store->Put("b", {.value = "1"}).ok());
    EXPECT_TRUE(*store->Erase("a"));
    EXPECT_EQ(ValueOf(*store, "a"), std::nullopt);
    ASSERT_TRUE(SyncAllEnvironments().ok());
    EXPECT_EQ(ValueOf(*store, "a"), std::nullopt);
    EXPECT_EQ(ValueOf(*store, "b"), "1");
    ASSERT_TRUE(store->Put("c", {.value = "1"}).ok());
    ASSERT_TRUE(store->Clear().ok());
    EXPECT_EQ(*store->Size(), 0);
  }
}

// Exits as a program does, with its exit handlers, or is killed where it stands.
int PutAndEnd(const std::filesystem::path& directory, Durability durability,
              std::chrono::nanoseconds compute_time, bool killed) {
  return WaitForProcess(StartProcess([&]() -> int {
    const auto store = Open(directory, durability);
    if (!store->Put("a", {.value = "1", .compute_time = compute_time}).ok()) std::_Exit(1);
    if (killed) std::raise(SIGKILL);
    std::exit(0);
  }));
}

TEST(Durability, WhatWaitsIsWrittenWhenTheProgramEnds) {
  const TemporaryDirectory directory;
  EXPECT_EQ(PutAndEnd(directory.path(), Durability::kGrouped, {}, false), 0);
  EXPECT_EQ(ValueOf(*Open(directory.path(), Durability::kSynced), "a"), "1");
}

TEST(Durability, WhatTookLongSurvivesAKill) {
  const TemporaryDirectory directory;
  EXPECT_EQ(PutAndEnd(directory.path(), Durability::kByCost, std::chrono::milliseconds(10), true),
            -SIGKILL);
  EXPECT_EQ(ValueOf(*Open(directory.path(), Durability::kSynced), "a"), "1");
}

TEST(Durability, SyncedMeansEachResultSurvivesAKill) {
  const TemporaryDirectory directory;
  EXPECT_EQ(PutAndEnd(directory.path(), Durability::kSynced, {}, true), -SIGKILL);
  EXPECT_EQ(ValueOf(*Open(directory.path(), Durability::kSynced), "a"), "1");
}

TEST(Durability, AfterSyncAllOtherProcessesFindEverything) {
  const TemporaryDirectory directory;
  EXPECT_EQ(RunProcesses(1,
                         [&](int) {
                           const auto store = Open(directory.path(), Durability::kGrouped);
                           for (int i = 0; i < 100; ++i) {
                             if (!store->Put(std::to_string(i), {.value = "1"}).ok()) return 1;
                           }
                           if (!SyncAllEnvironments().ok()) return 2;
                           return 0;  // without exit handlers
                         }),
            0);
  EXPECT_EQ(*Open(directory.path(), Durability::kSynced)->Size(), 100);
}

TEST(Durability, AForkedChildLeavesWhatWaitsToItsParent) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "a child that starts threads cannot be followed when its parent has some";
#endif
  const TemporaryDirectory directory;
  const auto store = Open(directory.path(), Durability::kGrouped);
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(store->Put("parent" + std::to_string(i), {.value = "1"}).ok());
    EXPECT_EQ(WaitForProcess(StartProcess([&]() -> int {
                if (!store->Put("child" + std::to_string(i), {.value = "1"}).ok()) std::_Exit(1);
                return SyncAllEnvironments().ok() ? 0 : 2;
              })),
              0);
  }
  EXPECT_EQ(*store->Size(), 40);
}

TEST(Durability, ResultsOfADeletedCacheAreToldToBeLost) {
  const TemporaryDirectory directory;
  std::atomic<int> lost = 0;
  const auto store =
      Open(directory.path() / "cache", Durability::kGrouped, [&](const absl::Status& status) {
        EXPECT_TRUE(absl::IsAborted(status)) << status;
        ++lost;
      });
  WhileNothingIsWritten(directory.path() / "cache", [&] {
    EXPECT_TRUE(store->Put("a", {.value = "1"}).ok());
    std::filesystem::remove_all(directory.path() / "cache");
  });
  EXPECT_FALSE(SyncAllEnvironments().ok());
  EXPECT_EQ(lost, 1);
  EXPECT_TRUE(store->Put("a", {.value = "2"}).ok());
}

}  // namespace
}  // namespace permacache::storage
