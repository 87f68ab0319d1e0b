#include "permacache/storage/lmdb_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "permacache/storage/lmdb_store.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::testing {
namespace {

using storage::CheckMetaPages;
using storage::LmdbStore;
using storage::Record;

constexpr size_t kPage = 4096;
constexpr int kEntries = 400;

std::string Key(int i) { return "key " + std::to_string(i); }

// Some small, some of several pages; sizes differ, so that pages split unevenly.
std::string Value(int i) {
  return std::string(i % 40 == 0 ? 9000 + i : 10 + i % 90, static_cast<char>('a' + i % 26));
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The data file of a store with kEntries entries, after some erasing, so that there are free pages.
std::string MakeDataFile() {
  const TemporaryDirectory directory;
  {
    auto store = LmdbStore::Open({.environment = {.directory = directory.path()}}).value();
    for (int i = 0; i < kEntries + 100; ++i) {
      EXPECT_TRUE(store->Put(Key(i), {.value = Value(i)}).ok());
    }
    for (int i = kEntries; i < kEntries + 100; ++i) EXPECT_TRUE(store->Erase(Key(i)).value());
  }
  return ReadFile(directory.path() / "data.mdb");
}

struct Outcome {
  absl::Status opened;
  int right = 0;
  int wrong = 0;
};

// Opens a cache with this data file, reads and writes all of it.
Outcome Use(const std::string& bytes) {
  const TemporaryDirectory directory;
  std::ofstream(directory.path() / "data.mdb", std::ios::binary) << bytes;
  Outcome outcome;
  auto store = LmdbStore::Open({.environment = {.directory = directory.path()}});
  outcome.opened = store.status();
  if (!store.ok()) return outcome;
  for (int i = 0; i < kEntries; ++i) {
    std::optional<std::string> value;
    const auto keep = [&](const Record& record) { value = std::string(record.value); };
    (*store)->Get(Key(i), keep).IgnoreError();
    outcome.right += value == Value(i);
    outcome.wrong += value.has_value() && value != Value(i);
    if (i % 30 == 0 && (*store)->Put(Key(i), {.value = Value(i)}).ok()) {
      value.reset();
      outcome.wrong += (*store)->Get(Key(i), keep).ok() && value != Value(i);
    }
  }
  return outcome;
}

TEST(LmdbCheck, LetsASoundFilePass) {
  const Outcome outcome = Use(MakeDataFile());
  EXPECT_TRUE(outcome.opened.ok()) << outcome.opened;
  EXPECT_EQ(outcome.right, kEntries);
}

TEST(LmdbCheck, LetsAMissingAndAnEmptyFilePass) {
  const TemporaryDirectory directory;
  EXPECT_TRUE(CheckMetaPages(directory.path() / "missing").ok());
  std::ofstream(directory.path() / "empty");
  EXPECT_TRUE(CheckMetaPages(directory.path() / "empty").ok());
  EXPECT_TRUE(Use("").opened.ok());
}

TEST(LmdbCheck, FindsAFileThatIsNotLmdbs) {
  for (const std::string& bytes :
       {std::string("hello"), std::string(100000, 'x'), std::string(3 * kPage, '\0')}) {
    const Outcome outcome = Use(bytes);
    EXPECT_TRUE(absl::IsDataLoss(outcome.opened)) << outcome.opened;
    EXPECT_THAT(std::string(outcome.opened.message()), ::testing::HasSubstr("data.mdb"));
  }
}

TEST(LmdbCheck, FindsAPageSizeThatLmdbCannotHave) {
  std::string bytes = MakeDataFile();
  bytes[kPage + 16 + 24 + 2] = 1;  // 65536 + 4096 on the second meta page
  EXPECT_TRUE(absl::IsDataLoss(Use(bytes).opened));
}

// LMDB would read the earlier one for the later, whose pages are in use again.
TEST(LmdbCheck, FindsMetaPagesThatWereSwapped) {
  std::string bytes = MakeDataFile();
  std::swap_ranges(bytes.begin(), bytes.begin() + kPage, bytes.begin() + kPage);
  EXPECT_TRUE(absl::IsDataLoss(Use(bytes).opened));
}

// LMDB would write new pages over those that lie behind.
TEST(LmdbCheck, FindsALastPageThatIsNotTheLast) {
  constexpr size_t kLastPage = 16 + 24 + 2 * 48;
  std::string bytes = MakeDataFile();
  for (const size_t meta : {size_t{0}, kPage}) {
    bytes.replace(meta + kLastPage, 8, std::string("\5\0\0\0\0\0\0\0", 8));
  }
  EXPECT_TRUE(absl::IsDataLoss(Use(bytes).opened));
}

// LMDB would take it for a copy of its own and write to it, where it is read-only.
TEST(LmdbCheck, FindsAPageThatClaimsToBeDirty) {
  constexpr char kOverflow = 0x04, kDirty = 0x10;
  std::string bytes = MakeDataFile();
  int changed = 0;
  for (size_t flags = 2 * kPage + 10; flags < bytes.size(); flags += kPage) {
    if (bytes[flags] != kOverflow || bytes[flags + 1] != 0) continue;
    bytes[flags] |= kDirty;
    ++changed;
  }
  ASSERT_GT(changed, 0);
  EXPECT_TRUE(absl::IsDataLoss(Use(bytes).opened));
}

TEST(LmdbCheck, FindsWhatIsNoRegularFile) {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "data.mdb";
  std::filesystem::create_directory(file);
  EXPECT_TRUE(absl::IsDataLoss(CheckMetaPages(file)));
  std::filesystem::remove(file);
  ASSERT_EQ(mkfifo(file.c_str(), 0600), 0);
  EXPECT_TRUE(absl::IsDataLoss(CheckMetaPages(file)));
  std::filesystem::remove(file);
  std::filesystem::create_symlink("/dev/zero", file);
  EXPECT_TRUE(absl::IsDataLoss(CheckMetaPages(file)));
}

TEST(LmdbCheck, FindsEachTruncation) {
  const std::string sound = MakeDataFile();
  for (size_t size = 1; size < sound.size(); size += 5 * kPage / 2) {
    const Outcome outcome = Use(sound.substr(0, size));
    // A cut may fall among free pages only; then nothing is missing.
    EXPECT_TRUE(absl::IsDataLoss(outcome.opened) || outcome.right == kEntries)
        << size << ": " << outcome.opened;
    EXPECT_EQ(outcome.wrong, 0);
  }
}

}  // namespace
}  // namespace permacache::testing
