// Housekeeping of a whole cache: Prune, Compact and Verify.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "permacache/memoize/memoize.h"
#include "permacache/testing/processes.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::testing {
namespace {

using namespace permacache::literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Letters(int count) { return std::string(count, 'x'); }

int SlowTwice(int x) {
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  return 2 * x;
}

class HousekeepingTest : public ::testing::TestWithParam<Storage> {
 protected:
  HousekeepingTest() : cache_({.directory = directory_.path(), .storage = GetParam()}) {}

  void Corrupt(const std::filesystem::path& file) const {
    const auto size = std::filesystem::file_size(file);
    std::fstream(file, std::ios::in | std::ios::out | std::ios::binary)
            .seekp(static_cast<std::streamoff>(size / 2))
        << "damage";
  }

  const TemporaryDirectory directory_;
  const Cache cache_;
};

INSTANTIATE_TEST_SUITE_P(Storages, HousekeepingTest,
                         ::testing::Values(Storage::kDisk, Storage::kFiles));

TEST_P(HousekeepingTest, OfACacheThatIsNotThereYetDoesNothing) {
  const Cache cache({.directory = directory_.path() / "missing", .storage = GetParam()});
  EXPECT_EQ(cache.Prune({.max_bytes = 0}).removed_entries, 0);
  EXPECT_NO_THROW(cache.Compact());
  EXPECT_TRUE(cache.Verify().ok());
  EXPECT_FALSE(std::filesystem::exists(directory_.path() / "missing"));
}

TEST_P(HousekeepingTest, PruneLooksAtAllFunctionsAndVersions) {
  auto large = cache_.Memoize("a/large", Letters, "n"_a);
  auto slow = cache_.Memoize("b/slow", SlowTwice, "x"_a);
  auto version = cache_.Memoize({.name = "a/large", .version = 2}, Letters, "n"_a);
  for (int i = 0; i < 5; ++i) {
    large(100'000 + i);
    slow(i);
    version(100'000 + i);
  }
  SyncAll();
  int64_t done = 0, total = 0;
  const PruneReport report = cache_.Prune({.max_bytes = 20'000}, [&](int64_t d, int64_t t) {
    done = d;
    total = t;
  });
  EXPECT_EQ(report.removed_entries, 10);
  EXPECT_EQ(report.kept_entries, 5);
  EXPECT_EQ(done, total);
  EXPECT_EQ(large.Size(), 0);
  EXPECT_EQ(version.Size(), 0);
  EXPECT_EQ(slow.Size(), 5);
  EXPECT_EQ(large(100'000).size(), 100'000u);
  EXPECT_EQ(cache_.Prune({.older_than = std::chrono::nanoseconds(0)}).removed_entries, 6);
  EXPECT_EQ(slow.Size(), 0);
}

TEST_P(HousekeepingTest, CompactGivesDiskBackAndKeepsTheRest) {
  auto large = cache_.Memoize("large", Letters, "n"_a);
  for (int i = 0; i < 50; ++i) large(100'000 + i);
  for (int i = 1; i < 50; ++i) large.Forget(100'000 + i);
  const auto size = [&] {
    uintmax_t sum = 0;
    for (const auto& file : std::filesystem::recursive_directory_iterator(directory_.path())) {
      if (file.is_regular_file() && file.path().filename() != "lock.mdb") sum += file.file_size();
    }
    return sum;
  };
  cache_.Compact();
  EXPECT_LT(size(), 400'000u);
  EXPECT_TRUE(large.Contains(100'000));
  EXPECT_EQ(large(100'001).size(), 100'001u);
}

TEST_P(HousekeepingTest, VerifyFindsWhatIsDamagedAndNamesTheFunction) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "a child that starts threads cannot be followed when its parent has some";
#endif
  auto large = cache_.Memoize("a/large", Letters, "n"_a);
  auto small = cache_.Memoize("b", Letters, "n"_a);
  for (int i = 0; i < 3; ++i) {
    large(5'000'000 + i);
    small(i);
  }
  SyncAll();
  VerifyReport report = cache_.Verify();
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.entries, 6);
  EXPECT_THAT(report.problems, IsEmpty());

  const auto folder =
      directory_.path() / "a" / "large" / (GetParam() == Storage::kDisk ? ".values" : "v0");
  Corrupt(std::filesystem::directory_iterator(folder)->path());
  report = cache_.Verify();
  EXPECT_FALSE(report.ok());
  EXPECT_EQ(report.damaged, 1);
  EXPECT_EQ(report.entries, 6);
  EXPECT_THAT(report.problems, ElementsAre(HasSubstr("a/large")));
  // The damaged one is computed anew and replaced.
  for (int i = 0; i < 3; ++i) EXPECT_EQ(large(5'000'000 + i).size(), size_t(5'000'000 + i));
  SyncAll();
  EXPECT_TRUE(cache_.Verify().ok());
}

TEST(Housekeeping, OneDamagedFunctionDoesNotKeepTheOthersFromTheirTurn) {
  const TemporaryDirectory directory;
  const Cache cache({.directory = directory.path()});
  auto sound = cache.Memoize("sound", Letters, "n"_a);
  sound(1);
  SyncAll();
  std::filesystem::create_directory(directory.path() / "broken");
  std::ofstream(directory.path() / "broken" / "data.mdb") << Letters(10'000);
  try {
    cache.Prune({.max_bytes = 0});
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("broken"));
  }
  EXPECT_EQ(sound.Size(), 0);
  EXPECT_THROW(cache.Compact(), Error);
}

TEST(Housekeeping, OfACacheInMemoryIsRefused) {
  const Cache cache({.storage = Storage::kMemory});
  EXPECT_THROW(cache.Prune({}), Error);
  EXPECT_THROW(cache.Compact(), Error);
  EXPECT_THROW(cache.Verify(), Error);
}

TEST(Housekeeping, NoFunctionCanHaveTheNameOfTheFolderOfValues) {
  const TemporaryDirectory directory;
  EXPECT_THROW((void)Cache({.directory = directory.path()}).Memoize("f/.values", Letters), Error);
}

}  // namespace
}  // namespace permacache::testing
