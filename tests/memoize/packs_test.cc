// Packs: results that ship with a program lie under its cache, as a layer that is only read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "permacache/archive/export.h"
#include "permacache/memoize/memoize.h"
#include "permacache/testing/processes.h"
#include "permacache/testing/temporary_directory.h"

namespace permacache::testing {
namespace {

using namespace permacache::literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace fs = std::filesystem;

int computed = 0;

std::string Letters(int count) {
  ++computed;
  return std::string(count, 'x');
}

std::string Other(int count) {
  ++computed;
  return "other " + std::to_string(count);
}

void Write(int x, const fs::path& path) {
  ++computed;
  std::ofstream(path) << "written " << x;
}

std::vector<int> Squares(const std::vector<int>& xs) {
  std::vector<int> squares;
  for (const int x : xs) squares.push_back(x * x);
  computed += static_cast<int>(xs.size());
  return squares;
}

std::string ContentOf(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The pack has what functions have computed in a cache with this storage; the cache over it has
// another one.
class PacksTest : public ::testing::TestWithParam<std::pair<Storage, Storage>> {
 protected:
  PacksTest() {
    const Cache cache({.directory = directory_.path() / "shipped", .storage = GetParam().first});
    const auto letters = cache.Memoize("a/letters", Letters, "n"_a);
    for (const int n : {0, 1, 5, 1'000, 5'000'000}) letters(n);
    cache.Memoize("a/write", Write, "x"_a, "path"_a.OutFile())(7, directory_.path() / "first");
    cache.Memoize("squares", Squares, "xs"_a.Batch())({1, 2, 3});
    SyncAll();
    const auto exported = archive::Export(directory_.path() / "shipped", pack_);
    EXPECT_TRUE(exported.ok()) << exported.status();
    fs::remove_all(directory_.path() / "shipped");
    computed = 0;
  }

  CacheOptions Options() {
    return {.directory = directory_.path() / "own",
            .storage = GetParam().second,
            .packs = {pack_},
            .on_failure = [this](const Failure& failure) { failures_.push_back(failure); }};
  }

  const TemporaryDirectory directory_;
  const fs::path pack_ = directory_.path() / "pack";
  std::vector<Failure> failures_;
};

INSTANTIATE_TEST_SUITE_P(Storages, PacksTest,
                         ::testing::Values(std::pair(Storage::kDisk, Storage::kDisk),
                                           std::pair(Storage::kFiles, Storage::kDisk),
                                           std::pair(Storage::kDisk, Storage::kFiles),
                                           std::pair(Storage::kDisk, Storage::kMemory)));

TEST_P(PacksTest, CallsFindWhatIsInThePackAndComputeTheRest) {
  const Cache cache(Options());
  auto letters = cache.Memoize("a/letters", Letters, "n"_a);
  for (const int n : {0, 1, 5, 1'000, 5'000'000}) {
    EXPECT_TRUE(letters.Contains(n));
    EXPECT_EQ(letters(n), std::string(n, 'x'));
  }
  EXPECT_EQ(computed, 0);
  EXPECT_EQ(letters(2), "xx");
  EXPECT_EQ(letters(2), "xx");
  EXPECT_EQ(computed, 1);
  EXPECT_EQ(letters.Size(), 1);
  const FunctionStats stats = letters.Stats();
  EXPECT_EQ(stats.hits, 6);
  EXPECT_EQ(stats.misses, 1);
  EXPECT_EQ(letters.Lookup(5), "xxxxx");
  EXPECT_TRUE(letters.Explain(5).hit);
  EXPECT_THAT(failures_, IsEmpty());
}

TEST_P(PacksTest, AHitThereIsNoneOfMemory) {
  const Cache cache(Options());
  auto letters = cache.Memoize("a/letters", Letters, "n"_a);
  letters(5);
  letters(5);
  EXPECT_EQ(letters.Stats().hits, 2);
  EXPECT_EQ(letters.Stats().memory_hits, 0);
}

TEST_P(PacksTest, OtherVersionsAndFunctionsSeeNothing) {
  const Cache cache(Options());
  cache.Memoize({.name = "a/letters", .version = 1}, Letters, "n"_a)(5);
  cache.Memoize("letters", Letters, "n"_a)(5);
  EXPECT_EQ(computed, 2);
}

TEST_P(PacksTest, RecomputeHidesAndForgetShowsAgain) {
  const Cache cache(Options());
  auto letters = cache.Memoize("a/letters", Other, "n"_a);
  EXPECT_EQ(letters(5), "xxxxx");
  EXPECT_EQ(letters.Recompute(5), "other 5");
  EXPECT_EQ(letters(5), "other 5");
  EXPECT_TRUE(letters.Forget(5));
  EXPECT_FALSE(letters.Forget(5));
  EXPECT_EQ(letters(5), "xxxxx");
  letters.Recompute(5);
  letters.Clear();
  EXPECT_EQ(letters(5), "xxxxx");
  EXPECT_EQ(letters.Size(), 0);
}

TEST_P(PacksTest, FilesThatAFunctionWroteAreMadeOfIt) {
  const Cache cache(Options());
  auto write = cache.Memoize("a/write", Write, "x"_a, "path"_a.OutFile());
  const fs::path path = directory_.path() / "second";
  EXPECT_TRUE(write.Contains(7, path));
  write(7, path);
  EXPECT_EQ(ContentOf(path), "written 7");
  EXPECT_EQ(computed, 0);
}

TEST_P(PacksTest, BatchesComputeWhatIsInNeither) {
  const Cache cache(Options());
  auto squares = cache.Memoize("squares", Squares, "xs"_a.Batch());
  const BatchPlan plan = squares.Plan({1, 2, 3, 4});
  EXPECT_EQ(plan.cached, 3);
  EXPECT_EQ(plan.missing, 1);
  EXPECT_THAT(squares({4, 3, 2, 1}), ElementsAre(16, 9, 4, 1));
  EXPECT_EQ(computed, 1);
}

TEST_P(PacksTest, APackThatIsMissingIsReportedAndCallsGoOn) {
  CacheOptions options = Options();
  options.packs.insert(options.packs.begin(), directory_.path() / "missing");
  const Cache cache(options);
  auto letters = cache.Memoize("a/letters", Letters, "n"_a);
  EXPECT_EQ(letters(5), "xxxxx");
  EXPECT_EQ(letters(3), "xxx");
  EXPECT_EQ(computed, 1);
  ASSERT_EQ(failures_.size(), 1u);
  EXPECT_EQ(failures_[0].function, "a/letters");
  EXPECT_THAT(failures_[0].message, HasSubstr((directory_.path() / "missing").string()));
}

TEST_P(PacksTest, APackThatIsDamagedIsReportedAndNeverWrong) {
  const auto size = fs::file_size(pack_);
  {
    std::fstream file(pack_, std::ios::in | std::ios::out | std::ios::binary);
    for (std::streamoff at = 200; at + 400 < static_cast<std::streamoff>(size); at += 10) {
      file.seekp(at);
      file.put('\x55');
    }
  }
  const Cache cache(Options());
  auto letters = cache.Memoize("a/letters", Letters, "n"_a);
  for (int round = 0; round < 2; ++round) {
    for (const int n : {0, 1, 5, 1'000}) EXPECT_EQ(letters(n), std::string(n, 'x'));
  }
  EXPECT_EQ(computed, 4);
  EXPECT_THAT(failures_, ::testing::Not(IsEmpty()));
}

TEST(Packs, LieUnderACacheThatCannotBeWritten) {
  const TemporaryDirectory directory;
  const fs::path pack = directory.path() / "pack";
  {
    const Cache cache({.directory = directory.path() / "shipped"});
    cache.Memoize("letters", Letters, "n"_a)(5);
    SyncAll();
    ASSERT_TRUE(archive::Export(directory.path() / "shipped", pack).ok());
  }
  computed = 0;
  const fs::path locked = directory.path() / "locked";
  fs::create_directory(locked);
  fs::permissions(locked, fs::perms::owner_read | fs::perms::owner_exec);
  fs::permissions(pack, fs::perms::owner_read);
  EXPECT_EQ(
      RunAsOrdinaryUser([&] {
        const Cache cache(
            {.directory = locked / "cache", .packs = {pack}, .on_failure = [](const Failure&) {}});
        auto letters = cache.Memoize("letters", Letters, "n"_a);
        return letters(5) == "xxxxx" && computed == 0 && letters(6) == "xxxxxx" && computed == 1 &&
                       letters.Stats().failures > 0
                   ? 0
                   : 1;
      }),
      0);
}

}  // namespace
}  // namespace permacache::testing
