// An exported file that is looked up where it lies.
#include "permacache/archive/pack.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "permacache/archive/archive_writer.h"
#include "permacache/archive/export.h"
#include "permacache/archive/layered_store.h"
#include "permacache/storage/memory_store.h"
#include "permacache/testing/faulty_store.h"
#include "permacache/testing/processes.h"
#include "permacache/testing/random.h"
#include "permacache/testing/stored_value.h"
#include "permacache/testing/temporary_directory.h"
#include "tests/archive/cache_content.h"

namespace permacache::archive {
namespace {

using ::permacache::testing::Contents;
using ::permacache::testing::FaultyStore;
using ::permacache::testing::Fill;
using ::permacache::testing::ParentInMemory;
using ::permacache::testing::RandomContents;
using ::permacache::testing::ReadFile;
using ::permacache::testing::SeededRandom;
using ::permacache::testing::StoreCall;
using ::permacache::testing::TemporaryDirectory;
using ::permacache::testing::ValueOf;
using ::permacache::testing::WriteFile;
using ::testing::Eq;
using ::testing::Optional;

class PackTest : public ::testing::Test {
 protected:
  std::shared_ptr<const Pack> PackOf(const Contents& contents) {
    Fill(directory_.path() / "cache", contents);
    EXPECT_TRUE(Export(directory_.path() / "cache", file_, {.overwrite = true}).ok());
    return Pack::Open(file_).value();
  }

  const TemporaryDirectory directory_{ParentInMemory()};
  const std::filesystem::path file_ = directory_.path() / "pack";
};

// What the pack has of all that; whatever it finds must be right.
int64_t CountFound(const Pack& pack, const Contents& contents) {
  int64_t count = 0;
  for (const auto& [place, entries] : contents) {
    const Pack::Indexes* indexes = pack.Find(std::get<0>(place), std::get<1>(place));
    if (indexes == nullptr) continue;
    for (const auto& [key, content] : entries) {
      const absl::StatusOr<bool> found =
          pack.Get(*indexes, key, [&, expected = content](const storage::Record& record) {
            EXPECT_TRUE(record.value == expected.value);
            EXPECT_EQ(record.created.time_since_epoch().count(), expected.created);
            EXPECT_EQ(record.compute_time.count(), expected.compute_time);
            EXPECT_FALSE(record.from_memory);
          });
      EXPECT_TRUE(found.ok()) << found.status();
      count += found.ok() && *found;
    }
  }
  return count;
}

int64_t CountOf(const Contents& contents) {
  int64_t count = 0;
  for (const auto& [place, entries] : contents) count += static_cast<int64_t>(entries.size());
  return count;
}

TEST_F(PackTest, FindsEveryEntryBitForBitAndNothingElse) {
  std::mt19937_64 random = SeededRandom();
  const Contents contents = RandomContents(random, 200, /*with_large=*/true);
  const std::shared_ptr<const Pack> pack = PackOf(contents);
  // An entry of one function in LMDB and in files may have a value in each; the pack has either.
  Contents once = contents;
  once.erase({"wing/lift", 0, true});
  EXPECT_EQ(CountFound(*pack, once), CountOf(once));
  EXPECT_EQ(pack->Find("wing/lift", 1), nullptr);
  EXPECT_EQ(pack->Find("wing/lif", 0), nullptr);
  const Pack::Indexes& indexes = *pack->Find("wing/lift", 0);
  for (int i = 0; i < 1000; ++i) {
    const absl::StatusOr<bool> found =
        pack->Get(indexes, "no key " + std::to_string(i), [](const storage::Record&) { FAIL(); });
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_FALSE(*found);
  }
}

TEST_F(PackTest, FindsEntriesThroughManyPagesAndIndexes) {
  constexpr int kEntries = 30'000;
  std::string bytes;
  const auto writer = ArchiveWriter::Make(
                          [&](std::string_view piece) {
                            bytes += piece;
                            return absl::OkStatus();
                          },
                          /*entries_per_index=*/12'000)
                          .value();
  ASSERT_TRUE(writer->Begin({.function = "f"}).ok());
  for (int i = 0; i < kEntries; ++i) {
    const std::string key = std::to_string(i);
    ASSERT_TRUE(writer->Add({.key = key, .value = key}).ok());
  }
  ASSERT_TRUE(writer->Finish().ok());
  WriteFile(file_, bytes);
  const std::shared_ptr<const Pack> pack = Pack::Open(file_).value();
  const Pack::Indexes& indexes = *pack->Find("f", 0);
  ASSERT_EQ(indexes.size(), 3u);
  EXPECT_GT(indexes.front().size(), 5u);
  for (int i = 0; i < kEntries; i += 7) {
    const std::string key = std::to_string(i);
    const absl::StatusOr<bool> found = pack->Get(
        indexes, key, [&](const storage::Record& record) { EXPECT_EQ(record.value, key); });
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_TRUE(*found) << i;
  }
}

TEST_F(PackTest, MayBeUsedByManyThreadsAndAForkedChild) {
  std::mt19937_64 random = SeededRandom();
  Contents contents = RandomContents(random, 60);
  contents.erase({"wing/lift", 0, true});
  const std::shared_ptr<const Pack> pack = PackOf(contents);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { EXPECT_EQ(CountFound(*pack, contents), CountOf(contents)); });
  }
  const auto body = [&] { return CountFound(*pack, contents) == CountOf(contents) ? 0 : 1; };
  EXPECT_EQ(testing::WaitForProcess(testing::StartProcess(body)), 0);
}

TEST_F(PackTest, GoesOnWhenItsFileIsReplacedByRenaming) {
  const Contents contents = {{{"f", 0, false}, {{"a", {.value = "old"}}}}};
  const std::shared_ptr<const Pack> pack = PackOf(contents);
  WriteFile(directory_.path() / "other", "something else");
  std::filesystem::rename(directory_.path() / "other", file_);
  EXPECT_EQ(CountFound(*pack, contents), 1);
}

TEST_F(PackTest, ThatIsOverwrittenOrCutIsDamagedAndNeverWrong) {
  Contents contents = {{{"f", 0, false}, {{"a", {.value = std::string(1'000'000, 'a')}}}}};
  contents[{"f", 0, false}]["b"] = {.value = "b"};
  const std::shared_ptr<const Pack> pack = PackOf(contents);
  const std::string sound = ReadFile(file_);
  const Pack::Indexes& indexes = *pack->Find("f", 0);
  for (const std::string& bytes :
       {std::string(sound.size(), 'x'), sound.substr(0, 300), std::string()}) {
    WriteFile(file_, bytes);
    for (const char* key : {"a", "b"}) {
      const absl::Status status =
          pack->Get(indexes, key, [](const storage::Record&) { FAIL(); }).status();
      EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    }
  }
}

class LayeredStoreTest : public PackTest {
 protected:
  LayeredStoreTest() {
    const std::shared_ptr<const Pack> first =
        PackOf({{{"f", 0, false}, {{"a", {.value = "first a"}}, {"b", {.value = "first b"}}}}});
    first_ = {first, first->Find("f", 0)};
    std::filesystem::remove_all(directory_.path() / "cache");
    const std::shared_ptr<const Pack> second =
        PackOf({{{"f", 0, false}, {{"b", {.value = "second b"}}, {"c", {.value = "second c"}}}}});
    second_ = {second, second->Find("f", 0)};
  }

  LayeredStore Layered() {
    return LayeredStore(
        [this]() -> absl::StatusOr<std::shared_ptr<storage::Store>> {
          if (!open_.ok()) return open_;
          return own_;
        },
        {first_, second_}, [this](const absl::Status& status) { troubles_.push_back(status); });
  }

  PackLayer first_, second_;
  const std::shared_ptr<FaultyStore> own_ =
      std::make_shared<FaultyStore>(std::make_shared<storage::MemoryStore>());
  absl::Status open_;
  std::vector<absl::Status> troubles_;
};

TEST_F(LayeredStoreTest, LooksIntoTheStoreThenThePacksInTheirOrder) {
  LayeredStore store = Layered();
  EXPECT_THAT(ValueOf(store, "a"), Optional(Eq("first a")));
  EXPECT_THAT(ValueOf(store, "b"), Optional(Eq("first b")));
  EXPECT_THAT(ValueOf(store, "c"), Optional(Eq("second c")));
  EXPECT_EQ(ValueOf(store, "d"), std::nullopt);
  ASSERT_TRUE(store.Put("b", {.value = "own b"}).ok());
  EXPECT_THAT(ValueOf(store, "b"), Optional(Eq("own b")));
  EXPECT_EQ(store.Size().value(), 1);
  EXPECT_TRUE(store.Erase("b").value());
  EXPECT_FALSE(store.Erase("b").value());
  EXPECT_THAT(ValueOf(store, "b"), Optional(Eq("first b")));
  EXPECT_TRUE(troubles_.empty());
}

TEST_F(LayeredStoreTest, LooksForManyAtOnce) {
  LayeredStore store = Layered();
  ASSERT_TRUE(
      store.PutMany(std::vector<storage::KeyedRecord>{{"b", {.value = "own b"}}}, true).ok());
  const std::vector<std::string> keys = {"a", "b", "c", "d"};
  std::vector<std::string> values(keys.size());
  const auto visit = [&](size_t i, const storage::Record& record) { values[i] = record.value; };
  ASSERT_TRUE(store.GetMany(keys, visit).ok());
  EXPECT_THAT(values, ::testing::ElementsAre("first a", "own b", "second c", ""));
}

TEST_F(LayeredStoreTest, PacksAnswerWhereTheStoreFails) {
  LayeredStore store = Layered();
  own_->Fail(StoreCall::kGet, absl::DataLossError("damaged"));
  EXPECT_THAT(ValueOf(store, "a"), Optional(Eq("first a")));
  EXPECT_EQ(troubles_.size(), 1u);
  EXPECT_TRUE(absl::IsDataLoss(store.Get("d", [](const storage::Record&) {}).status()));
}

TEST_F(LayeredStoreTest, PacksAnswerWhereThereCanBeNoStore) {
  open_ = absl::PermissionDeniedError("read-only");
  LayeredStore store = Layered();
  EXPECT_THAT(ValueOf(store, "a"), Optional(Eq("first a")));
  EXPECT_TRUE(absl::IsPermissionDenied(store.Put("a", {.value = "own"})));
  EXPECT_TRUE(absl::IsPermissionDenied(store.Size().status()));
  int visits = 0;
  const auto visit = [&](size_t, const storage::Record&) { ++visits; };
  EXPECT_TRUE(
      absl::IsPermissionDenied(store.GetMany(std::vector<std::string>{"a", "c", "d"}, visit)));
  EXPECT_EQ(visits, 2);
}

TEST_F(LayeredStoreTest, ADamagedPackKeepsNoOtherFromAnswering) {
  LayeredStore store = Layered();
  WriteFile(file_, std::string(10'000, 'x'));  // the second one
  EXPECT_THAT(ValueOf(store, "a"), Optional(Eq("first a")));
  EXPECT_EQ(ValueOf(store, "c"), std::nullopt);
  EXPECT_EQ(troubles_.size(), 1u);
  EXPECT_TRUE(absl::IsDataLoss(troubles_.front()));
}

}  // namespace
}  // namespace permacache::archive
