#include "permacache/storage/lmdb_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "permacache/storage/envelope.h"
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

TEST(LmdbStore, ARecordBeyondWhatLmdbCanCommitIsRefused) {
  const TemporaryDirectory directory;
  const auto store = OpenStore({.environment = {.directory = directory.path()}});
  const size_t size = size_t{1} << 31;
  void* zeros = mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(zeros, MAP_FAILED);
  const absl::Status status = store->Put("key", {.value = {static_cast<const char*>(zeros), size}});
  munmap(zeros, size);
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_EQ(store->Size().value(), 0);
}

}  // namespace
}  // namespace permacache::testing
