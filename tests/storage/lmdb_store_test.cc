#include "permacache/storage/lmdb_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "permacache/storage/envelope.h"
#include "permacache/storage/value_files.h"
#include "permacache/testing/processes.h"
#include "permacache/testing/random.h"
#include "permacache/testing/store_conformance.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::testing {
namespace {

using storage::Compression;
using storage::LmdbEnvironment;
using storage::LmdbStore;
using storage::LmdbStoreOptions;
using storage::Record;
using storage::Store;
using storage::TimePoint;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Optional;

std::unique_ptr<LmdbStore> OpenStore(const LmdbStoreOptions& options) {
  absl::StatusOr<std::unique_ptr<LmdbStore>> store = LmdbStore::Open(options);
  EXPECT_TRUE(store.ok()) << store.status();
  return store.ok() ? *std::move(store) : nullptr;
}

StoreUnderTest Variant(size_t map_size, Compression compression) {
  return {.persistent = true, .open = [=](const std::filesystem::path& directory) {
            return OpenStore({.environment = {.directory = directory, .map_size = map_size},
                              .compression = compression});
          }};
}

INSTANTIATE_TEST_SUITE_P(Lmdb, StoreConformance,
                         ::testing::Values(Variant(size_t{1} << 36, Compression::kNone)));
INSTANTIATE_TEST_SUITE_P(LmdbCompressed, StoreConformance,
                         ::testing::Values(Variant(size_t{1} << 36, Compression::kZstd)));
INSTANTIATE_TEST_SUITE_P(LmdbFromATinyMap, StoreConformance,
                         ::testing::Values(Variant(size_t{1} << 16, Compression::kNone)));

// Puts `bytes` where the record of `key` lies.
void OverwriteRecord(const std::filesystem::path& directory, const std::string& bytes) {
  auto environment = LmdbEnvironment::Acquire({.directory = directory});
  ASSERT_TRUE(environment.ok()) << environment.status();
  const MDB_dbi database = (*environment)->OpenGeneration(0).value();
  const absl::Status status = (*environment)->Write([&](MDB_txn* txn) {
    MDB_cursor* cursor = nullptr;
    if (int error = mdb_cursor_open(txn, database, &cursor); error != 0) return error;
    MDB_val index, value;
    int error = mdb_cursor_get(cursor, &index, &value, MDB_FIRST);
    if (error == 0) {
      MDB_val changed{bytes.size(), const_cast<char*>(bytes.data())};
      error = mdb_put(txn, database, &index, &changed, 0);
    }
    mdb_cursor_close(cursor);
    return error;
  });
  ASSERT_TRUE(status.ok()) << status;
}

absl::Status StatusOfGet(Store& store, std::string_view key) {
  return store.Get(key, [](const Record&) {}).status();
}

TEST(LmdbStore, VersionsDoNotSeeEachOther) {
  const TemporaryDirectory directory;
  const auto first = OpenStore({.environment = {.directory = directory.path()}, .version = 1});
  const auto second = OpenStore({.environment = {.directory = directory.path()}, .version = 2});
  ASSERT_TRUE(first->Put("key", {.value = "one"}).ok());
  EXPECT_EQ(ValueOf(*second, "key"), std::nullopt);
  ASSERT_TRUE(second->Put("key", {.value = "two"}).ok());
  ASSERT_TRUE(second->Clear().ok());
  EXPECT_THAT(ValueOf(*first, "key"), Optional(Eq("one")));
}

TEST(LmdbStore, CompressionMakesTheRecordSmallerAndBothKindsCanBeRead) {
  const TemporaryDirectory directory;
  const std::string value(1 << 20, 'x');
  const auto compressing = OpenStore(
      {.environment = {.directory = directory.path()}, .compression = Compression::kZstd});
  ASSERT_TRUE(compressing->Put("key", {.value = value}).ok());
  EXPECT_LT(std::filesystem::file_size(directory.path() / "data.mdb"), value.size() / 4);
  const auto plain = OpenStore({.environment = {.directory = directory.path()}});
  EXPECT_TRUE(ValueOf(*plain, "key") == value);
  ASSERT_TRUE(plain->Put("key", {.value = value}).ok());
  EXPECT_TRUE(ValueOf(*compressing, "key") == value);
}

TEST(LmdbStore, ADamagedRecordIsDataLossUntilItIsReplaced) {
  const TemporaryDirectory directory;
  const auto store = OpenStore({.environment = {.directory = directory.path()}});
  ASSERT_TRUE(store->Put("key", {.value = "value"}).ok());
  std::string envelope = storage::SealEnvelope("key", {.value = "value"}, Compression::kNone);
  envelope[envelope.size() - 10] ^= 1;
  OverwriteRecord(directory.path(), envelope);
  const absl::Status status = StatusOfGet(*store, "key");
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(directory.path().string()));
  ASSERT_TRUE(store->Put("key", {.value = "value"}).ok());
  EXPECT_THAT(ValueOf(*store, "key"), Optional(Eq("value")));
}

TEST(LmdbStore, ARecordOfANewerVersionIsUnimplemented) {
  const TemporaryDirectory directory;
  const auto store = OpenStore({.environment = {.directory = directory.path()}});
  ASSERT_TRUE(store->Put("key", {.value = "value"}).ok());
  std::string envelope = storage::SealEnvelope("key", {.value = "value"}, Compression::kNone);
  envelope[4] = 2;
  OverwriteRecord(directory.path(), envelope);
  EXPECT_TRUE(absl::IsUnimplemented(StatusOfGet(*store, "key")));
}

// As if two keys had the same digest.
TEST(LmdbStore, ARecordOfAnotherKeyUnderTheSameIndexIsAMiss) {
  const TemporaryDirectory directory;
  const auto store = OpenStore({.environment = {.directory = directory.path()}});
  ASSERT_TRUE(store->Put("key", {.value = "value"}).ok());
  OverwriteRecord(directory.path(),
                  storage::SealEnvelope("another", {.value = "wrong"}, Compression::kNone));
  EXPECT_EQ(ValueOf(*store, "key"), std::nullopt);
  EXPECT_EQ(store->Erase("key").value(), false);
  EXPECT_EQ(store->Size().value(), 1);
}

TEST(LmdbStore, ADamagedRecordCanBeErased) {
  const TemporaryDirectory directory;
  const auto store = OpenStore({.environment = {.directory = directory.path()}});
  ASSERT_TRUE(store->Put("key", {.value = "value"}).ok());
  OverwriteRecord(directory.path(), "rubbish");
  EXPECT_EQ(store->Erase("key").value(), true);
  EXPECT_EQ(store->Size().value(), 0);
}

constexpr size_t kLarge = storage::ValueFiles::kLeastSize;

// What Get and GetMany say of the record besides its value.
struct Whence {
  bool from_memory = false;
  bool has_file = false;
  bool operator==(const Whence&) const = default;
};

Whence WhenceIs(Store& store, const std::string& key) {
  Whence one, many;
  const auto look = [](const Record& record) {
    return Whence{record.from_memory, record.file >= 0};
  };
  EXPECT_TRUE(*store.Get(key, [&](const Record& record) { one = look(record); }));
  EXPECT_TRUE(
      store.GetMany(std::vector{key}, [&](size_t, const Record& record) { many = look(record); })
          .ok());
  EXPECT_EQ(many.has_file, one.has_file);
  return one;
}

TEST(LmdbStore, SaysWhatItHasFromMemory) {
  const TemporaryDirectory directory;
  const auto store = OpenStore({.environment = {.directory = directory.path()}});
  ASSERT_TRUE(store->Put("small", {.value = "value"}).ok());
  EXPECT_FALSE(WhenceIs(*store, "small").from_memory);
  EXPECT_TRUE(WhenceIs(*store, "small").from_memory);
  ASSERT_TRUE(store->Put("large", {.value = std::string(kLarge, 'l')}).ok());
  for (int i = 0; i < 2; ++i) EXPECT_EQ(WhenceIs(*store, "large"), (Whence{false, true}));
}

TEST(LmdbStore, SaysWhatItHasFromMemoryAsItWaits) {
  const TemporaryDirectory directory;
  const auto store = OpenStore({.environment = {.directory = directory.path()},
                                .durability = storage::Durability::kGrouped});
  auto environment = LmdbEnvironment::Acquire({.directory = directory.path()});
  ASSERT_TRUE(environment.ok()) << environment.status();
  const auto drop_nothing = [](const storage::Place&) { return false; };
  const absl::Status status = (*environment)->group_commit().Instead(drop_nothing, [&] {
    EXPECT_TRUE(store->Put("small", {.value = "value"}).ok());
    EXPECT_TRUE(store->Put("large", {.value = std::string(kLarge, 'l')}).ok());
    EXPECT_EQ(WhenceIs(*store, "small"), (Whence{true, false}));
    EXPECT_EQ(WhenceIs(*store, "large"), (Whence{true, true}));
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok()) << status;
}

TEST(LmdbStore, HasNoFileOfAValueThatIsCompressed) {
  const TemporaryDirectory directory;
  const auto store = OpenStore({.environment = {.directory = directory.path()},
                                .compression = Compression::kZstd,
                                .least_file_size = 1});
  ASSERT_TRUE(store->Put("compressed", {.value = std::string(10000, 'c')}).ok());
  EXPECT_EQ(WhenceIs(*store, "compressed"), (Whence{false, false}));
  ASSERT_TRUE(store->Put("as it is", {.value = "value"}).ok());
  EXPECT_EQ(WhenceIs(*store, "as it is"), (Whence{false, true}));
}

TEST(GetMany, ADamagedRecordKeepsNoOtherFromBeingVisited) {
  const TemporaryDirectory directory;
  const auto store =
      OpenStore({.environment = {.directory = directory.path()}, .least_file_size = 1000});
  const std::vector<std::string> keys = {"a", "b", "missing", "c", "large", "last"};
  for (const char* key : {"a", "b", "c", "last"}) ASSERT_TRUE(store->Put(key, {.value = key}).ok());
  ASSERT_TRUE(store->Put("large", {.value = std::string(5000, 'l')}).ok());
  const auto visited = [&](absl::Status* status) {
    std::vector<std::string> visited;
    *status =
        store->GetMany(keys, [&](size_t index, const Record&) { visited.push_back(keys[index]); });
    return visited;
  };
  absl::Status status;
  EXPECT_THAT(visited(&status), ::testing::UnorderedElementsAre("a", "b", "c", "large", "last"));
  EXPECT_TRUE(status.ok()) << status;

  std::filesystem::remove_all(directory.path() / storage::ValueFiles::kFolderName);
  EXPECT_THAT(visited(&status), ::testing::UnorderedElementsAre("a", "b", "c", "last"));
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()), ::testing::StartsWith("keys[4]: "));
  EXPECT_THAT(std::string(status.message()), HasSubstr("missing"));

  ASSERT_TRUE(*store->Erase("large"));
  OverwriteRecord(directory.path(), "rubbish");  // of one of the four
  EXPECT_EQ(visited(&status).size(), 3u);
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
}

// They are all as they were at one moment.
TEST(GetMany, LooksInOneTransaction) {
  const TemporaryDirectory directory;
  const auto store = OpenStore({.environment = {.directory = directory.path()}});
  const auto other = OpenStore({.environment = {.directory = directory.path()}});
  std::vector<std::string> keys;
  for (int i = 0; i < 50; ++i) {
    keys.push_back(std::to_string(i));
    ASSERT_TRUE(store->Put(keys[i], {.value = "before"}).ok());
  }
  int visits = 0;
  const absl::Status status = store->GetMany(keys, [&](size_t, const Record& record) {
    EXPECT_EQ(record.value, "before");
    if (visits++ > 0) return;
    std::thread([&] {
      for (const std::string& key : keys) EXPECT_TRUE(other->Put(key, {.value = "after"}).ok());
    }).join();
  });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(visits, 50);
  EXPECT_THAT(ValueOf(*store, "7"), Optional(Eq("after")));
}

TEST(GetMany, FindsWhatWaitsAndWhatIsInMemory) {
  const TemporaryDirectory directory;
  const auto store = OpenStore({.environment = {.directory = directory.path()},
                                .durability = storage::Durability::kGrouped});
  ASSERT_TRUE(store->Put("on disk", {.value = "1"}).ok());
  ASSERT_TRUE(store->Put("in memory", {.value = "2"}).ok());
  ASSERT_TRUE(storage::SyncAllEnvironments().ok());
  ASSERT_THAT(ValueOf(*store, "in memory"), Optional(Eq("2")));
  ASSERT_TRUE(store->Put("waits", {.value = "3"}).ok());
  const std::vector<std::string> keys = {"waits", "in memory", "on disk", "nowhere"};
  std::string values = "----";
  ASSERT_TRUE(store
                  ->GetMany(keys, [&](size_t index,
                                      const Record& record) { values[index] = record.value[0]; })
                  .ok());
  EXPECT_EQ(values, "321-");
}

std::filesystem::path ValueFolder(const TemporaryDirectory& directory) {
  return directory.path() / storage::ValueFiles::kFolderName;
}

std::vector<std::filesystem::path> ValueFilesIn(const TemporaryDirectory& directory) {
  std::vector<std::filesystem::path> files;
  if (!std::filesystem::exists(ValueFolder(directory))) return files;
  for (const auto& file : std::filesystem::directory_iterator(ValueFolder(directory))) {
    files.push_back(file.path());
  }
  return files;
}

TEST(LargeValue, LiesInAFileFromTheThresholdOn) {
  const TemporaryDirectory directory;
  const auto store = OpenStore({.environment = {.directory = directory.path()}});
  ASSERT_TRUE(store->Put("below", {.value = std::string(kLarge - 1, 'b')}).ok());
  EXPECT_EQ(ValueFilesIn(directory).size(), 0u);
  ASSERT_TRUE(store->Put("large", {.value = std::string(kLarge, 'l')}).ok());
  ASSERT_EQ(ValueFilesIn(directory).size(), 1u);
  EXPECT_EQ(std::filesystem::file_size(ValueFilesIn(directory)[0]), kLarge);
  struct stat info;
  ASSERT_EQ(stat(ValueFilesIn(directory)[0].c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_THAT(ValueOf(*store, "below"), Optional(Eq(std::string(kLarge - 1, 'b'))));
  EXPECT_THAT(ValueOf(*store, "large"), Optional(Eq(std::string(kLarge, 'l'))));
}

TEST(LargeValue, LiesInTheRecordIfItIsSmallWhenCompressed) {
  const TemporaryDirectory directory;
  const auto store = OpenStore(
      {.environment = {.directory = directory.path()}, .compression = Compression::kZstd});
  const std::string zeros(8 * kLarge, '\0');
  ASSERT_TRUE(store->Put("zeros", {.value = zeros}).ok());
  EXPECT_EQ(ValueFilesIn(directory).size(), 0u);
  EXPECT_THAT(ValueOf(*store, "zeros"), Optional(Eq(zeros)));

  std::string half = zeros;
  std::mt19937_64 random = SeededRandom();
  for (size_t i = 0; i < half.size() / 2; ++i) half[i] = static_cast<char>(random());
  ASSERT_TRUE(store->Put("half", {.value = half}).ok());
  ASSERT_EQ(ValueFilesIn(directory).size(), 1u);
  EXPECT_LT(std::filesystem::file_size(ValueFilesIn(directory)[0]), half.size() * 2 / 3);
  EXPECT_THAT(ValueOf(*store, "half"), Optional(Eq(half)));
}

TEST(LargeValue, ItsFileGoesWithItsRecord) {
  const TemporaryDirectory directory;
  const auto store = OpenStore({.environment = {.directory = directory.path()}});
  for (const char* key : {"replaced", "erased", "made small", "cleared"}) {
    ASSERT_TRUE(store->Put(key, {.value = std::string(kLarge, 'v')}).ok());
  }
  EXPECT_EQ(ValueFilesIn(directory).size(), 4u);
  ASSERT_TRUE(store->Put("replaced", {.value = std::string(kLarge, 'n')}).ok());
  EXPECT_EQ(ValueFilesIn(directory).size(), 4u);
  EXPECT_THAT(ValueOf(*store, "replaced"), Optional(Eq(std::string(kLarge, 'n'))));
  EXPECT_TRUE(*store->Erase("erased"));
  ASSERT_TRUE(store->Put("made small", {.value = "small"}).ok());
  EXPECT_EQ(ValueFilesIn(directory).size(), 2u);
  ASSERT_TRUE(store->Clear().ok());
  EXPECT_EQ(ValueFilesIn(directory).size(), 0u);
}

TEST(LargeValue, OfAnotherVersionStaysWhenOneIsCleared) {
  const TemporaryDirectory directory;
  const auto first = OpenStore({.environment = {.directory = directory.path()}, .version = 1});
  const auto second = OpenStore({.environment = {.directory = directory.path()}, .version = 2});
  ASSERT_TRUE(first->Put("key", {.value = std::string(kLarge, '1')}).ok());
  ASSERT_TRUE(second->Put("key", {.value = std::string(kLarge, '2')}).ok());
  ASSERT_TRUE(first->Clear().ok());
  EXPECT_THAT(ValueOf(*second, "key"), Optional(Eq(std::string(kLarge, '2'))));
}

TEST(LargeValue, ThatWaitsIsFoundAndItsFileGoesIfItIsReplacedOrErased) {
  const TemporaryDirectory directory;
  const auto store = OpenStore({.environment = {.directory = directory.path()},
                                .durability = storage::Durability::kGrouped});
  for (int i = 0; i < 20; ++i) {
    const std::string value(kLarge + i, static_cast<char>('a' + i));
    ASSERT_TRUE(store->Put("key", {.value = value}).ok());
    ASSERT_THAT(ValueOf(*store, "key"), Optional(Eq(value)));
  }
  ASSERT_TRUE(storage::SyncAllEnvironments().ok());
  EXPECT_EQ(ValueFilesIn(directory).size(), 1u);
  ASSERT_TRUE(store->Put("key", {.value = std::string(kLarge, 'z')}).ok());
  EXPECT_TRUE(*store->Erase("key"));
  ASSERT_TRUE(storage::SyncAllEnvironments().ok());
  EXPECT_EQ(ValueFilesIn(directory).size(), 0u);
  EXPECT_EQ(ValueOf(*store, "key"), std::nullopt);
}

TEST(LargeValue, WhoseFileIsMissingOrDamagedIsDataLossUntilItIsReplaced) {
  const TemporaryDirectory directory;
  const auto store = OpenStore({.environment = {.directory = directory.path()}});
  const std::string value(kLarge, 'v');
  ASSERT_TRUE(store->Put("key", {.value = value}).ok());
  const auto file = ValueFilesIn(directory)[0];
  std::fstream(file, std::ios::in | std::ios::out).seekp(5) << 'x';
  EXPECT_TRUE(absl::IsDataLoss(StatusOfGet(*store, "key")));
  std::filesystem::remove(file);
  const absl::Status status = StatusOfGet(*store, "key");
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("missing"));
  ASSERT_TRUE(store->Put("key", {.value = value}).ok());
  EXPECT_THAT(ValueOf(*store, "key"), Optional(Eq(value)));
}

TEST(LargeValue, OfAWriterThatDiedIsSweptLater) {
  const TemporaryDirectory directory;
  const std::string value(kLarge, 'v');
  EXPECT_EQ(WaitForProcess(StartProcess([&]() -> int {
              const storage::ValueFiles files(ValueFolder(directory));
              auto written = files.Write({.generation = 0, .digest = {}}, value);
              return written.ok() ? (raise(SIGKILL), 0) : 1;
            })),
            -SIGKILL);
  ASSERT_EQ(ValueFilesIn(directory).size(), 1u);
  const auto orphan = ValueFilesIn(directory)[0];
  const auto put = [&] {
    // In a process of its own, as each sweeps once.
    EXPECT_EQ(RunProcesses(1,
                           [&](int) {
                             const auto store =
                                 OpenStore({.environment = {.directory = directory.path()}});
                             return store->Put("key", {.value = value}).ok() ? 0 : 1;
                           }),
              0);
  };
  put();
  EXPECT_TRUE(std::filesystem::exists(orphan));  // it might be of one that is about to commit
  for (const auto& file : ValueFilesIn(directory)) {
    std::filesystem::last_write_time(
        file, std::filesystem::file_time_type::clock::now() - std::chrono::hours(2));
  }
  put();
  EXPECT_FALSE(std::filesystem::exists(orphan));
  const auto store = OpenStore({.environment = {.directory = directory.path()}});
  EXPECT_THAT(ValueOf(*store, "key"), Optional(Eq(value)));
}

TimePoint LastUseOf(Store& store, std::string_view key) {
  TimePoint last_used;
  EXPECT_TRUE(storage::SyncAllEnvironments().ok());
  EXPECT_TRUE(store
                  .ForEach(storage::Depth::kHeads,
                           [&](const storage::EntryInfo& info) {
                             if (info.key == key) last_used = info.last_used;
                             return storage::Verdict::kKeep;
                           })
                  .ok());
  return last_used;
}

TEST(LmdbStore, NotesTheUseOfARecordThatIsKeptInMemory) {
  const TemporaryDirectory directory;
  const auto store = OpenStore(
      {.environment = {.directory = directory.path(), .memory_age = std::chrono::nanoseconds(-1)}});
  const TimePoint almost_a_day_ago =
      std::chrono::system_clock::now() - std::chrono::hours(24) + std::chrono::milliseconds(200);
  ASSERT_TRUE(store->Put("key", {.value = "value", .created = almost_a_day_ago}).ok());
  TimePoint noted = almost_a_day_ago;
  while (noted == almost_a_day_ago) {
    ASSERT_THAT(ValueOf(*store, "key"), Optional(Eq("value")));
    noted = LastUseOf(*store, "key");
  }
  EXPECT_GT(noted, almost_a_day_ago);
}

TEST(LmdbStore, NotesAboutOnceADayThatARecordIsUsed) {
  const TemporaryDirectory directory;
  const auto store = OpenStore({.environment = {.directory = directory.path()}});
  const TimePoint now = std::chrono::system_clock::now();
  for (const size_t size : {size_t{10}, kLarge}) {
    const std::string value(size, 'v');
    const TimePoint before = now - std::chrono::days(30);
    ASSERT_TRUE(store->Put("key", {.value = value, .created = before}).ok());
    EXPECT_EQ(LastUseOf(*store, "key"), before);
    EXPECT_THAT(ValueOf(*store, "key"), Optional(Eq(value)));
    const TimePoint noted = LastUseOf(*store, "key");
    EXPECT_GT(noted, now - std::chrono::days(2));
    EXPECT_THAT(ValueOf(*store, "key"), Optional(Eq(value)));
    EXPECT_EQ(LastUseOf(*store, "key"), noted);
  }
}

}  // namespace
}  // namespace permacache::testing
