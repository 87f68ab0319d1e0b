#include "permacache/storage/lmdb_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <lmdb.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "permacache/storage/key_digest.h"
#include "permacache/storage/lmdb_environment.h"
#include "permacache/storage/lmdb_store.h"
#include "permacache/testing/random.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::testing {
namespace {

using storage::CheckMetaPages;
using storage::CheckPages;
using storage::KeyDigest;
using storage::LmdbEnvironment;
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
  const TemporaryDirectory directory(ParentInMemory());
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
  absl::Status checked;  // when it was opened, or else by the first that wanted all of it
  int right = 0;
  int wrong = 0;
};

// Opens a cache with this data file, reads all of it, as it is and after the check, and writes.
Outcome Use(const std::string& bytes) {
  const TemporaryDirectory directory(ParentInMemory());
  std::ofstream(directory.path() / "data.mdb", std::ios::binary) << bytes;
  Outcome outcome;
  auto store = LmdbStore::Open({.environment = {.directory = directory.path()}});
  outcome.checked = store.status();
  if (!store.ok()) return outcome;
  for (const bool is_checked : {false, true}) {
    for (int i = 0; i < kEntries; ++i) {
      std::optional<std::string> value;
      const auto keep = [&](const Record& record) { value = std::string(record.value); };
      (*store)->Get(Key(i), keep).IgnoreError();
      outcome.right += !is_checked && value == Value(i);
      outcome.wrong += value.has_value() && value != Value(i);
      if (is_checked && i % 30 == 0 && (*store)->Put(Key(i), {.value = Value(i)}).ok()) {
        value.reset();
        outcome.wrong += (*store)->Get(Key(i), keep).ok() && value != Value(i);
      }
    }
    if (!is_checked) outcome.checked = (*store)->Size().status();
  }
  return outcome;
}

TEST(LmdbCheck, LetsASoundFilePass) {
  const Outcome outcome = Use(MakeDataFile());
  EXPECT_TRUE(outcome.checked.ok()) << outcome.checked;
  EXPECT_EQ(outcome.right, kEntries);
}

// Puts or erases some entries of any size in one transaction.
absl::Status ChangeSome(LmdbEnvironment& environment, MDB_dbi database, bool grows,
                        std::mt19937_64& random) {
  return environment.Write([&](MDB_txn* txn) {
    for (uint64_t left = random() % 200; left > 0; --left) {
      KeyDigest digest = storage::DigestOfKey(Key(static_cast<int>(random() % 5000)));
      const std::string value(random() % 50 == 0 ? random() % 20'000 : random() % 500, 'v');
      MDB_val key{digest.size(), digest.data()};
      MDB_val bytes{value.size(), const_cast<char*>(value.data())};
      const bool puts = random() % 8 == 0 ? !grows : grows;
      const int error =
          puts ? mdb_put(txn, database, &key, &bytes, 0) : mdb_del(txn, database, &key, nullptr);
      if (error != 0 && error != MDB_NOTFOUND) return error;
    }
    return 0;
  });
}

// The trees grow and shrink, so that pages split, merge and become free in every way.
TEST(LmdbCheck, LetsWhateverLmdbMakesPass) {
  const TemporaryDirectory directory(ParentInMemory());
  const std::filesystem::path file = directory.path() / "data.mdb";
  std::mt19937_64 random = SeededRandom();
  const auto environment = LmdbEnvironment::Acquire({.directory = directory.path()}).value();
  for (int round = 0; round < 600; ++round) {
    const MDB_dbi database = environment->OpenGeneration(round % 3).value();
    ASSERT_TRUE(ChangeSome(*environment, database, round / 100 % 2 == 0, random).ok());
    const absl::Status metas = CheckMetaPages(file);
    ASSERT_TRUE(metas.ok()) << metas;
    absl::Status pages;
    ASSERT_TRUE(environment
                    ->Read([&](MDB_txn* txn) {
                      mdb_filehandle_t fd;
                      mdb_env_get_fd(mdb_txn_env(txn), &fd);
                      pages = CheckPages(fd, mdb_txn_id(txn));
                      return 0;
                    })
                    .ok());
    ASSERT_TRUE(pages.ok()) << pages;
  }
}

TEST(LmdbCheck, LetsAMissingAndAnEmptyFilePass) {
  const TemporaryDirectory directory;
  EXPECT_TRUE(CheckMetaPages(directory.path() / "missing").ok());
  std::ofstream(directory.path() / "empty");
  EXPECT_TRUE(CheckMetaPages(directory.path() / "empty").ok());
  EXPECT_TRUE(Use("").checked.ok());
}

TEST(LmdbCheck, FindsAFileThatIsNotLmdbs) {
  for (const std::string& bytes :
       {std::string("hello"), std::string(100000, 'x'), std::string(3 * kPage, '\0')}) {
    const Outcome outcome = Use(bytes);
    EXPECT_TRUE(absl::IsDataLoss(outcome.checked)) << outcome.checked;
    EXPECT_THAT(std::string(outcome.checked.message()), ::testing::HasSubstr("data.mdb"));
  }
}

// What LMDB writes when it makes a file.
std::string MakeEmptyDataFile() {
  const TemporaryDirectory directory;
  const auto environment = LmdbEnvironment::Acquire({.directory = directory.path()});
  EXPECT_TRUE(environment.ok()) << environment.status();
  return ReadFile(directory.path() / "data.mdb");
}

// A crash or a full disk may cut it short; there is nothing in it to be lost.
TEST(LmdbCheck, LetsAFileThatIsUnfinishedBeginAnew) {
  const std::string whole = MakeEmptyDataFile();
  ASSERT_EQ(whole.size(), 2 * kPage);
  std::vector<std::string> parts = {std::string(512, '\0'), std::string(2 * kPage, '\0'),
                                    std::string(kPage, '\0') + whole.substr(kPage),
                                    whole.substr(0, kPage) + std::string(512, '\0')};
  for (const size_t size :
       {size_t{512}, size_t{1024}, kPage - 512, kPage, kPage + 512, 2 * kPage - 512, 2 * kPage}) {
    parts.push_back(whole.substr(0, size));
  }
  for (const std::string& part : parts) {
    const Outcome outcome = Use(part);
    EXPECT_TRUE(outcome.checked.ok()) << outcome.checked;
    EXPECT_EQ(outcome.right + outcome.wrong, 0);
  }
}

TEST(LmdbCheck, LetsNoOtherShortFileBeginAnew) {
  const std::string whole = MakeEmptyDataFile();
  for (const size_t at : {size_t{0}, size_t{9}, size_t{10}, size_t{16}, size_t{19}, size_t{144},
                          size_t{151}, size_t{152}, size_t{1000}, kPage - 513}) {
    for (const size_t page : {size_t{0}, kPage}) {
      std::string bytes = whole.substr(0, 2 * kPage - 512);
      bytes[page + at] ^= 1;
      EXPECT_TRUE(absl::IsDataLoss(Use(bytes).checked)) << page + at;
    }
  }
  const std::string used = MakeDataFile();
  for (const std::string& bytes : {whole.substr(0, 1), whole.substr(0, 2 * kPage - 1),
                                   used.substr(0, kPage), used.substr(0, 2 * kPage - 512)}) {
    EXPECT_TRUE(absl::IsDataLoss(Use(bytes).checked)) << bytes.size();
  }
}

TEST(LmdbCheck, FindsAPageSizeThatLmdbCannotHave) {
  std::string bytes = MakeDataFile();
  bytes[kPage + 16 + 24 + 2] = 1;  // 65536 + 4096 on the second meta page
  EXPECT_TRUE(absl::IsDataLoss(Use(bytes).checked));
}

// LMDB would read the earlier one for the later, whose pages are in use again.
TEST(LmdbCheck, FindsMetaPagesThatWereSwapped) {
  std::string bytes = MakeDataFile();
  std::swap_ranges(bytes.begin(), bytes.begin() + kPage, bytes.begin() + kPage);
  EXPECT_TRUE(absl::IsDataLoss(Use(bytes).checked));
}

// LMDB would write new pages over those that lie behind.
TEST(LmdbCheck, FindsALastPageThatIsNotTheLast) {
  constexpr size_t kLastPage = 16 + 24 + 2 * 48;
  std::string bytes = MakeDataFile();
  for (const size_t meta : {size_t{0}, kPage}) {
    bytes.replace(meta + kLastPage, 8, std::string("\5\0\0\0\0\0\0\0", 8));
  }
  EXPECT_TRUE(absl::IsDataLoss(Use(bytes).checked));
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
  EXPECT_TRUE(absl::IsDataLoss(Use(bytes).checked));
}

// LMDB would not find what is there, and find again what was erased.
TEST(LmdbCheck, FindsKeysThatBelongOnAnotherPage) {
  constexpr char kLeaf = 0x02;
  constexpr size_t kNumber = 8;  // stays, as the check would notice another
  const std::string sound = MakeDataFile();
  std::vector<size_t> leaves;
  for (size_t page = 2 * kPage; page < sound.size(); page += kPage) {
    if (sound[page + 10] == kLeaf && sound[page + 11] == 0) leaves.push_back(page);
  }
  int found = 0;
  for (size_t i = 1; i < leaves.size(); ++i) {
    std::string bytes = sound;
    bytes.replace(leaves[i] + kNumber, kPage - kNumber, sound, leaves[i - 1] + kNumber,
                  kPage - kNumber);
    const Outcome outcome = Use(bytes);
    // A page may be a free one; then nothing is missing.
    EXPECT_TRUE(absl::IsDataLoss(outcome.checked) || outcome.right == kEntries)
        << leaves[i] << ": " << outcome.checked;
    found += absl::IsDataLoss(outcome.checked);
  }
  EXPECT_GT(found, 0);
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
    EXPECT_TRUE(absl::IsDataLoss(outcome.checked) || outcome.right == kEntries)
        << size << ": " << outcome.checked;
    EXPECT_EQ(outcome.wrong, 0);
  }
}

}  // namespace
}  // namespace permacache::testing
